"""Partner profiles from their files: ``partners/<name>.yml`` beside the registry."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from syncline.edi.documents.table import tables
from syncline.edi.profiles import PROFILES, Profile
from syncline.errors import ConfigurationError
from syncline.registry.load import UniqueKeys, registry_path

SIZE_MAX_BYTES = 1_000_000
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PROFILE = TypeAdapter(Profile)


def partners_folder() -> Path:
    """``partners`` beside the registry file."""
    return registry_path().parent / "partners"


def profile_named(name: str) -> Profile:
    """The profile ``name``: one of the product's, or of ``partners_folder``.

    Raises:
        ConfigurationError: there is none, or its file is wrong.
    """
    if name in PROFILES:
        return PROFILES[name]
    path = partners_folder() / f"{name}.yml"
    if not NAME.fullmatch(name) or not path.is_file():
        known = sorted({*PROFILES, *(each.stem for each in partners_folder().glob("*.yml"))})
        raise ConfigurationError(
            f"There is no partner profile {name!r}.",
            next_step=f"Use one of {', '.join(known)}, or write partners/{name}.yml beside the registry.",
        )
    return _loaded(path, path.stat().st_mtime_ns)


def load(path: Path) -> Profile:
    """The profile in a file; its name is the file's.

    Raises:
        ConfigurationError: it cannot be read, is no YAML, or a field is wrong; one line for each defect.
    """
    value = _read(path)
    if not NAME.fullmatch(path.stem):
        raise _wrong(path, [f"the file name {path.stem!r} is no profile name: small letters, digits and _"])
    try:
        profile = _PROFILE.validate_python({**value, "name": path.stem})
    except ValidationError as error:
        raise _wrong(path, [_defect(each) for each in error.errors()]) from None
    defects = _unknown(profile)
    if defects:
        raise _wrong(path, defects)
    return profile


@cache
def _loaded(path: Path, changed_ns: int) -> Profile:
    return load(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > SIZE_MAX_BYTES:
            raise _wrong(path, [f"it is larger than {SIZE_MAX_BYTES} bytes"])
        value = yaml.load(path.read_text(encoding="utf-8"), UniqueKeys)
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, [f"it cannot be read ({type(error).__name__})"]) from error
    except yaml.YAMLError as error:
        raise _wrong(path, [f"it is no YAML: {str(error)[:300]}"]) from error
    if not isinstance(value, dict) or "name" in value:
        raise _wrong(path, ["it must be a map of fields; its name is that of the file"])
    return value


def _unknown(profile: Profile) -> list[str]:
    """Names of documents and code tables that no table has."""
    known = {table.name: table for table in tables()}
    defects = []
    for document, codes in profile.codes.items():
        if document not in known:
            defects.append(f"codes.{document}: no such document; use one of {', '.join(sorted(known))}")
            continue
        for name in codes:
            if name not in known[document].codes:
                has = ", ".join(known[document].codes) or "none"
                defects.append(f"codes.{document}.{name}: the document has no such table of codes, it has: {has}")
                continue
            kinds = {rule.kind for rule in known[document].facts if rule.codes == name}
            for code, meaning in codes[name].items():
                if meaning is not None and isinstance(meaning, dict) != (kinds == {"movement"}):
                    needs = "measures with their directions" if kinds == {"movement"} else "one measure"
                    defects.append(f"codes.{document}.{name}.{code}: a {' or '.join(sorted(kinds))} needs {needs}")
    defects += [f"events.{document}: no such document" for document in profile.events if document not in known]
    defects += [f"serves.{document}: no such document" for document in profile.serves if document not in known]
    provable = {name for name, each in known.items() if each.counts and any(f.kind == "balance" for f in each.facts)}
    defects += [
        f"snapshots.{document}: no document that states stock and counts its lines; use one of"
        f" {', '.join(sorted(provable))}"
        for document in profile.snapshots
        if document not in provable
    ]
    return defects


def _defect(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "profile"
    return f"{where}: {error['msg']}, not {error['input']!r:.80}"


def _wrong(path: Path, defects: list[str]) -> ConfigurationError:
    return ConfigurationError(
        f"The profile {path.name} has {len(defects)} defect(s):\n  " + "\n  ".join(defects),
        next_step="Correct it and run `syncline edi profile check` again.",
    )
