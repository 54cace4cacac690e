"""What an adapter is opened with: its options from the registry, and the parts of its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from syncline.errors import ConfigurationError

if TYPE_CHECKING:
    from syncline.connections import Connection
    from syncline.registry import Target

TEXT_MAX = 16_384


class Options(BaseModel):
    """Of one kind of target. Every text is bounded by a pattern."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


OptionsT = TypeVar("OptionsT", bound=Options)


def read_options(target: Target, model: type[OptionsT]) -> OptionsT:
    """``options`` of a registry entry as ``model``.

    Raises:
        ConfigurationError: one line that names the target, the first bad option and what it must be.
    """
    try:
        return model.model_validate(target.options)
    except ValidationError as error:
        # Values stay out: somebody may have put a secret in the wrong place.
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "options"
        raise ConfigurationError(
            f"Target {target.name}: option {name!r}: {first['msg']}.",
            next_step=f"Correct it under `options` of {target.name!r} in the registry;"
            f" {target.kind} has {', '.join(model.model_fields)}.",
            target=target.name,
            option=name,
        ) from None


def needed(target: Target, connection: Connection, part: str) -> str:
    """A part of the connection that must be there: ``host``, ``login``, ``password``, or ``extra.<name>``.

    Raises:
        ConfigurationError: one line that names the target, the connection and the part; never its value.
    """
    value = connection.extra.get(part[6:]) if part.startswith("extra.") else getattr(connection, part)
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_MAX:
        raise ConfigurationError(
            f"Target {target.name}: connection {connection.conn_id!r} has no {part}.",
            next_step=f"Put {part} into the connection; the page of {target.kind} says what goes there.",
            target=target.name,
            conn_id=connection.conn_id,
        )
    return value
