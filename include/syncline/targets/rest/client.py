"""A target that is known by its description alone: paths, templates, places and words of ``options``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from requests.auth import HTTPBasicAuth

from syncline.errors import ConfigurationError, SynclineError
from syncline.partner_http import HeaderAuth, NoAuth, bearer
from syncline.targets.answers import broken, integral, not_taken, read, unconfirmed
from syncline.targets.contract import Check, DocumentAnswer, Found, LineAnswer, Shown
from syncline.targets.http import NOT_ANSWERED, Answer, TargetHttp
from syncline.targets.oauth import OAuth2
from syncline.targets.opening import header_text, https_url
from syncline.targets.options import needed, read_options
from syncline.targets.policy import TargetPolicy
from syncline.targets.reading import answered_alike, not_answered
from syncline.targets.rest.options import Lookup, RestOptions
from syncline.targets.rest.results import line_values, read_answer
from syncline.targets.rest.template import MISSING, Unsendable, at, filled, filled_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from requests.auth import AuthBase

    from syncline.connections import Connection
    from syncline.registry import Target
    from syncline.targets.contract import Document, Key, Line
    from syncline.targets.governance.governor import Governor
    from syncline.targets.rest.options import Auth

ROWS_MAX = 5000
UNCONFIRMED: tuple[str, ...] = (
    "what the registry entry declares (key, compare, find, result words, errors): ask whoever runs the target",
)
_VERSION = re.compile(r"[\x21-\x7e]{1,200}")
_TEXT = re.compile(r"[^\x00-\x1f]{1,200}")


class RestClient:
    """Not shared between threads. ``token_http``: where an OAuth token comes from; closed with the rest."""

    def __init__(
        self, http: TargetHttp, options: RestOptions, policy: TargetPolicy, token_http: TargetHttp | None = None
    ) -> None:
        self.capabilities = options.proves()
        self._http, self._options, self._policy, self._token_http = http, options, policy, token_http

    def close(self) -> None:
        self._http.close()
        if self._token_http is not None:
            self._token_http.close()

    def send(self, document: Document, timeout_s: float) -> DocumentAnswer:
        """Fill the templates, send them once, and read the answer by the declared words."""
        write, digits = self._options.write, self._options.reference_digits
        if unsendable := self._unsendable(document):
            return unsendable
        lines = [line_values(line, digits) for line in document.lines]
        values: dict[str, Any] = {"document": document.key[:digits]} | (lines[0] if len(lines) == 1 else {})
        values["lines"] = [filled(write.line, each) for each in lines]
        headers = dict(self._options.headers)
        if write.key_header:
            headers[write.key_header] = values["document"]
        if write.version_header and document.lines[0].expected_version is not None:
            headers[write.version_header] = document.lines[0].expected_version
        try:
            path = filled_path(write.path, values)
        except Unsendable:
            return not_taken(document, document.lines, "unsendable")
        try:
            answer = self._http.call(
                write.method, path, timeout_s=timeout_s, params=_params(write.params, values),
                body=filled(write.document, values), headers=headers,
            )  # fmt: skip
        except NOT_ANSWERED as error:
            return not_answered(document, error)
        return read_answer(write, self._policy.not_executed, document, answer, digits)

    def _unsendable(self, document: Document) -> DocumentAnswer | None:
        """A compare that is declared has something to compare with: without it, a set would overwrite."""
        if len(document.lines) > self.capabilities.lines_max:
            return answered_alike(document, LineAnswer("not_executed", "too_many_lines"), None)
        compared = {"version": "expected_version", "value": "shown"}.get(self.capabilities.compare, "reference")
        missing = [line for line in document.lines if getattr(line, compared) is None]
        return not_taken(document, missing, f"no_{compared}") if missing else None

    def show(self, keys: Sequence[Key]) -> Mapping[Key, Shown]:
        """What the target shows of ``keys``, by one call a key or by lists, as ``read`` is declared."""
        shown: dict[Key, Shown] = {}
        for asked, values in self._calls(sorted(set(keys))):
            for key, row_shown in self._rows_shown(values):
                if key in shown:
                    raise broken(self._policy.target, f"shows {key[0]!r} at {key[1]!r} twice")
                if key in asked:
                    shown[key] = row_shown
        return shown

    def _calls(self, keys: list[Key]) -> Iterator[tuple[set[Key], dict[str, Any]]]:
        """Keys that one call asks for, and what it is filled with."""
        names, most = self._options.read.names(), self._options.read.keys_max
        if "item" in names:
            yield from (({key}, {"item": key[0], "location": key[1]}) for key in keys)
            return
        by_location: dict[str, list[Key]] = {}
        for key in keys:
            by_location.setdefault(key[1] if "location" in names else "", []).append(key)
        for location, those in sorted(by_location.items()):
            for start in range(0, len(those), most):
                some = those[start : start + most]
                yield set(some), {"items": sorted({item for item, _ in some}), "location": location}

    def _rows_shown(self, values: Mapping[str, Any]) -> Iterator[tuple[Key, Shown]]:
        place, heard = self._options.read, list[Answer]()
        for row in self._looked_up(place, values, heard):
            item = self._text(at(row, place.item)) if place.item else values["item"]
            location = self._text(at(row, place.location)) if place.location else values["location"]
            version = heard[0].headers.get(place.version_header) if place.version_header else None
            if place.version:
                version = self._text(at(row, place.version))
            if self.capabilities.compare == "version" and not _VERSION.fullmatch(version or ""):
                raise broken(self._policy.target, f"shows {item!r} without a version that can be sent")
            yield (item, location), Shown(self._whole(at(row, place.quantity)), version)

    def _looked_up(self, place: Lookup, values: Mapping[str, Any], heard: list[Answer]) -> list[Any]:
        """Rows of one call; none where the target says that there is none. ``heard``: the answer they are from."""

        def is_absent(answer: Answer) -> bool:
            heard.append(answer)
            if place.absent is None or answer.status_code != place.absent.status:
                return False
            return bool(at(answer.body, place.error_code) == place.absent.code)

        try:
            path = filled_path(place.path, values)
        except Unsendable:
            return []  # a key that no address can name is none of the target's
        body = read(
            self._http, place.method, path, timeout_s=self._policy.call_s, params=_params(place.params, values),
            body=filled(place.body, values), headers=self._options.headers, is_absent=is_absent,
        )  # fmt: skip
        if body is None:
            return []
        rows = [body] if place.rows is None and isinstance(body, dict) else at(body, place.rows or "nowhere")
        if not isinstance(rows, list) or len(rows) > ROWS_MAX:
            raise broken(self._policy.target, f"has no list of rows under {place.rows!r}")
        return rows

    def _text(self, value: Any) -> str:
        text = str(value) if type(value) is int and abs(value) < 10**18 else value
        if not isinstance(text, str) or not _TEXT.fullmatch(text):
            raise broken(self._policy.target, "shows a row without a text where its item, location or version stands")
        return text

    def _whole(self, value: Any) -> int:
        try:
            return integral(None if value is MISSING else value)
        except ValueError as error:
            raise broken(self._policy.target, f"shows a quantity: {error}") from None

    def check(self) -> list[Check]:
        """The declared call answers with the declared version; nothing is changed."""
        verify = self._options.check
        try:
            body = read(self._http, "GET", verify.path, timeout_s=self._policy.call_s, headers=self._options.headers)
            told = self._text(at(body, verify.version))
        except SynclineError as error:
            checks = [Check("version", False, str(error))]
        else:
            is_well = told == verify.is_
            said = f"version {told}" + ("" if is_well else f", declared is {verify.is_}")
            checks = [Check("version", is_well, said, is_other_version=not is_well)]
        return checks + unconfirmed(UNCONFIRMED)


class FindingRestClient(RestClient):
    """One whose description has ``find``."""

    def find(self, lines: Sequence[Line]) -> Mapping[str, Sequence[Found]]:
        """Effects by reference, asked one by one."""
        place, found = self._options.find, dict[str, list[Found]]()
        assert place is not None  # open_adapter
        for line in lines:
            reference = line.reference[: self._options.reference_digits]
            for row in self._looked_up(place, {"reference": reference}, []):
                if self._text(at(row, place.reference)) != reference:
                    raise broken(self._policy.target, "answers a look-up with another reference: it does not filter")
                found.setdefault(line.reference, []).append(
                    Found(
                        self._text(at(row, place.item)), self._text(at(row, place.location)),
                        self._whole(at(row, place.quantity)), self._text(at(row, place.document)),
                    )
                )  # fmt: skip
        return found


def _params(template: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    return {name: _joined(filled(each, values)) for name, each in template.items()}


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(each) for each in value)
    return "" if value is None else str(value)


def open_adapter(target: Target, connection: Connection, governor: Governor | None = None) -> RestClient:
    """See ``syncline.targets.adapters``."""
    options = read_options(target, RestOptions)
    if options.capabilities.writes != target.style:
        raise ConfigurationError(
            f"Target {target.name}: style is {target.style}, options declare writes {options.capabilities.writes}.",
            next_step="Make both the same.",
            target=target.name,
        )
    base_url = https_url(target, connection)
    auth, token_http = _auth(target, connection, options.auth, governor)
    opened = FindingRestClient if options.find is not None else RestClient
    return opened(
        TargetHttp(target.name, base_url, auth, governor),
        options,
        TargetPolicy.of(target, options.proves()),
        token_http,
    )


def _auth(
    target: Target, connection: Connection, auth: Auth, governor: Governor | None
) -> tuple[AuthBase, TargetHttp | None]:
    """The login, and the server that tokens come from: ``extra.token_base_url``, or the target itself."""
    if auth.kind == "bearer":
        return bearer(header_text(target, connection, "password")), None
    if auth.kind == "header":
        return HeaderAuth(str(auth.header), header_text(target, connection, "password")), None
    login, password = (needed(target, connection, part) for part in ("login", "password"))
    if auth.kind == "basic":
        return HTTPBasicAuth(login.encode(), password.encode()), None
    form = {"grant_type": "client_credentials", "client_id": login, "client_secret": password}
    form |= {"scope": auth.scope} if auth.scope else {}
    part = "extra.token_base_url" if "token_base_url" in connection.extra else "host"
    token_http = TargetHttp(target.name, https_url(target, connection, part), NoAuth(), governor)
    return OAuth2(token_http, str(auth.token_path), lambda: form), token_http
