"""One claimed file: bytes to a document with facts and faults, landed in one transaction. The parser is pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from syncline.edi import Finding, Profile, Reading, reading_of
from syncline.edi import read_file as read_edi
from syncline.edi.compressed import compressed_as
from syncline.edi.partners import profile_named
from syncline.landing import Document, FileChange, Load, LoadResult, Trouble, document_id, land
from syncline.sources.sftp_edi.exchanges import Receipt
from syncline.sources.sftp_edi.judge import judge
from syncline.sources.sftp_edi.snapshots import whole_of
from syncline.sources.sftp_edi.verdicts import CONFLICTS, Left, Told, production

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import psycopg

    from syncline.landing.model import DocumentStatus
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
    """The partner profile that ``source`` names; nothing is acknowledged where nothing can be put.

    Raises:
        ConfigurationError: there is none.
    """
    profile = profile_named(source.file_rules.profile)
    return profile if source.file_rules.sends_to else replace(profile, acknowledge=())


def take(conn: psycopg.Connection, source: Source, claim: Claim, content: bytes, size: int, now: datetime) -> Taken:
    """Read and land one file; what cannot be used is stored as evidence with its fault.

    Args:
        content: the file, or its first ``size_max_bytes``. size: its whole size on the server.
    """
    digest = sha256(content).hexdigest()
    earlier = _accepted_before(conn, source.name, digest) if len(content) == size else None
    reading = _read(source, claim.listed_as, content, size)
    judged = judge(conn, source.name, profile_of(source), now, reading, content, is_repeated=earlier is not None)
    left = production(reading, judged.told)
    document, troubles = (
        _repeated(claim.listed_as, content, earlier) if earlier else _document(source, content, size, left)
    )
    stored_as = (document_id(source.name, FEED, claim.listed_as, digest), claim.listed_as)
    receipt = Receipt(conn, source.name, stored_as, judged, profile_of(source), now)
    is_refused = document.status == "quarantined"
    fault_code = document.fault_code if is_refused else None
    change = FileChange(claim.file_id, _state(source, is_refused), digest, 0, fault_code, document.fault_detail)
    load = Load(
        source.name, FEED, now, [document], is_complete=False, files=[change],
        troubles=[*troubles, *receipt.troubles], beside=receipt.write,
    )  # fmt: skip
    return Taken(land(conn, load), document)


def _state(source: Source, is_refused: bool) -> Literal["landed", "read", "refused"]:
    """What a landed file is: one that is read in place is finished, any other is still to be put away."""
    if source.file_rules.claim == "rename":
        return "landed"
    return "refused" if is_refused else "read"


def read_file(
    source: Source, name: str, content: bytes, size: int, earlier: str | None, told: Mapping[int, Told] | None = None
) -> tuple[Document, list[Trouble]]:
    """What the present parser and profile make of a stored file's bytes, years after they came.

    Args:
        size: bytes at the partner; more than ``content`` has when only its beginning was kept.
        earlier: which accepted document of the source had the same bytes before, if any.
        told: what the register says of its sets (``verdicts.recorded``); None: nothing.
    """
    if earlier and len(content) == size:
        return _repeated(name, content, earlier)
    return _document(source, content, size, production(_read(source, name, content, size), told or {}))


def _repeated(name: str, content: bytes, earlier: str) -> tuple[Document, list[Trouble]]:
    detail = f"the same bytes as {earlier}"
    again = Document(name, content, status="duplicate", fault_code="file_duplicate", fault_detail=detail, is_kept=True)
    return again, []


def _document(source: Source, content: bytes, size: int, left: Left) -> tuple[Document, list[Trouble]]:
    reading = left.reading
    document_key = document_id(source.name, FEED, reading.file, sha256(content).hexdigest())
    for each in reading.sets:
        whole = whole_of(each, source.name, document_key)
        each.snapshot_id = whole and whole.snapshot_id
    faults = reading.faults
    first = faults[0] if faults else None
    document = Document(
        reading.file,
        content,
        list(reading.rows()),
        status=_status(left, first),
        fault_code=first.code if first else "interchange_duplicate" if left.is_repeated else None,
        fault_detail=_ascii(f"{reading.file}, {first}") if first else None,
        fault_position=first.position if first else None,
        is_kept=True,
        size_bytes=size,
    )
    told_by = document_id(source.name, FEED, document.name, sha256(content).hexdigest())
    return document, _troubles(source, reading, faults, (f"document:{told_by}",))


def _status(left: Left, first: Finding | None) -> DocumentStatus:
    if left.is_repeated:
        return "duplicate"
    if first is None:
        return "accepted"
    return "quarantined" if left.reading.is_refused else "partial"


def _read(source: Source, name: str, content: bytes, size: int) -> Reading:
    profile = profile_of(source)
    if len(content) < size and compressed_as(content) is None:
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


def _troubles(source: Source, reading: Reading, faults: list[Finding], evidence: tuple[str, ...]) -> list[Trouble]:
    conflicts = [found for found in faults if found.code in CONFLICTS]
    others = [found for found in faults if found.code not in CONFLICTS]
    subject = f"{source.name}/{reading.file}"
    troubles = []
    if conflicts:
        text = f"a control number came again with other content, which was not loaded: {_shown(reading, conflicts)}"
        step = (
            f"Ask {source.name} which of the two counts. If it is the new one, have it sent under a new number:"
            " what the first one said stands until then."
        )
        troubles.append(Trouble("edi_conflict", subject, _ascii(text), step, evidence))
    if others:
        facts = sum(len(each.facts) for each in reading.sets)
        if reading.is_refused:
            rule, fate = "file_refused", "nothing of it was loaded"
        else:
            rule, fate = "file_faults", f"{facts} facts were loaded, {len(others)} defect(s) were kept out"
        text = f"{fate}: {_shown(reading, others)}"
        step = f"Send the positions to {source.name} and ask for a corrected file; a new file is read by itself."
        if others[0].code == "file_compressed":
            step = f"Ask {source.name} to send it unpacked; a new file is read by itself."
        troubles.append(Trouble(rule, subject, _ascii(text), step, evidence))
    return troubles


def _shown(reading: Reading, faults: list[Finding]) -> str:
    more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
    return "; ".join(f"{reading.file}, {found}" for found in faults[:3]) + more


def _ascii(text: str) -> str:
    return text[:DETAIL_MAX_CHARS].encode("ascii", "backslashreplace").decode()
