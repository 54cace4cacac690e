"""A bundle of events as one mail: subject, body and Message-ID. Sending it is Airflow's (``plugins``)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncline.notices.event import Bundle, Event

LINES_MAX = 50
WORDS_MAX = 160
DOMAIN = "syncline.invalid"


@dataclass(frozen=True, slots=True)
class Digest:
    """``message_id`` follows from the events alone: a mail server or reader that knows it can drop the repeat."""

    message_id: str
    subject: str
    html: str


def digest(subscriber: str, bundle: Bundle) -> Digest:
    """The mail of ``bundle``. What was written by others stands in the body only, escaped, never in a header."""
    counts = sorted(Counter(event.kind for event in bundle.events).items())
    head = ", ".join(f"{count} {kind}" for kind, count in counts)
    shown = [_line(event) for event in bundle.events[:LINES_MAX]]
    left = len(bundle.events) - len(shown)
    rest = f"<p>And {left} more, up to event {bundle.events[-1].position}: see ops.events.</p>" if left else ""
    return Digest(
        f"<{bundle.bundle_id[:40]}.{subscriber}@{DOMAIN}>",
        f"Syncline: {head}",
        f"<html><body><p>{escape(head)}</p><ul>{''.join(shown)}</ul>{rest}</body></html>",
    )


def _line(event: Event) -> str:
    said = event.payload.get("detail") or event.payload.get("reason") or ""
    numbers = ""
    if "wanted" in event.payload:
        numbers = f" shown {event.payload['shown']}, wanted {event.payload['wanted']}"
    words = f"{event.occurred_at:%Y-%m-%d %H:%M} {event.kind} {event.subject}{numbers} {said}"
    return f"<li>{escape(' '.join(words.split())[:WORDS_MAX])}</li>"
