"""Bytes of a stored document to what they say now: the code that read them at first, called again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from syncline.errors import ConfigurationError, TerminalError

if TYPE_CHECKING:
    import psycopg

    from syncline.landing import Document, Trouble
    from syncline.registry import Source
    from syncline.rereading.stored import Stored


class Reader(Protocol):
    """Reads documents of one source; ``name`` is the parser, profile and mapping that read."""

    @property
    def name(self) -> str: ...

    @property
    def has_duplicates(self) -> bool:
        """Whether bytes accepted before are not read again (files are sent twice; pages overlap instead)."""

    def read(self, stored: Stored, content: bytes, earlier: str | None) -> tuple[Document, list[Trouble]]: ...


@dataclass(frozen=True, slots=True)
class _Pages:
    source: Source
    has_duplicates: bool = False

    @property
    def name(self) -> str:
        from syncline.sources.wms_api.mapping import reading_of

        return reading_of(self.source.site or "")

    def read(self, stored: Stored, content: bytes, earlier: str | None) -> tuple[Document, list[Trouble]]:
        from syncline.sources.wms_api.client import stored_page
        from syncline.sources.wms_api.pull import read_page, troubles_of
        from syncline.sources.wms_api.records import NotAPageError

        try:
            page = stored_page(stored.name, content, self.source.site or "")
        except NotAPageError as error:
            raise TerminalError(
                f"{self.source.name}: document {stored.document_id} is no page of events: {error}.",
                next_step="It was landed by something else than the WMS client; leave it out with --from and --to.",
                document_id=stored.document_id,
            ) from None
        document = read_page(page, self.source)
        return document, troubles_of(self.source, [document])


@dataclass(frozen=True, slots=True)
class _Files:
    source: Source
    conn: psycopg.Connection
    has_duplicates: bool = True

    @property
    def name(self) -> str:
        from syncline.edi import reading_of
        from syncline.sources.sftp_edi.intake import profile_of

        return reading_of(profile_of(self.source))

    def read(self, stored: Stored, content: bytes, earlier: str | None) -> tuple[Document, list[Trouble]]:
        from syncline.sources.sftp_edi.intake import read_file
        from syncline.sources.sftp_edi.verdicts import recorded

        told = recorded(self.conn, self.source.name, stored.document_id, stored.received_at)
        return read_file(self.source, stored.name, content, stored.size_bytes, earlier, told)


def reader_of(source: Source, conn: psycopg.Connection) -> Reader:
    """The reader of ``source`` as the registry and the code stand now.

    Args:
        conn: of the loader; the register of EDI says which sets came before.

    Raises:
        ConfigurationError: the registry names a profile that does not exist, or pages of this kind are not read again.
    """
    if source.kind == "erp_orders":
        raise ConfigurationError(
            f"{source.name}: pages of orders are not read again; their terms are kept as they were received.",
            next_step="Name another source with --source; a line that was refused is told again by the order system.",
            source=source.name,
        )
    reader: Reader = _Pages(source) if source.kind == "wms_api" else _Files(source, conn)
    _ = reader.name
    return reader
