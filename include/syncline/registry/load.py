"""Read the registry file; say what is wrong by entry, field, value and fix."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from syncline.errors import ConfigurationError
from syncline.home import project_root
from syncline.registry.models import Registry, Source, Target
from syncline.registry.subscribers import Subscriber

SIZE_MAX_BYTES = 1_000_000


class UniqueKeys(yaml.SafeLoader):
    """YAML silently keeps the last of two equal keys; a registry must not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the field {key!r} is written twice", key_node.start_mark
                )
            if isinstance(key, str):
                seen.add(key)
        return super().construct_mapping(node, deep)


def registry_path() -> Path:
    """``SYNCLINE_REGISTRY``, else ``dags/registry.yml`` of the project."""
    return Path(os.environ.get("SYNCLINE_REGISTRY") or project_root() / "dags" / "registry.yml")


def load_registry(path: Path | None = None) -> Registry:
    """The registry in ``path`` (default ``registry_path()``).

    Raises:
        ConfigurationError: file missing, not YAML, or an entry is wrong; one line for each defect.
    """
    path = path or registry_path()
    value = _read(path)
    try:
        return Registry.model_validate(value)
    except ValidationError as error:
        defects = [_defect(value, item) for item in error.errors()]
        raise ConfigurationError(
            f"The registry {path.name} has {len(defects)} defect(s):\n  " + "\n  ".join(defects),
            next_step=f"Edit {path.name} and run `syncline sources list`.",
            path=str(path),
        ) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(SIZE_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"The registry {path} cannot be read ({error.strerror}).",
            next_step="Create it, or set SYNCLINE_REGISTRY to its path.",
        ) from None
    if len(text) > SIZE_MAX_BYTES:
        raise ConfigurationError(
            f"The registry {path.name} is larger than {SIZE_MAX_BYTES} bytes.", next_step="Is it the right file?"
        )
    try:
        value = yaml.load(text, Loader=UniqueKeys)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        problem = getattr(error, "problem", None) or "nested too deeply or not text"
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "the file"
        raise ConfigurationError(
            f"The registry {path.name} is not valid YAML at {place}: {problem}.", next_step="Correct that line."
        ) from None
    if not isinstance(value, dict):
        raise ConfigurationError(
            f"The registry {path.name} holds no `sources` and `targets`.",
            next_step="Write both lists, empty if need be.",
        )
    return value


def _defect(value: dict[str, Any], item: Any) -> str:
    """``sources[dc1_wms].poll_every_s = 1: should be ... Fix: ...``"""
    place, *rest = [str(part) for part in item["loc"]] or ["registry"]
    models: dict[str, type[Source | Target | Subscriber]] = {"targets": Target, "subscribers": Subscriber}
    model = models.get(place, Source)
    if rest and rest[0].isdigit():
        entry = value[place][int(rest[0])]
        place = f"{place}[{entry.get('name', rest[0]) if isinstance(entry, dict) else rest[0]}]"
        rest = rest[1:]
    field = ".".join(rest)
    where = f"{place}.{field}" if field else place
    kind = item["type"]
    if kind == "extra_forbidden":
        known = ", ".join(sorted(model.model_fields))
        return f"{where} is unknown. Fix: remove it or use one of: {known}."
    if kind == "missing":
        return f"{where} is missing. Fix: add it."
    shown = repr(item["input"]) if isinstance(item["input"], (str, int, float, bool, type(None))) else "the entry"
    message = item["msg"].removeprefix("Value error, ")
    return f"{where} is {shown[:80]}. Fix: {message[0].lower()}{message[1:]}."
