"""What a registry entry must say of a REST API, checked before the first call: a wrong entry is one line."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from syncline.targets.contract import Capabilities
from syncline.targets.options import Options
from syncline.targets.rest.template import names_in

LINE_NAMES = frozenset({"reference", "item", "location", "quantity", "quantity_text", "version", "shown"})
DOCUMENT_NAMES = frozenset({"document", "lines"})
READ_NAMES = frozenset({"item", "items", "location"})
FIND_NAMES = frozenset({"reference"})


def _is_template(template: Any) -> Any:
    names_in(template)
    return template


Path = Annotated[
    str, StringConstraints(pattern=r"^/[A-Za-z0-9/_.~:{}-]{0,300}$"), AfterValidator(_is_template)
]  # of an address
Place = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_@-]{1,60}(\.[A-Za-z0-9_@-]{1,60}){0,7}$")
]  # in an answer
Rows = Annotated[str, StringConstraints(pattern=r"^(\.|[A-Za-z0-9_@-]{1,60}(\.[A-Za-z0-9_@-]{1,60}){0,7})$")]
Word = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{1,100}$")]
Header = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,60}$")]
Template = Annotated[Any, AfterValidator(_is_template)]
Parameters = dict[Word, Annotated[str, StringConstraints(max_length=200), AfterValidator(_is_template)]]
Placeholder = Annotated[str, StringConstraints(pattern=r"^\{[a-z_]{1,30}\}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]([\x20-\x7e]{0,198}[\x21-\x7e])?$")]
Status = Annotated[int, Field(ge=200, le=599)]
Proven = Literal["applied", "replayed", "refused", "stale", "not_executed"]


class Auth(Options):
    """``bearer`` and ``header``: the connection's password; ``basic``: login and password; ``oauth2``: both, too."""

    kind: Literal["bearer", "basic", "header", "oauth2"]
    header: Header | None = None
    token_path: Path | None = None
    scope: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e ]{1,300}$")] | None = None

    @model_validator(mode="after")
    def _has_its_parts(self) -> Auth:
        if (self.kind == "header") != (self.header is not None):
            raise ValueError("`header` belongs to kind header, and only there")
        if (self.kind == "oauth2") != (self.token_path is not None) or (self.scope and self.kind != "oauth2"):
            raise ValueError("`token_path` belongs to kind oauth2, and only there; so does `scope`")
        return self


class Result(Options):
    """How a good answer proves what it did: by a word, by what it repeats of our line, or by both.

    Attributes:
        word, outcomes: where the word stands, and what each proves; another one is ``unknown``.
        echo: place -> placeholder; all must be what we sent, or the result is ``unknown``.
        code: where the target says why.
    """

    word: Place | None = None
    outcomes: dict[Word, Proven] = Field(default_factory=dict)
    echo: dict[Place, Placeholder] = Field(default_factory=dict)
    code: Place | None = None

    @model_validator(mode="after")
    def _proves_something(self) -> Result:
        if bool(self.word) != bool(self.outcomes):
            raise ValueError("`word` and `outcomes` belong together")
        if not self.word and not self.echo:
            raise ValueError("a status proves nothing: declare `word` with `outcomes`, or `echo`")
        _only(names_in(list(self.echo.values())), LINE_NAMES, "echo")
        return self


class LineResults(Result):
    """The same for each line: a list under ``rows``, each with our reference under ``reference``."""

    rows: Rows
    reference: Place


class ErrorRule(Options):
    """What an error proves for a whole document; the first rule that fits counts. No rule: ``unknown``."""

    status: Status
    code: Word | None = None
    outcome: Literal["refused", "stale", "not_executed", "replayed"]
    retry_after_s: int | None = Field(default=None, ge=1, le=3600)

    @model_validator(mode="after")
    def _is_the_targets_own_word(self) -> ErrorRule:
        if self.code is None and (self.outcome in ("refused", "replayed") or self.status < 400):
            raise ValueError("a proxy answers a bare status, too: name the `code` that the target itself writes")
        return self


class Write(Options):
    """How a document is sent. ``line`` is filled for each line and stands where ``{lines}`` is."""

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    path: Path
    params: Parameters = Field(default_factory=dict)
    document: Template
    line: Template = None
    good: tuple[Status, ...] = Field(default=(200,), min_length=1, max_length=5, strict=False)
    key_header: Header | None = None
    version_header: Header | None = None
    result: Result | None = None
    results: LineResults | None = None
    error_code: Place | None = None
    errors: tuple[ErrorRule, ...] = Field(default=(), max_length=50, strict=False)

    @model_validator(mode="after")
    def _is_whole(self) -> Write:
        names = names_in(self.document)
        if (self.result is None) == (self.results is None):
            raise ValueError("declare `result` for the whole document, or `results` for its lines")
        if ("lines" in names) != (self.line is not None):
            raise ValueError("`line` belongs to a document with {lines}, and only there")
        if any(rule.code is not None for rule in self.errors) and self.error_code is None:
            raise ValueError("`errors` with a `code` need `error_code`: where it stands in the answer")
        _only(names_in(self.line), LINE_NAMES, "line")
        _only(names | names_in([self.path, self.params]), LINE_NAMES | DOCUMENT_NAMES, "document, path and params")
        if "lines" in names_in([self.path, self.params]):
            raise ValueError("{lines} stands in the document, not in an address")
        return self

    def names(self) -> frozenset[str]:
        """All placeholders that a line or its document is sent with."""
        return names_in([self.path, self.params, self.document, self.line])


class Absent(Options):
    """An error that says that a key, or a reference, is not there."""

    status: Annotated[int, Field(ge=400, le=499)] = 404
    code: Word


class Lookup(Options):
    """A call that only reads, and rows of its answer. ``rows`` ``.``: the answer is the list; None: the one row."""

    method: Literal["GET", "POST"] = "GET"
    path: Path
    params: Parameters = Field(default_factory=dict)
    body: Template = None
    rows: Rows | None = None
    item: Place | None = None
    location: Place | None = None
    quantity: Place
    error_code: Place | None = None
    absent: Absent | None = None

    @model_validator(mode="after")
    def _codes_have_a_place(self) -> Lookup:
        if self.absent is not None and self.error_code is None:
            raise ValueError("`absent` needs `error_code`: where its code stands in the answer")
        if (self.body is not None) != (self.method == "POST"):
            raise ValueError("`body` belongs to method POST, and only there")
        return self

    def names(self) -> frozenset[str]:
        return names_in([self.path, self.params, self.body])


class Read(Lookup):
    """Numbers by key: one call a key with {item}, or lists of up to ``keys_max`` with {items}."""

    version: Place | None = None
    version_header: Header | None = None
    keys_max: int = Field(default=50, ge=1, le=500)

    @model_validator(mode="after")
    def _names_its_keys(self) -> Read:
        names = self.names()
        _only(names, READ_NAMES, "read")
        if ("item" in names) == ("items" in names):
            raise ValueError("read has {item} for a call a key, or {items} for lists")
        if "items" in names and self.item is None:
            raise ValueError("read with {items} needs `item`: where it stands in a row")
        if "location" not in names and self.location is None:
            raise ValueError("read needs {location} in the call, or `location` in a row")
        if self.version_header and "items" in names:
            raise ValueError("`version_header` belongs to a call a key")
        return self


class Find(Lookup):
    """Effects by reference, one call each. A row with another ``reference`` shows that the filter is not applied."""

    reference: Place
    item: Place
    location: Place
    document: Place

    @model_validator(mode="after")
    def _names_a_reference(self) -> Find:
        if self.names() != FIND_NAMES:
            raise ValueError("find has {reference}, and nothing else")
        return self


class Verify(Options):
    """A call that shows that the login is right and the API the one that was meant."""

    path: Path
    version: Place
    is_: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{1,60}$")] = Field(alias="is")

    @model_validator(mode="after")
    def _is_plain(self) -> Verify:
        _only(names_in(self.path), frozenset(), "check")
        return self


class Declared(Options):
    """What the target can prove: ``syncline.targets.contract.Capabilities``. Nothing is taken for granted."""

    writes: Literal["delta", "set"]
    key: Literal["none", "line", "document"] = "none"
    key_retention_s: int | None = Field(default=None, ge=1)
    compare: Literal["none", "version", "value"] = "none"
    is_atomic: bool = False
    lines_max: int = Field(default=1, ge=1, le=1000)


class RestOptions(Options):
    """``options`` of a registry entry. ``reference_digits``: how many of a correction id's 64 are sent."""

    auth: Auth
    headers: dict[Header, HeaderValue] = Field(default_factory=dict)
    capabilities: Declared
    reference_digits: int = Field(default=64, ge=20, le=64)
    write: Write
    read: Read
    find: Find | None = None
    check: Verify

    @model_validator(mode="after")
    def _keeps_what_it_declares(self) -> RestOptions:
        taken = {"authorization", "content-length", "content-type", "host", "cookie"}
        if bad := sorted(name for name in self.headers if name.lower() in taken):
            raise ValueError(f"`headers` may not hold {bad[0]}: secrets belong into the connection")
        for is_wrong, why in _contradictions(self.capabilities, self.write, self.read):
            if is_wrong:
                raise ValueError(why)
        return self

    def proves(self) -> Capabilities:
        """As the flow knows it."""
        return Capabilities(finds=self.find is not None, **self.capabilities.model_dump())


def _contradictions(declared: Declared, write: Write, read: Read) -> list[tuple[bool, str]]:
    names, alone = write.names(), declared.lines_max == 1
    by_line = names_in([write.path, write.params]) | (names_in(write.document) - DOCUMENT_NAMES)
    sends_version = "version" in names or write.version_header is not None
    return [
        (not {"item", "location"} <= names, "write sends no {item} or no {location}"),
        (not names & {"quantity", "quantity_text"}, "write sends no {quantity}"),
        (declared.key == "line" and "reference" not in names, "key line: write sends no {reference}"),
        (
            declared.key == "document" and write.key_header is None and "document" not in names,
            "key document: write has no `key_header` and sends no {document}",
        ),
        (
            declared.key == "none" and any(rule.outcome == "replayed" for rule in write.errors),
            "an error that proves `replayed` needs a key",
        ),
        (declared.key == "none" and declared.key_retention_s is not None, "key none has no `key_retention_s`"),
        (declared.compare != "none" and declared.writes == "delta", "compare belongs to writes set"),
        (declared.compare == "version" and not sends_version, "compare version: write sends no {version}"),
        (
            declared.compare == "version" and read.version is None and read.version_header is None,
            "compare version: read has no `version` and no `version_header`",
        ),
        (declared.compare == "value" and "shown" not in names, "compare value: write sends no {shown}"),
        (not alone and "lines" not in names, "lines_max above 1: write's document has no {lines}"),
        (not alone and bool(by_line & LINE_NAMES), "lines_max above 1: what is of a line belongs into `line`"),
        (not alone and write.version_header is not None, "`version_header` belongs to lines_max 1"),
        (
            not alone and write.results is None and not declared.is_atomic,
            "lines_max above 1: declare `results` for the lines, or is_atomic with one `result`",
        ),
        (not alone and bool(write.result and write.result.echo), "`echo` in `result` belongs to lines_max 1"),
        (write.results is not None and "reference" not in names, "`results` need {reference} in the line"),
    ]  # fmt: skip


def _only(names: frozenset[str], known: frozenset[str], where: str) -> None:
    if unknown := sorted(names - known):
        there_are = ", ".join(f"{{{name}}}" for name in sorted(known)) or "none"
        raise ValueError(f"{where} has no placeholder {{{unknown[0]}}}; there are {there_are}")
