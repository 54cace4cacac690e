"""The text that lies beside a refused file, for the partner's people: plain ASCII, every defect with its place.

It quotes nothing of the file but what the faults quote already: positions and single values of limited length.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from syncline.sources.sftp_edi.answers import printable
from syncline.sources.sftp_edi.intake import read_file
from syncline.sources.sftp_edi.verdicts import recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import psycopg

    from syncline.landing import Document
    from syncline.registry import Source
    from syncline.sources.sftp_edi.register import Claim

DEFECTS_MAX = 50
DEFECT_CHARS_MAX = 500
NAME_CHARS_MAX = 200


def reason_text(source: Source, claim: Claim, document: Document, received_at: datetime) -> bytes:
    """The reason file of a quarantined ``document``: the same for the same file, however often it is written."""
    size = len(document.content) if document.size_bytes is None else document.size_bytes
    code = document.fault_code or "unknown"
    return "".join(
        f"{line}\n"
        for line in (
            "This file was refused: nothing of it was used.",
            "",
            f"file:        {printable(claim.name, NAME_CHARS_MAX)}",
            f"lies as:     {printable(claim.claimed_as, NAME_CHARS_MAX)}",
            f"source:      {source.name}",
            f"received:    {received_at.isoformat(timespec='seconds')}",
            f"size:        {size} bytes",
            f"sha256:      {sha256(document.content).hexdigest()}"
            + ("" if len(document.content) == size else f" (of the first {len(document.content)} bytes)"),
            f"reason code: {code}",
            "",
            *_defects(document),
            "",
            f"next step:   {_next_step(source, code)}",
        )
    ).encode("ascii")


def _next_step(source: Source, code: str) -> str:
    if code == "file_compressed":
        return "send it unpacked, the EDI text itself. Archives and compressed files are never unpacked here."
    if code == "file_too_large":
        return f"send it in parts of at most {source.file_rules.size_max_bytes} bytes each."
    return "correct it and send a new file under any name; it is read by itself. The same bytes are refused again."


def _defects(document: Document) -> Iterator[str]:
    told = [fact.fault_detail or fact.fault_code for fact in document.facts if fact.fault_code]
    told = told or [document.fault_detail or document.fault_code or "unknown"]
    yield f"{len(told)} defect(s):"
    for number, detail in enumerate(told[:DEFECTS_MAX], start=1):
        yield f"{number}. {printable(detail, DEFECT_CHARS_MAX)}"
    if len(told) > DEFECTS_MAX:
        yield f"and {len(told) - DEFECTS_MAX} more."


def taken_before(conn: psycopg.Connection, source: Source, claim: Claim) -> tuple[Document, datetime]:
    """The document of a refused file that an earlier run landed, with all its faults, and when it was received."""
    row = conn.execute(
        "select d.document_id, d.name, d.content, d.size_bytes, d.fault_code, d.fault_detail, d.fault_position,"
        " d.received_at"
        " from ops.files f join raw.documents d using (document_id) where f.file_id = %s"
        " order by d.received_at desc limit 1",
        [claim.file_id],
    ).fetchone()
    if row is None:
        raise LookupError(f"file {claim.file_id} of {source.name} is landed without a document")
    document_id, name, content, size, code, detail, position, received_at = row
    # Fault rows that an earlier document told are not stored again, so they are read from the bytes.
    again, _ = read_file(source, name, content, size, None, recorded(conn, source.name, document_id, received_at))
    stored = replace(again, status="quarantined", fault_code=code, fault_detail=detail, fault_position=position)
    return stored, received_at
