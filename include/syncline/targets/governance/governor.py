"""What is asked before each request to a target, and told after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from syncline.targets.contract import Budget


@dataclass(frozen=True)
class Permit:
    """Leave to make one call. ``number``: of its lease, empty where nobody counts."""

    number: str = ""


@dataclass(frozen=True)
class Heard:
    """What came of a permitted call. Without a status nothing usable came. ``is_login``: it was one for a token."""

    status_code: int | None = None
    retry_after_s: float | None = None
    is_login: bool = False


class Governor(Protocol):
    """One per adapter, like it not shared between threads; the limits behind it are shared by everybody.

    Attributes:
        login_refused: the login was refused since this was last set to False.
    """

    login_refused: bool

    def take(self, timeout_s: float) -> Permit:
        """Leave for one call of up to ``timeout_s`` real seconds; a short wait happens in here and is part of it.

        Raises:
            NotSent: not now; ``retry_after_s`` says when. Nothing was sent.
            LoginRefused: the target has refused this login, and it has not changed.
        """

    def give_back(self, permit: Permit, heard: Heard | None) -> None:
        """The call is over; None: it was not made."""

    def refuse_login(self) -> None:
        """The target refuses our login: nobody tries it again."""

    def pause(self, seconds: float, why: str = "it asked to wait") -> None:
        """The target asks to wait, in its own way: nobody calls it for so many real seconds."""

    def spend(self, budget: Budget) -> None:
        """The target says what is left of its own bucket: nobody calls it until that is enough again."""


class Ungoverned:
    """Allows everything and remembers nothing: for adapters that are opened by themselves."""

    def __init__(self) -> None:
        self.login_refused = False

    def take(self, timeout_s: float) -> Permit:
        return Permit()

    def give_back(self, permit: Permit, heard: Heard | None) -> None:
        return

    def refuse_login(self) -> None:
        self.login_refused = True

    def pause(self, seconds: float, why: str = "") -> None:
        return

    def spend(self, budget: Budget) -> None:
        return
