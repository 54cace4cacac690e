"""What a correction is posted as in SAP, and what can be said to it at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from syncline.targets.options import Options

if TYPE_CHECKING:
    from syncline.targets.contract import Key

_LOCATION = re.compile(r"[A-Z0-9_]{1,4}/[A-Z0-9_]{1,4}", re.ASCII)
_MATERIAL = re.compile(r"[^\x00-\x1f]{1,40}")


class SapOptions(Options):
    """``increase`` and ``decrease``: movement types that ``goods_movement_code`` allows, which no default can know.

    ``unit``: the base unit of every material here, and the one that is posted in. ``time_zone``: the plants', for the
    posting date. ``client``: ``sap-client``, where the host serves several. ``login``: how the connection logs in.
    """

    goods_movement_code: str = Field(pattern=r"^0[1-7]$")
    increase: str = Field(pattern=r"^[A-Z0-9]{3}$")
    decrease: str = Field(pattern=r"^[A-Z0-9]{3}$")
    unit: str = Field(pattern=r"^[A-Z0-9]{1,3}$")
    time_zone: str = Field(pattern=r"^[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,2}$")
    client: str | None = Field(default=None, pattern=r"^[0-9]{3}$")
    cost_center: str | None = Field(default=None, pattern=r"^[A-Z0-9]{1,10}$")
    reason: str | None = Field(default=None, pattern=r"^[0-9]{1,4}$")
    login: Literal["basic", "oauth2"] = "basic"
    token_path: str = Field(default="/sap/bc/sec/oauth2/token", pattern=r"^(/[A-Za-z0-9._-]{1,60}){1,8}$")

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError("there is no such zone in the IANA database; write one such as Europe/Berlin") from None
        return name


def is_key(key: Key) -> bool:
    """A material of up to 40 signs, at ``PLANT/STORAGELOCATION``."""
    return bool(_MATERIAL.fullmatch(key[0]) and _LOCATION.fullmatch(key[1]))
