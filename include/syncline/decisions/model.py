"""What a decision is made of. It is checked when it is made; nothing edits it afterwards."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from syncline.errors import TerminalError

if TYPE_CHECKING:
    from datetime import datetime

Kind = Literal["keep", "write_off", "accept", "withdraw"]
BY_MAX = 200
WHY_MAX = 2000
UNITS_MAX = 10**12
PRINTABLE = re.compile(r"[^\x00-\x1f\x7f]+")
ID = re.compile(r"[!-~]{1,100}")


@dataclass(frozen=True)
class WriteOff:
    """A movement that only people know of, in our names: ``quantity`` signed, base units; ``recorded``: when it was."""

    item: str
    location: str
    measure: str
    lot: str | None
    uom: str
    quantity: int
    recorded: datetime
    event_key: str


@dataclass(frozen=True)
class Decision:
    """Who decided what, when and why.

    ``fact_id``: of ``keep`` the telling that holds. ``answers``: of ``keep`` the tellings that were seen beside it, of
    ``accept`` the facts that it answers, of ``withdraw`` those of the accept that it takes back. What is told later is
    no part of them and asks for a new decision. ``withdraws``: the decision that is taken back, also by a write-off
    that is the opposite of another.

    Raises:
        TerminalError: a text is missing, too long or not printable, or the id is none.
    """

    decision_id: str
    kind: Kind
    by: str
    at: datetime
    why: str
    fact_id: str | None = None
    answers: tuple[str, ...] = ()
    write_off: WriteOff | None = None
    withdraws: str | None = None

    def __post_init__(self) -> None:
        for what, text, most in (("name with --by", self.by, BY_MAX), ("reason with --why", self.why, WHY_MAX)):
            if not text.strip() or len(text) > most or not PRINTABLE.fullmatch(text):
                raise TerminalError(
                    f"The {what} is missing, over {most} characters or not printable.",
                    next_step=f"Give 1 to {most} printable characters.",
                )
        if not ID.fullmatch(self.decision_id):
            raise TerminalError(
                f"{self.decision_id[:100]!r} is no decision id.",
                next_step="Give 1 to 100 printable characters without spaces, or leave --id out.",
            )


def new_id() -> str:
    """An id that says nothing. Repeat a call with the same id: it is the same decision, never a second one."""
    return uuid.uuid4().hex
