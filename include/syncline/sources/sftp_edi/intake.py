"""One claimed file: bytes to a document with facts and faults, landed in one transaction. The parser is pure."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from syncline.edi import Finding, Profile, Reading, reading_of
from syncline.edi import read_file as read_edi
from syncline.edi.partners import profile_named
from syncline.landing import Document, FileChange, Load, LoadResult, Trouble, land

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
    return profile_named(source.file_rules.profile)


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
    faults = reading.faults
    first = faults[0] if faults else None
    document = Document(
        name,
        content,
        list(reading.rows()),
        status="accepted" if first is None else "quarantined" if reading.is_refused else "partial",
        fault_code=first.code if first else None,
        fault_detail=_ascii(f"{name}, {first}") if first else None,
        fault_position=first.position if first else None,
        is_kept=True,
        size_bytes=size,
    )
    return document, _troubles(source, name, reading, faults)


def _read(source: Source, name: str, content: bytes, size: int) -> Reading:
    profile = profile_of(source)
    if len(content) < size:
        text = f"{size} bytes, at most {source.file_rules.size_max_bytes} are read; only the beginning is stored"
        too_large = Finding("file_too_large", text, "file")
        return Reading(name, sha256(content).hexdigest(), reading_of(profile), own=[too_large])
    return read_edi(content, source=source.name, file=name, profile=profile)


def _accepted_before(conn: psycopg.Connection, source: str, digest: str) -> str | None:
    """``name, received at`` of an accepted document of the source with the same bytes."""
    row = conn.execute(
        "select name, received_at from raw.documents where source = %s and sha256 = %s"
        " and status in ('accepted', 'partial') order by received_at limit 1",
        [source, digest],
    ).fetchone()
    return f"{row[0]}, received {row[1].isoformat()}" if row else None


def _troubles(source: Source, name: str, reading: Reading, faults: list[Finding]) -> list[Trouble]:
    if not faults:
        return []
    count = len(faults)
    told = "; ".join(f"{name}, {found}" for found in faults[:3]) + (f"; and {count - 3} more" if count > 3 else "")
    if reading.is_refused:
        rule, fate = "file_refused", "nothing of it was loaded"
    else:
        loaded = sum(len(each.facts) for each in reading.sets)
        rule, fate = "file_faults", f"{loaded} facts were loaded, {count} defect(s) were kept out"
    next_step = f"Send the positions to {source.name} and ask for a corrected file; a new file is read by itself."
    if faults[0].code == "file_compressed":
        next_step = f"Ask {source.name} to send it unpacked; a new file is read by itself."
    return [Trouble(rule, f"{source.name}/{name}", _ascii(f"{fate}: {told}"), next_step)]


def _ascii(text: str) -> str:
    return text[:DETAIL_MAX_CHARS].encode("ascii", "backslashreplace").decode()
