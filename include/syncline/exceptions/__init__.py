"""What a person has to look at (ADR 0029): opened and closed by whoever finds it, worked at the desk."""

from syncline.exceptions.model import About, Kept
from syncline.exceptions.opening import (
    close_gone,
    is_standing,
    open_exception,
    open_from,
    resolve_exception,
    resolve_exceptions,
    wake_snoozed,
)

__all__ = [
    "About",
    "Kept",
    "close_gone",
    "is_standing",
    "open_exception",
    "open_from",
    "resolve_exception",
    "resolve_exceptions",
    "wake_snoozed",
]
