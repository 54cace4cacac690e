"""Every kind of loop, from facts to a webhook: each notice once, whatever is repeated, cleared, killed or rebuilt."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import psycopg
import pytest
from tests.databases import subscribed
from tests.loops.conftest import SUBSTITUTE, Loops, released, shipped
from tests.loops.test_tell import rebuild
from tests.notices.conftest import Deliver, Receiver
from tests.resolve.lane import at, counted, moved
from tests.threads import led

from syncline.landing import Document, Fact, Load, land
from syncline.loops import Told, land_returns, tell
from syncline.notices.channel import SubscriberPolicy
from syncline.notices.kinds import KINDS
from syncline.notices.webhook import Webhook
from syncline.warehouse.connect import connect_dsn

NOTICES = sorted(kind for kind, said in KINDS.items() if said.teller == "ops.tell_loop")
POLICY = SubscriberPolicy("hears_all", from_start=True, run_s=600.0)


def land_at(loops: Loops, minutes: float, source: str, *facts: Fact) -> None:
    """What another source than the lane's tells."""
    feed = "edi" if source.endswith("3pl") else "api"
    with connect_dsn(loops.dsn("loader")) as loader:
        land(loader, Load(source, feed, at(minutes), [Document(f"{source} {minutes}", b"{}", facts)]))


def authorise(loops: Loops, minutes: float, **said: Any) -> None:
    line = {"return": "RMA-1", "item": "SKU-0001", "location": "DC1", "quantity": 3, "authorised_at": at(0).isoformat()}
    with connect_dsn(loops.dsn("loader")) as loader:
        land_returns(loader, "erp", f"returns {minutes}", json.dumps({**line, **said}).encode(), at(minutes))


def everything(loops: Loops) -> None:
    """One day in which each kind of loop begins, told late, early and twice as it comes."""
    line = {"revision": 2, "cancel": True}
    authorise(loops, 1, refunded_at=at(1).isoformat())
    loops.tell(
        1, counted(1, 0, 100), counted(2, 0, 50)._replace(item_ref=SUBSTITUTE), released(3, 1, 10),
        released(4, 1, 5, event_key="O-2/1"), released(5, 1, 5, event_key="O-3/1"),
        released(6, 1, 5, event_key="O-4/1"),
    )  # fmt: skip
    land_at(
        loops, 2, "acme_3pl",
        moved(30, 1, 25, status_ref="in_transit", event_key="ASN-1/1", sequence=None),
        moved(31, 1, 10, status_ref="in_transit", event_key="ASN-2/1", sequence=None),
    )  # fmt: skip
    assert loops.batch(2)
    loops.tell(
        10,
        shipped(7, 9, 7), shipped(8, 9, 2, item_ref=SUBSTITUTE, is_final=True),  # short, with a substitute
        shipped(9, 9, 5, serves="O-2/1", item_ref=SUBSTITUTE),  # wholly substituted
        released(10, 5, 0, event_key="O-3/1", line_key="R-5/1", **line),  # cancelled before the pick
        released(11, 5, 0, event_key="O-4/1", line_key="R-6/1", **line), shipped(12, 6, 2, serves="O-4/1"),
        moved(13, 7, -10, event_key="TR-1"), moved(14, 7, -4, event_key="TR-2"),
        moved(15, 8, 2, status_ref="damaged"), moved(16, 8, 3, status_ref="quarantined"),
        moved(17, 8.5, -1, reason="count"),
        moved(18, 9.5, 2, serves="RMA-1", event_key="BACK-1"),
        moved(19, 9.5, 2, serves="RMA-1", event_key="BACK-1", line_key="E-19/2", status_ref="quarantined"),
    )  # fmt: skip
    dc2 = {"location_ref": "DC2", "sequence": None}
    land_at(loops, 11, "dc2_wms", moved(40, 10, 9, event_key="TR-1", **dc2), moved(41, 10, 5, event_key="TR-2", **dc2))
    land_at(
        loops, 12, "acme_3pl",
        moved(32, 11, -20, status_ref="in_transit", serves="ASN-1", event_key="RCV-1/1", sequence=None),
        moved(33, 11, -12, status_ref="in_transit", serves="ASN-2", event_key="RCV-2/1", sequence=None),
    )  # fmt: skip
    assert loops.batch(13)


def dispositioned(loops: Loops) -> None:
    """The last unit of the return comes, and all of them are on sale: only now is the return at its end."""
    loops.tell(
        20, moved(50, 19, 1, serves="RMA-1", event_key="BACK-2"),
        moved(51, 19, -2, serves="RMA-1", event_key="FREE-1", status_ref="quarantined"),
    )  # fmt: skip
    assert loops.batch(21)


def kinds(loops: Loops) -> dict[str, int]:
    return dict(loops.rows("select kind, count(*) from marts.fct_loops group by kind"))


def die_inside(loops: Loops, owner: psycopg.Connection) -> None:
    """Killed when all is written and nothing is committed."""
    with connect_dsn(loops.dsn("transformer")) as transformer:
        pid = transformer.info.backend_pid
        with pytest.raises(psycopg.OperationalError), transformer.transaction():  # noqa: PT012
            assert tell(transformer, at(14)).first > 0
            owner.execute("select pg_terminate_backend(%s)", (pid,))
            transformer.execute("select 1")


@pytest.fixture
def heard(loops: Loops, warehouse: psycopg.Connection) -> Loops:
    for notice in NOTICES:
        subscribed(warehouse, (POLICY.name, notice, "*", "*", "live"))
    return loops


def test_each_kind_tells_each_of_its_notices_once(
    heard: Loops, warehouse: psycopg.Connection, receiver: Receiver, deliver: Deliver, webhook: Webhook
) -> None:
    everything(heard)
    assert kinds(heard) == {
        "short_pick": 1, "substitution": 1, "cancelled": 1, "cancelled_after_pick": 1, "transfer_short": 1,
        "transfer_over": 1, "receipt_short": 1, "receipt_over": 1, "return": 1, "cycle_count": 1, "damage": 1,
        "hold": 1,
    }  # fmt: skip
    die_inside(heard, warehouse)
    deliver(POLICY, webhook)
    assert receiver.ids == []  # killed inside: nothing is told

    first = heard.tell_loops(14)
    wanted = heard.rows("select loop_id, notice from marts.fct_loop_notices")
    assert first == Told(first=len(wanted))
    for minutes in (15, 16):  # cleared, and run again
        deliver(POLICY, webhook)
        assert heard.tell_loops(minutes) == Told()
    ids_before = heard.rows("select loop_id, kind from marts.fct_loops order by 1")
    rebuild(heard)
    assert heard.rows("select loop_id, kind from marts.fct_loops order by 1") == ids_before
    assert heard.tell_loops(17) == Told()
    deliver(POLICY, webhook)
    told = [(event["data"]["loop_id"], event["type"].removeprefix("syncline.")) for event in receiver.events]
    assert sorted(told) == sorted(wanted)
    assert len(receiver.ids) == len(set(receiver.ids))

    for mart in ("fct_loops", "fct_loop_notices", "fct_return_lines", "fct_release_servings", "fct_transfers"):
        assert led(heard.dsn("bi"), mart) > 0

    dispositioned(heard)
    # Of the return, nothing is missing and all is on sale; that something came is told in other words.
    assert heard.tell_loops(22) == Told(first=1, changed=1, withdrawn=1)
    deliver(POLICY, webhook)
    assert heard.tell_loops(23) == Told()
    news = receiver.events[len(told) :]
    assert Counter(event["type"].removeprefix("syncline.return.") for event in news) == {
        "dispositioned": 1, "received": 1, "missing": 1,
    }  # fmt: skip
    assert {event["type"]: (event["data"]["number"], event["data"].get("withdrawn")) for event in news} == {
        "syncline.return.received": (2, None), "syncline.return.missing": (2, True),
        "syncline.return.dispositioned": (1, None),
    }  # fmt: skip
    assert {event["subject"] for event in news} == {"return/RMA-1"}
    assert {event["type"].removeprefix("syncline.") for event in receiver.events} == set(NOTICES)
    end = next(event["data"] for event in news if event["type"].endswith("dispositioned"))
    assert (end["restocked"], end["damaged"], end["written_off"], end["held"]) == (3, 0, 0, 0)


def test_an_export_of_returns_is_landed_once_and_keeps_its_faults(loops: Loops, warehouse: psycopg.Connection) -> None:
    good = {"return": "RMA-1", "item": "SKU-0001", "location": "DC1", "quantity": 3, "authorised_at": at(0).isoformat()}
    lines = [good, {**good, "quantity": 1.5}, [1], {**good, "item": "NOBODY-KNOWS"}]
    content = b"\n".join(json.dumps(line).encode() for line in lines)
    with connect_dsn(loops.dsn("loader")) as loader:
        assert land_returns(loader, "erp", "r1", content, at(1)) == (2, 0, 2)
        assert land_returns(loader, "erp", "r2", content, at(2)) == (0, 2, 2)
        refunded = json.dumps({**good, "refunded_at": at(3).isoformat()}).encode()
        assert land_returns(loader, "erp", "r3", refunded, at(3)) == (1, 0, 0)
    faults = loops.rows("select distinct position, fault_code from raw.facts where fault_code is not null order by 1")
    assert faults == [("line 2", "return_contract"), ("line 3", "return_contract")]
    loops.tell(4, counted(1, 0, 10))
    assert loops.batch(5)
    assert loops.rows("select kind, item, expected, state from marts.fct_loops") == [
        ("return", "SKU-0001", 3, "overdue")  # what no crosswalk knows opens nothing
    ]
    assert loops.rows("select quantity from canonical.balances") == [(10,)]  # neither moves stock
