"""Silence beyond a source's bound: told once, holds what the source owns, and ends by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.outbox.conftest import Network

from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline.outbox.breaker_desk import decide
from syncline.outbox.silence import Watched, watch_sources
from syncline.registry import Source
from syncline.warehouse.connect import connect_dsn

T0 = datetime(2026, 11, 2, 8, tzinfo=UTC)
DC1_WMS = Source(name="dc1_wms", kind="wms_api", site="DC1", staleness_s=600)
ACME = Source(name="acme_3pl", kind="sftp_edi", staleness_s=7200)
BETA = Source(name="beta_3pl", kind="sftp_edi", staleness_s=7200)
SOURCES = (DC1_WMS, ACME, BETA)


class Watch:
    """The demo's configuration, and sources that speak when told to. Minutes are counted from T0."""

    def __init__(self, owner: psycopg.Connection, transformer: psycopg.Connection) -> None:
        self.owner, self.transformer = owner, transformer

    def look(self, minute: float, *sources: Source) -> Watched:
        return watch_sources(self.transformer, sources or SOURCES, T0 + timedelta(minutes=minute))

    def polled(self, minute: float, source: Source = DC1_WMS) -> None:
        self.owner.execute(
            "insert into ops.source_cursors values (%(s)s, '{}', null, %(at)s) on conflict (source) do update "
            "set polled_at = %(at)s",
            {"s": source.name, "at": T0 + timedelta(minutes=minute)},
        )

    def file(self, minute: float, source: Source, status: str = "accepted") -> None:
        at = T0 + timedelta(minutes=minute)
        self.owner.execute(
            "insert into raw.documents (document_id, load_id, source, feed, name, content, sha256, size_bytes, "
            "received_at, status) values (%s, 1, %s, 'edi', 'f', '', 'x', 0, %s, %s)",
            (f"{source.name}-{minute}", source.name, at, status),
        )

    def exceptions(self) -> list[tuple[Any, ...]]:
        return self.owner.execute("select rule, subject, state from ops.exceptions order by exception_id").fetchall()

    def trips(self) -> list[tuple[Any, ...]]:
        return self.owner.execute(
            "select source, target, locations, measured, bound, state from ops.breaker_trips order by trip_id"
        ).fetchall()


@pytest.fixture
def watch(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> Iterator[Watch]:
    apply(warehouse, read_folder(project_root() / "dbt_project" / "seeds"), T0, "test")
    with connect_dsn(warehouse_dsn("transformer"), name="transformer") as transformer:
        yield Watch(warehouse, transformer)


def test_an_api_is_silent_when_no_poll_reached_its_end(watch: Watch) -> None:
    watch.look(0)
    watch.polled(0)
    assert watch.look(10).overdue == [], "at the bound"
    found = watch.look(10.1)
    assert (found.overdue, found.newly_silent) == (["dc1_wms"], ["dc1_wms"])
    assert watch.exceptions() == [("source.silent", "dc1_wms", "open")]
    assert watch.trips() == [("dc1_wms", None, ["DC1"], 606, 600, "open")]
    again = watch.look(11)
    assert (again.overdue, again.newly_silent) == (["dc1_wms"], []), "told once"
    assert (len(watch.exceptions()), len(watch.trips())) == (1, 1)
    watch.polled(12)
    assert watch.look(12.5).recovered == ["dc1_wms"]
    assert watch.exceptions() == [("source.silent", "dc1_wms", "resolved")]
    assert watch.trips()[0][-1] == "recovered"
    assert watch.look(12.6).recovered == []
    assert watch.look(30).newly_silent == ["dc1_wms"], "a second silence is a second one"


@pytest.mark.parametrize("status", ["quarantined", "duplicate"])
def test_a_partner_of_files_is_silent_though_its_server_answers(watch: Watch, status: str) -> None:
    watch.look(0)
    watch.file(0, BETA)
    watch.file(10, ACME)
    watch.file(100, BETA, status)
    watch.polled(119, BETA)
    watch.polled(119)
    assert watch.look(120).overdue == []
    watch.polled(121)
    assert watch.look(121).overdue == ["beta_3pl"], "an empty inbox, a refused file and an old file again are silence"
    watch.file(122, BETA, "partial")
    assert watch.look(122).recovered == ["beta_3pl"]


def test_a_source_never_heard_counts_from_the_first_look(watch: Watch) -> None:
    # What was noted before anybody watched is not held against the source either.
    watch.owner.execute("insert into ops.source_cursors values ('dc1_wms', '{}', null, '1970-01-01')")
    assert watch.look(1000).overdue == []
    assert watch.look(1010.1).overdue == ["dc1_wms"]


def test_a_secondary_is_told_but_holds_nothing(watch: Watch) -> None:
    watch.look(0, ACME)
    assert watch.look(121, ACME).newly_silent == ["acme_3pl"]
    assert watch.trips() == []
    assert watch.exceptions() == [("source.silent", "acme_3pl", "open")]


@pytest.mark.parametrize("gone", [(ACME,), (Source(name="dc1_wms", kind="wms_api", site="DC1", enabled=False), ACME)])
def test_a_source_that_is_not_watched_any_more_is_forgotten(watch: Watch, gone: tuple[Source, ...]) -> None:
    watch.polled(0)
    watch.look(0, DC1_WMS, ACME)
    watch.look(20, DC1_WMS, ACME)
    watch.look(21, *gone)
    assert watch.exceptions() == [("source.silent", "dc1_wms", "resolved")]
    assert watch.trips()[0][-1] == "recovered"
    assert watch.owner.execute("select source from ops.source_bounds").fetchall() == [("acme_3pl",)]


def test_a_more_specific_primary_takes_its_location_out_of_the_scope(watch: Watch) -> None:
    rows = read_folder(project_root() / "dbt_project" / "seeds")
    rows["ownership_rules"] = [
        *(row for row in rows["ownership_rules"] if row["source"] != "dc2_wms"),
        *(
            row | {"location": "*"}
            for row in rows["ownership_rules"]
            if row["source"] == "dc2_wms" and row["role"] == "primary"
        ),
    ]
    apply(watch.owner, rows, T0, "test")
    dc2 = Source(name="dc2_wms", kind="wms_api", site="DC2", staleness_s=600)
    watch.look(0, dc2)
    watch.look(11, dc2)
    assert watch.trips() == [("dc2_wms", None, ["DC2"], 660, 600, "open")]


def test_corrections_of_a_silent_owner_wait_and_are_thought_about_again(watch: Watch, network: Network) -> None:
    keys = [("SKU-0001", "DC1"), ("SKU-0001", "DC2")]
    network.read(dict.fromkeys(keys, 10))
    watch.polled(0)
    watch.look(0)
    watch.look(11)
    done = network.release(dict.fromkeys(keys, 12))
    assert (done.pending, done.held) == (1, 1), "another location goes on"
    assert network.reasons("held") == {"breaker 1: source silent"}
    watch.polled(30)
    watch.look(30)
    due = watch.owner.execute("select item, location, measure, reason from ops.key_triggers").fetchall()
    assert due == [("SKU-0001", "DC1", "on_hand", "source recovered")]
    # The batch these triggers open knows what the source told meanwhile: here, that nothing changed.
    network.release({keys[0]: 12})
    assert network.states() == {"pending": 2}
    assert network.reasons("pending") == {None}


def test_a_person_may_let_go_and_is_not_asked_again_in_the_same_silence(watch: Watch, network: Network) -> None:
    network.read({("SKU-0001", "DC1"): 10})
    watch.polled(0)
    watch.look(0)
    watch.look(11)
    network.release({("SKU-0001", "DC1"): 12})
    assert decide(network.publisher, 1, "released", by="ana", note="holiday", at=network.now()).moved == 1
    assert watch.look(12).newly_silent == []
    assert network.release({("SKU-0001", "DC1"): 13}).pending == 1
    assert watch.exceptions() == [("source.silent", "dc1_wms", "open")], "silent it is all the same"
