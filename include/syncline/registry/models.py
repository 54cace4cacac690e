"""The shape of a registry entry. Units are last in a name; every number has a limit."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from syncline.errors import ConfigurationError
from syncline.registry.subscribers import Subscriber

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
Site = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
# A folder or file pattern on a partner's server: no way up, no absolute path, no control character.
Folder = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}(/[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}){0,4}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _default_conn_id(cls, value: Any) -> Any:
        """The connection is named like the entry unless it says otherwise."""
        if isinstance(value, dict) and "conn_id" in cls.model_fields and value.get("conn_id") is None:
            return {**value, "conn_id": value.get("name")}
        return value


class FileRules(_Entry):
    """Rules of a file source. Folders are relative to the login's home on the server.

    ``claim``: how a file is taken. ``rename`` moves it from folder to folder; ``in_place`` moves nothing, for a server
    where we may only read (ADR 0018). ``connections_max``: SFTP connections at a time over the source's ``conn_id``.
    ``outbox``: where acknowledgments go; a server where we may only read gets none unless one is named.
    """

    claim: Literal["rename", "in_place"] = "rename"
    connections_max: int = Field(default=1, ge=1, le=16)
    inbox: Folder = "inbox"
    processing: Folder = "processing"
    archive: Folder = "archive"
    refused: Folder = "refused"
    outbox: Folder | None = None
    pattern: str = Field(default="*", min_length=1, max_length=100)
    size_max_bytes: int = Field(default=20_000_000, ge=1_000, le=200_000_000)
    settle_s: int = Field(default=30, ge=0, le=3_600)
    files_max: int = Field(default=200, ge=1, le=10_000)
    profile: str = Field(default="standard", pattern=r"^[a-z][a-z0-9_]{0,39}$")

    @property
    def sends_to(self) -> str | None:
        """The folder that acknowledgments go to, None where none are sent."""
        return self.outbox or ("outbox" if self.claim == "rename" else None)

    @model_validator(mode="after")
    def _folders_differ(self) -> FileRules:
        folders = (self.inbox, self.processing, self.archive, self.refused, self.outbox or "outbox")
        if len(set(folders)) < len(folders):
            raise ValueError("inbox, processing, archive, refused and outbox must be five folders: one is named twice")
        return self


class Balances(_Entry):
    """How a full state is read from an API that tells one in pages, for the nightly reconciliation (ADR 0030).

    A state with more than ``pages_max`` pages or ``lines_max`` lines is not read to its end, and proves nothing.
    """

    page_limit: int = Field(default=1_000, ge=1, le=1_000)
    pages_max: int = Field(default=2_000, ge=1, le=10_000)
    lines_max: int = Field(default=1_000_000, ge=1, le=5_000_000)


class Source(_Entry):
    """One system that tells us facts."""

    name: Name
    kind: Literal["erp_orders", "wms_api", "sftp_edi"]
    conn_id: Name
    site: Site | None = None
    poll_every_s: int = Field(default=60, ge=5, le=86_400)
    overlap_s: int = Field(default=120, ge=0, le=86_400)
    page_limit: int = Field(default=500, ge=1, le=500)
    pages_max: int = Field(default=20, ge=1, le=1_000)
    timeout_s: int = Field(default=10, ge=1, le=120)
    retries: int = Field(default=4, ge=0, le=10)
    staleness_s: int = Field(default=900, ge=5, le=604_800)
    files: FileRules | None = None
    balances: Balances | None = None
    enabled: bool = True

    @field_validator("kind", mode="before")
    @classmethod
    def _is_no_former_word(cls, value: Any) -> Any:
        """No alias: whoever reads the file must not have to know that two words are one kind."""
        if value == "sftp_846":
            raise ValueError("it is called sftp_edi now, as it reads every EDI document: write `kind: sftp_edi`")
        return value

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Source:
        if self.kind == "wms_api" and self.site is None:
            raise ValueError("a wms_api source reads one site: add `site: <site id as the WMS writes it>`")
        if self.kind == "erp_orders" and self.site is not None:
            raise ValueError("an erp_orders source tells of every site: remove `site`")
        if self.kind != "sftp_edi" and self.files is not None:
            raise ValueError(f"a source of kind {self.kind} has no files: remove `files`")
        if self.kind != "wms_api" and self.balances is not None:
            raise ValueError("only a wms_api source is asked for its balances: remove `balances`")
        return self

    @property
    def speaks_by(self) -> Literal["poll", "file"]:
        """What counts as a sign of life: an answered poll of an API, a file of a file source."""
        return "file" if self.kind == "sftp_edi" else "poll"

    @property
    def file_rules(self) -> FileRules:
        """Rules of a file source; the defaults when the entry gives none."""
        return self.files or FileRules()


class Breakers(_Entry):
    """How much one batch may change at a target. What goes beyond a bound waits for a person (``outbox/breakers.py``).

    A ``*_max`` bound always holds. A share is asked only when ``keys_min`` keys change, so that a small network may
    be corrected as a whole; for zeros, when ``zero_keys_min`` keys of a location or a snapshot go to zero.
    """

    keys_min: int = Field(default=500, ge=1)
    keys_max: int = Field(default=5_000, ge=0)
    keys_share_pct: int = Field(default=50, ge=0, le=100)
    units_max: int = Field(default=500_000, ge=0)
    units_share_pct: int = Field(default=50, ge=0, le=100)
    value_max: int = Field(default=500_000_000, ge=0)  # minor units of currency
    value_share_pct: int = Field(default=50, ge=0, le=100)
    zero_keys_min: int = Field(default=20, ge=1)
    zero_keys_max: int = Field(default=1_000, ge=0)
    zero_share_pct: int = Field(default=50, ge=0, le=100)


class Circuit(_Entry):
    """When a target that does not answer is left alone (ADR 0022); no kin of ``Breakers``, which judge numbers.

    Attributes:
        failures: calls in a row without an answer that counts (none at all, or 5xx).
        open_s: real seconds until one call of one worker tries again.
    """

    failures: int = Field(default=5, ge=1, le=100)
    open_s: int = Field(default=30, ge=1, le=3_600)


class Limits(_Entry):
    """Our requests to a target, of all workers together, in real seconds (ADR 0022).

    Attributes:
        per_s: requests a second in the long run.
        burst: requests that may go out at once after a quiet time.
        concurrent: requests under way at a time.
    """

    per_s: float = Field(default=20.0, ge=0.01, le=1_000.0)
    burst: int = Field(default=10, ge=1, le=1_000)
    concurrent: int = Field(default=4, ge=1, le=100)
    circuit: Circuit = Circuit()


class Target(_Entry):
    """One system that we correct (semantics §9). ``options`` are its adapter's own, checked when it is opened.

    ``references``: what it calls an item or location that ``target_items.csv`` and ``target_locations.csv`` do not name
    for it: the same, or nothing that could be sent.
    """

    name: Name
    kind: Literal["erp_api", "shop_api", "netsuite", "sap_s4", "shopify", "amazon_sp", "tryton", "rest"]
    conn_id: Name
    options: dict[str, Any] = {}
    poll_every_s: int = Field(default=60, ge=5, le=86_400)
    style: Literal["delta", "set"]
    sole_writer: bool
    life_s: int = Field(ge=1, le=86_400)
    lag_s: int = Field(default=0, ge=0, le=86_400)
    lines_max: int = Field(default=50, ge=1, le=1_000)
    tries_max: int = Field(default=8, ge=1, le=50)
    not_executed: tuple[Annotated[int, Field(ge=400, le=599)], ...] = Field(default=(), strict=False)
    key_retention_s: int | None = Field(default=None, ge=1)
    timeout_s: int = Field(default=10, ge=1, le=120)
    workers: int = Field(default=1, ge=1, le=16)
    breakers: Breakers = Breakers()
    limits: Limits = Limits()
    references: Literal["same", "required"] = "same"
    balances: Balances | None = None
    enabled: bool = True

    @model_validator(mode="after")
    def _tells_balances(self) -> Target:
        if self.balances is not None and self.kind != "erp_api":
            raise ValueError("only an erp_api target is asked for its balances: remove `balances`")
        return self

    @model_validator(mode="after")
    def _deadline_inside_life(self) -> Target:
        if self.timeout_s > self.life_s:
            raise ValueError(f"timeout_s {self.timeout_s} is longer than life_s {self.life_s}: lower timeout_s")
        return self


class Registry(_Entry):
    """All entries; a name is used once, by a source, a target or a subscriber."""

    sources: tuple[Source, ...] = Field(strict=False)
    targets: tuple[Target, ...] = Field(strict=False)
    subscribers: tuple[Subscriber, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Registry:
        seen: set[str] = set()
        names = [source.name for source in self.sources] + [target.name for target in self.targets]
        names += [subscriber.name for subscriber in self.subscribers]
        for name in names:
            if name in seen:
                raise ValueError(f"the name {name!r} is used twice: rename one of the entries")
            seen.add(name)
        return self

    @model_validator(mode="after")
    def _connections_have_one_bound(self) -> Registry:
        bounds: dict[str, tuple[str, int]] = {}
        for source in self.sources:
            if source.kind == "sftp_edi":
                bound = source.file_rules.connections_max
                other, its_bound = bounds.setdefault(source.conn_id, (source.name, bound))
                if bound != its_bound:
                    raise ValueError(
                        f"{other} and {source.name} share the connection {source.conn_id!r}, with {its_bound} and"
                        f" {bound} as `files.connections_max`: write the same number in both"
                    )
        return self

    def source(self, name: str) -> Source:
        """The source called ``name``; ConfigurationError lists the names there are."""
        return _named(self.sources, name)

    def target(self, name: str) -> Target:
        """The target called ``name``; ConfigurationError lists the names there are."""
        return _named(self.targets, name)

    def subscriber(self, name: str) -> Subscriber:
        """The subscriber called ``name``; ConfigurationError lists the names there are."""
        return _named(self.subscribers, name)


EntryT = TypeVar("EntryT", Source, Target, Subscriber)


def _named(entries: tuple[EntryT, ...], name: str) -> EntryT:
    for entry in entries:
        if entry.name == name:
            return entry
    raise ConfigurationError(
        f"The registry has no entry {name!r} here.",
        next_step="Use one of: " + ", ".join(entry.name for entry in entries) + ".",
    )
