"""The bytes of a page to its records: typed events where they keep the contract, plain JSON where not.

Version 1 is decoded straight to its type; a record of another version is judged by its schema and upcast.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from syncline.sources.wms_api.decoding import ObjectWithRepeatedKey, decoded
from syncline.sources.wms_api.events import AnyEvent
from syncline.sources.wms_api.mapping import Key, fault_of, key_of
from syncline.sources.wms_api.plain import are_plain, tell_each_key_once
from syncline.sources.wms_api.upcast import UPCASTERS, typed

KEYS_OF_A_PAGE = 2


class Records(NamedTuple):
    """``events`` are typed and keep their contract, or plain JSON of any shape. ``is_typed``: all are typed.

    ``first``, ``last``: the least and greatest place in the API's order among the events whose place can be read.
    """

    events: Sequence[Any]
    has_more: bool
    is_typed: bool
    first: Key | None
    last: Key | None


class NotAPageError(ValueError):
    """Bytes that are no page. Its text says why and quotes nothing of them."""


class _Page(msgspec.Struct):
    events: list[AnyEvent]
    has_more: bool


class _RawPage(msgspec.Struct):
    events: list[msgspec.Raw]


_page = msgspec.json.Decoder(_Page).decode
_raw_page = msgspec.json.Decoder(_RawPage).decode
_event: Any = msgspec.json.Decoder(AnyEvent).decode
_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_records(content: bytes, site: str) -> Records:
    """The records of a page of ``site``.

    Raises:
        NotAPageError: it is no JSON, or not of the shape of a page.
    """
    typed = _typed_page(content, site)
    if typed and tell_each_key_once(typed.events, content, KEYS_OF_A_PAGE):
        return _typed_records(typed)
    events, has_more = _plain_page(content)
    known = typed.events if typed else _typed_events(content, site)
    if len(known) == len(events):
        events = [
            event if event is not None and _tells_each_key_once(record) else record
            for event, record in zip(known, events, strict=True)
        ]
    events = [_upcast(record, site) for record in events]
    keys = [key for key in map(key_of, events) if key is not None]
    is_typed = all(isinstance(event, msgspec.Struct) for event in events)
    return Records(events, has_more, is_typed, min(keys, default=None), max(keys, default=None))


def _typed_records(page: _Page) -> Records:
    instants = map(datetime.fromisoformat, [event.posted_at for event in page.events])
    keys = list(zip(instants, [event.event_id for event in page.events], strict=True))
    first, last = (Key(*min(keys)), Key(*max(keys))) if keys else (None, None)
    return Records(page.events, page.has_more, True, first, last)


def _typed_page(content: bytes, site: str) -> _Page | None:
    """The page when all its events are plain, told keys apart."""
    try:
        content.decode()  # msgspec steps over unknown fields without a look at their encoding
        page = _page(content)
    except _REFUSED:
        return None
    return page if are_plain(page.events, content, site) else None


def _typed_events(content: bytes, site: str) -> list[AnyEvent | None]:
    """Each record for itself, so that a broken one does not slow down its neighbours; None where it is not plain."""
    try:
        content.decode()
        return [_typed(bytes(record), site) for record in _raw_page(content).events]
    except _REFUSED:
        return []


def _typed(record: bytes, site: str) -> AnyEvent | None:
    try:
        event: AnyEvent = _event(record)
    except _REFUSED:
        return None
    return event if are_plain([event], record, site) else None


def _upcast(record: Any, site: str) -> Any:
    """``record``; as its type when it is of a newer version and has no fault."""
    if not isinstance(record, dict) or type(record.get("version")) is not int or record["version"] not in UPCASTERS:
        return record
    return record if fault_of(record, site) else typed(record)


def _plain_page(content: bytes) -> tuple[list[Any], bool]:
    try:
        page = decoded(content)
    except (ValueError, RecursionError) as error:
        raise NotAPageError(f"the body is not JSON ({type(error).__name__}, {len(content)} bytes)") from None
    if isinstance(page, ObjectWithRepeatedKey):
        raise NotAPageError("the body says one of its keys twice")
    if not isinstance(page, dict) or not isinstance(page.get("events"), list):
        raise NotAPageError("the body has no list `events`")
    if not isinstance(page.get("has_more"), bool):
        raise NotAPageError("`has_more` is not true or false")
    return page["events"], page["has_more"]


def _tells_each_key_once(record: Any) -> bool:
    """Whether ``decoded`` found no key twice in a typed record or its lines; other fields of it are not read."""
    return isinstance(record, dict) and all(isinstance(line, dict) for line in record["lines"])
