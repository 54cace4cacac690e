"""What became of a fact, in words that a person on call understands without the semantics page."""

from __future__ import annotations

from collections.abc import Sequence

# By disposition and reason; `{by}` is the fact that decided it. A reason that is not listed is shown as it is.
_DISPOSITIONS: dict[tuple[str, str | None], str] = {
    ("applied", None): "counts",
    ("absorbed", "inside_base"): "already in the base",
    ("confirmed", None): "fits what the owner says",
    ("confirmed", "undecided"): "fits what the owner says, and would fit other numbers too",
    ("contradicted", None): "contradicts what the owner says",
    ("contradicted", "in_flight"): "contradicts what the owner says; what the owner may still post explains it",
    ("stale", "before_primary"): "older than what the owner had told before: never overwrites",
    ("duplicate", "same_line"): "the same line told again, with the same content",
    ("duplicate", "same_event"): "the same event told again, with the same content",
    ("conflict", "same_line"): "the same line told with other content: the first telling stands",
    ("conflict", "same_event"): "the same event told with other content: the kept telling stands",
    ("conflict", "revision_of_other_stock"): "a revision that names another item or lot",
    ("superseded", "later_revision"): "replaced by a later revision of its line",
    ("superseded", "cancelled"): "taken back by its source",
    ("not_owner", "observer"): "its source does not own this number: evidence only",
    ("not_owner", "secondary_movement"): "a movement of a source that only stands in: evidence only",
    ("not_owner", "derived_measure"): "a derived number: evidence only",
    ("not_owner", "finer_than_grain"): "by lot, where the owner counts by item: evidence only",
    ("not_owner", "coarser_than_grain"): "by item, where the owner counts by lot: evidence only",
    ("echo", None): "our own correction coming back",
    ("test", "test_indicator"): "a test message",
}


def why(disposition: str, reason: str | None) -> str:
    """``stale``, ``before_primary`` -> a clause."""
    if disposition == "quarantined":
        return f"could not be understood: {reason}"
    found = _DISPOSITIONS.get((disposition, reason))
    return found or f"{disposition.replace('_', ' ')}" + (f" ({reason})" if reason else "")


def verdict(name: str, is_decided: bool, variances: Sequence[int], reason: str | None) -> str:
    """A verdict with its variance set, the variances in ascending order (semantics §6)."""
    if name == "match":
        others = "" if is_decided else f"; {_numbers(variances)} would be possible too: undecided"
        return f"match{others}"
    if name == "incomparable":
        reasons = {
            "nothing_to_compare_with": "nothing to compare it with",
            "too_many_orders": "too many possible orders of movements",
        }
        return f"not comparable: {reasons.get(reason or '', reason or 'evidence only')}"
    return f"{name}: off by {_numbers(variances)}"


SHOWN_MAX = 4


def _numbers(values: Sequence[int]) -> str:
    """``[-4, 0, 2]`` -> ``-4 or +2``: 0 is the match itself."""
    others = [value for value in values if value]
    shown = [signed(value) for value in others[:SHOWN_MAX]]
    more = f" … {signed(others[-1])} ({len(others)} numbers)" if len(others) > SHOWN_MAX else ""
    return " or ".join(shown) + more


def signed(quantity: int) -> str:
    """``+3``, ``−3``, ``0``."""
    return f"{quantity:+d}".replace("-", "−") if quantity else "0"
