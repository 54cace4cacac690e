"""The shape of a ``subscribers`` entry: who is told what happened (ADR 0024). Seconds are real seconds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
# One address, of a person or of a list: no comma, no space, nothing that begins another header.
Address = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9][A-Za-z0-9.-]{0,252}$")]


class Subscriber(BaseModel):
    """One consumer of events that is no stock target. Which events it gets stands in ``subscriptions.csv``.

    ``events_max``: events of one digest or file; a webhook gets one a call. ``tries_max``: tries of one delivery
    before it is a dead letter. ``from_start``: a new subscriber gets the log from its first event, not from now.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Name
    kind: Literal["webhook", "email", "files"]
    conn_id: Name
    to: Address | None = None
    poll_every_s: int = Field(default=60, ge=5, le=86_400)
    timeout_s: int = Field(default=10, ge=1, le=60)
    tries_max: int = Field(default=8, ge=1, le=50)
    events_max: int = Field(default=200, ge=1, le=5_000)
    from_start: bool = False
    enabled: bool = True

    @model_validator(mode="before")
    @classmethod
    def _default_conn_id(cls, value: Any) -> Any:
        """The connection is named like the entry unless it says otherwise."""
        if isinstance(value, dict) and value.get("conn_id") is None:
            return {**value, "conn_id": value.get("name")}
        return value

    @model_validator(mode="after")
    def _has_an_address(self) -> Subscriber:
        if (self.kind == "email") != (self.to is not None):
            raise ValueError("`to` is the one address of an email subscriber: give it there, and nowhere else")
        return self
