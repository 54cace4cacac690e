"""Which faults a run injects, as its starter writes them: a short text or a file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from syncline.errors import ConfigurationError
from syncline.twin.faults import Faults, known

BASES: dict[Any, Callable[..., Faults]] = {"none": Faults.none, "default": Faults, "all": Faults.all}
FORMS = (
    "`none`, `default` or `all`, then `,name=rate` for each;"
    " or the path of a .yml, .json or .toml file of names and rates"
)


def read_faults(text: str) -> Faults:
    """``none``, ``default``, ``all``, ``default,late=0.2,late_max_s=100`` or the path of a file.

    A file maps names to rates (`syncline twin faults` lists them); ``base: none`` in it starts from no fault, without
    it the defaults hold for what is not named.

    Raises:
        ConfigurationError: neither, an unknown name, or a rate that is none.
    """
    first, _, rest = text.partition(",")
    if first in BASES:
        named = dict(_pair(part) for part in filter(None, rest.split(",")))
        return _faults(first, named, "--faults")
    path = Path(text)
    if not path.is_file():
        raise ConfigurationError(f"Faults {text!r} are no file, and no settings.", next_step=f"Write {FORMS}.")
    named = _content(path)
    base = named.pop("base", "default")
    return _faults(base, named, str(path))


def _pair(part: str) -> tuple[str, Any]:
    name, _, value = part.partition("=")
    for number in (int, float):
        try:
            return name, number(value)
        except ValueError:
            continue
    return name, value


def _content(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            content = tomllib.loads(text)
        elif path.suffix == ".json":
            content = json.loads(text)
        else:
            content = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"The faults of {path} cannot be read ({type(error).__name__}: {error}).", next_step=f"Write {FORMS}."
        ) from error
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"{path} holds a {type(content).__name__}, not names and rates.", next_step="Write a line `late: 0.2`."
        )
    return content


def _faults(base: Any, named: dict[str, Any], place: str) -> Faults:
    unknown = sorted(str(name) for name in named if name not in known())
    if unknown or base not in BASES:
        what = f"base {base!r}" if base not in BASES else f"fault {', '.join(unknown)}"
        raise ConfigurationError(
            f"{place} names an unknown {what}.",
            next_step=f"Bases are {', '.join(BASES)}; faults are {', '.join(known())}.",
        )
    return BASES[base](**named)
