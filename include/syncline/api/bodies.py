"""What a caller may ask to be done with an exception."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt

from syncline.exceptions.desk import NAME_MAX, NOTE_MAX
from syncline.exceptions.model import Change, Evidence, Kept

Name = Annotated[str, Field(min_length=1, max_length=NAME_MAX)]
Text = Annotated[str, Field(min_length=1, max_length=NOTE_MAX)]


class Asked(BaseModel):
    """``by``: the person in whose name the key's holder acts. ``version``: the one that they have seen."""

    model_config = ConfigDict(extra="forbid")
    by: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    version: Annotated[int, Field(ge=1, strict=True)] | None = None


class Take(Asked):
    action: Literal["take"]
    note: Text | None = None


class Assign(Asked):
    action: Literal["assign"]
    owner: Name | None = None
    team: Name | None = None
    note: Text | None = None


class Comment(Asked):
    action: Literal["comment"]
    note: Text
    document: Name | None = None


class Snooze(Asked):
    action: Literal["snooze"]
    until: AwareDatetime
    note: Text | None = None


class Reopen(Asked):
    action: Literal["reopen"]
    note: Text


class AskPartner(Asked):
    action: Literal["ask partner"]
    question: Text
    due: AwareDatetime
    partner: Name | None = None


class Accept(Asked):
    action: Literal["accept"]
    note: Text


class Correct(Asked):
    action: Literal["correct"]
    note: Text | None = None


class WriteOff(Asked):
    action: Literal["write off"]
    quantity: StrictInt
    note: Text


Wanted = Annotated[
    Take | Assign | Comment | Snooze | Reopen | AskPartner | Accept | Correct | WriteOff,
    Field(discriminator="action"),
]
# By scope: who may only work cannot decide about stock.
DECISIONS = ("accept", "correct", "write off")


class Listed(BaseModel):
    """``next_skip`` is null on the last page."""

    exceptions: list[Kept]
    next_skip: int | None


class Shown(BaseModel):
    """One exception, what it rests on, and everything that happened to it."""

    exception: Kept
    changes: list[Change]
    evidence: list[Evidence]
