"""The WMS API over real HTTP: cursor, late events, contract, refusals."""

from __future__ import annotations

import time
from typing import Any

import pytest

from syncline.sources.wms_api.contract import breach
from syncline.twin.faults import Faults
from syncline.twin.wms_log import iso_ms

START = "2026-11-02T12:00:00Z"


def pages(api: Any, limit: int, posted_from: str = START) -> list[list[dict[str, Any]]]:
    """Every page from ``posted_from``, the cursor moved to the last event of each."""
    found, after_id = [], ""
    while True:
        answer = api.get("/wms/v1/DC1/events", posted_from=posted_from, after_id=after_id, limit=limit).json()
        found.append(answer["events"])
        if not answer["has_more"]:
            return found
        posted_from, after_id = answer["events"][-1]["posted_at"], answer["events"][-1]["event_id"]


def test_pages_of_any_size_tell_every_event_once_and_in_order(serve: Any) -> None:
    served = serve(at_minutes=110)
    api = served.api("dc1_wms")
    log = [posted.body for posted in served.twin.serving.world.books.logs["DC1"].records()]
    assert len(log) > 200
    for limit in (7, 500):
        events = [event for page in pages(api, limit) for event in page]
        assert events == log
        assert [(e["posted_at"], e["event_id"]) for e in events] == sorted(
            (e["posted_at"], e["event_id"]) for e in events
        )


def test_from_is_inclusive_without_an_id_and_strict_with_one(serve: Any) -> None:
    api = serve().api("dc1_wms")
    first, second = api.get("/wms/v1/DC1/events", posted_from=START, limit=2).json()["events"]
    at = second["posted_at"]
    inclusive = api.get("/wms/v1/DC1/events", posted_from=at, limit=1).json()["events"]
    strict = api.get("/wms/v1/DC1/events", posted_from=at, after_id=second["event_id"], limit=1).json()["events"]
    assert inclusive == [second]
    assert strict[0]["sequence"] == second["sequence"] + 1
    finer = at.replace("Z", "5+00:00")
    assert api.get("/wms/v1/DC1/events", posted_from=finer, limit=1).json()["events"] == strict
    assert first["posted_at"] < second["posted_at"]


@pytest.mark.parametrize("faults", [Faults(), Faults.none(duplicate=1.0, retry=1.0)], ids=["default", "told twice"])
def test_every_event_keeps_the_products_contract(serve: Any, faults: Faults) -> None:
    served = serve(Faults.none(), at_minutes=119)
    for log in served.twin.serving.world.books.logs.values():
        for posted in log.records():
            assert breach(posted.body) is None, posted.body


def test_a_broken_record_breaks_the_contract_and_the_right_one_follows(serve: Any) -> None:
    events = [
        e for page in pages(serve(Faults.none(broken_record=1.0, unknown_type=1.0)).api("dc1_wms"), 500) for e in page
    ]
    broken = {event["event_id"]: breach(event) for event in events}
    codes = {found[0] for found in broken.values() if found}
    assert codes == {"event_breaks_schema", "event_type_unknown"}
    right = {event["transaction_id"] for event in events if broken[event["event_id"]] is None}
    assert {event["transaction_id"] for event in events} == right


def test_a_late_event_appears_behind_the_cursor(serve: Any) -> None:
    served = serve(Faults.none(late=0.5, late_max_s=240), at_minutes=60, rate=60.0)
    api, log = served.api("dc1_wms"), served.twin.serving.world.books.logs["DC1"]
    first = {event["event_id"] for page in pages(api, 500) for event in page}
    newest = max(first)
    hidden = {posted.event_id for posted in log.records() if posted.event_id < newest} - first
    assert hidden
    deadline = time.monotonic() + 20
    while not hidden <= {event["event_id"] for page in pages(api, 500) for event in page}:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_an_event_is_told_twice_in_a_page(serve: Any) -> None:
    served = serve(Faults.none(duplicate=1.0))
    events = [event["event_id"] for page in pages(served.api("dc1_wms"), 10) for event in page]
    log = [posted.event_id for posted in served.twin.serving.world.books.logs["DC1"].records()]
    assert sorted(set(events)) == log
    assert len(events) == 2 * len(log)
    logs = served.twin.serving.world.books.logs.values()
    assert served.twin.serving.world.count.injected["duplicate"] == sum(len(each) for each in logs)


def test_refusals(serve: Any) -> None:
    served = serve()
    api, other = served.api("dc1_wms"), served.api("dc2_wms")
    events = "/wms/v1/DC1/events"
    assert other.get(events, posted_from=START).status_code == 401
    assert other.get(events, posted_from=START).json()["error"]["code"] == "unauthorized"
    assert api.get("/wms/v1/DC9/events", posted_from=START).status_code == 404
    assert api.get("/wms/v1/DC3/events", posted_from=START).status_code == 404
    for wrong in ({"posted_from": "yesterday"}, {"posted_from": "2026-11-02T12:00:00"}, {},
                  {"posted_from": START, "limit": 501}, {"posted_from": START, "limit": 0}):  # fmt: skip
        answer = api.get(events, **wrong)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


def test_times_are_written_with_milliseconds_and_z() -> None:
    assert iso_ms(1_793_620_800_007) == "2026-11-02T12:00:00.007Z"
