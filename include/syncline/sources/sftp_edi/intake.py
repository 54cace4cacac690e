"""One claimed file: bytes to a document with facts and faults, landed in one transaction. The parser is pure."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from syncline.edi import PROFILES, Fault, Profile, Reading, read_846, reading_of
from syncline.errors import ConfigurationError
from syncline.landing import Document, FileChange, Load, LoadResult, Trouble, land
from syncline.sources.sftp_edi.compressed import compressed_as

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.registry import Source
    from syncline.sources.sftp_edi.register import Claim

FEED = "edi"
DETAIL_MAX_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file."""

    landed: LoadResult
    document: Document


def profile_of(source: Source) -> Profile:
    """The partner profile that ``source`` names.

    Raises:
        ConfigurationError: there is none.
    """
    name = source.file_rules.profile
    if name not in PROFILES:
        raise ConfigurationError(
            f"Source {source.name} names the profile {name!r}.", next_step=f"Use one of: {', '.join(PROFILES)}."
        )
    return PROFILES[name]


def take(conn: psycopg.Connection, source: Source, claim: Claim, content: bytes, size: int, now: datetime) -> Taken:
    """Read and land one file; what cannot be used is stored as evidence with its fault.

    Args:
        content: the file, or its first ``size_max_bytes``. size: its whole size on the server.
    """
    digest = sha256(content).hexdigest()
    document, troubles = read_file(source, claim.listed_as, content, size, _accepted_before(conn, source.name, digest))
    is_refused = document.status == "quarantined"
    fault_code = document.fault_code if is_refused else None
    change = FileChange(claim.file_id, _state(source, is_refused), digest, 0, fault_code, document.fault_detail)
    load = Load(source.name, FEED, now, [document], is_complete=False, files=[change], troubles=troubles)
    return Taken(land(conn, load), document)


def _state(source: Source, is_refused: bool) -> Literal["landed", "read", "refused"]:
    """What a landed file is: one that is read in place is finished, any other is still to be put away."""
    if source.file_rules.claim == "rename":
        return "landed"
    return "refused" if is_refused else "read"


def read_file(
    source: Source, name: str, content: bytes, size: int, earlier: str | None
) -> tuple[Document, list[Trouble]]:
    """What the present parser and profile make of a file's bytes, now or years after they came.

    Args:
        size: bytes at the partner; more than ``content`` has when only its beginning was kept.
        earlier: which accepted document of the source had the same bytes before, if any.
    """
    if earlier and len(content) == size:
        detail = f"the same bytes as {earlier}"
        again = Document(
            name, content, status="duplicate", fault_code="file_duplicate", fault_detail=detail, is_kept=True
        )
        return again, []
    reading = _read(source, name, content, size)
    first = reading.faults[0] if reading.faults else None
    document = Document(
        name,
        content,
        reading.rows(),
        status="accepted" if first is None else "quarantined" if reading.is_refused else "partial",
        fault_code=first.code if first else None,
        fault_detail=_ascii(str(first)) if first else None,
        fault_position=first.position if first else None,
        is_kept=True,
        size_bytes=size,
    )
    return document, _troubles(source, name, reading)


def _read(source: Source, name: str, content: bytes, size: int) -> Reading:
    profile = profile_of(source)
    if (packed := compressed_as(content)) is not None:
        text = f"the file is {packed}, not EDI text, and is never unpacked; it must come unpacked"
        fault = Fault("file_compressed", text, "file", name)
        return Reading(name, sha256(content).hexdigest(), reading_of(profile), faults=[fault])
    if len(content) < size:
        text = f"{size} bytes, at most {source.file_rules.size_max_bytes} are read; only the beginning is stored"
        fault = Fault("file_too_large", text, "file", name)
        return Reading(name, sha256(content).hexdigest(), reading_of(profile), faults=[fault])
    return read_846(content, source=source.name, file=name, profile=profile)


def _accepted_before(conn: psycopg.Connection, source: str, digest: str) -> str | None:
    """``name, received at`` of an accepted document of the source with the same bytes."""
    row = conn.execute(
        "select name, received_at from raw.documents where source = %s and sha256 = %s"
        " and status in ('accepted', 'partial') order by received_at limit 1",
        [source, digest],
    ).fetchone()
    return f"{row[0]}, received {row[1].isoformat()}" if row else None


def _troubles(source: Source, name: str, reading: Reading) -> list[Trouble]:
    if not reading.faults:
        return []
    count = len(reading.faults)
    told = "; ".join(str(found) for found in reading.faults[:3]) + (f"; and {count - 3} more" if count > 3 else "")
    if reading.is_refused:
        rule, fate = "file_refused", "nothing of it was loaded"
    else:
        rule, fate = "file_faults", f"{len(reading.facts)} facts were loaded, {count} defect(s) were kept out"
    next_step = f"Send the positions to {source.name} and ask for a corrected file; a new file is read by itself."
    if reading.faults[0].code == "file_compressed":
        next_step = f"Ask {source.name} to send it unpacked; a new file is read by itself."
    return [Trouble(rule, f"{source.name}/{name}", _ascii(f"{fate}: {told}"), next_step)]


def _ascii(text: str) -> str:
    return text[:DETAIL_MAX_CHARS].encode("ascii", "backslashreplace").decode()
