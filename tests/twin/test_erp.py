"""The ERP: idempotency, atomic documents, and locks that are Postgres's own."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from syncline.twin.erp_books import ErpBooks, ErpRefusal, Line
from syncline.twin.erp_jobs import ErpJobs
from syncline.twin.faults import FaultCount, Faults

POST = ("POST", "/erp/v1/adjustments")
LATER_MS = 10**12
OPENING = {("SKU-0001", "DC1"): 10, ("SKU-0002", "DC1"): 20}


def line(reference: str, delta: int = 1, item: str = "SKU-0001") -> dict[str, Any]:
    return {"reference": reference, "item": item, "location": "DC1", "delta": delta}


@pytest.fixture
def books(erp_dsn: str) -> ErpBooks:
    books = ErpBooks(erp_dsn)
    books.open(OPENING, 0)
    return books


def numbers(books: ErpBooks) -> dict[str, int]:
    return {row["item"]: row["quantity"] for row in books.balances(books.position_at(LATER_MS), ["DC1"])}


def test_a_document_posts_once_however_often_it_is_sent(serve: Any) -> None:
    api = serve().api("erp")
    before = api.get("/erp/v1/changes", limit=1000).json()
    lines = [line("c-1", -2), line("c-2", 5, "SKU-0002")]
    first = api.send(*POST, "key", lines).json()["lines"]
    again = api.send(*POST, "key", lines).json()["lines"]
    other_key = api.send(*POST, "other", lines[:1]).json()["lines"]
    assert [each["result"] for each in first] == ["posted", "posted"]
    assert again == [{**each, "result": "replayed"} for each in first]
    assert other_key == again[:1]
    after = api.get("/erp/v1/changes", after=len(before["changes"])).json()["changes"]
    assert [(c["kind"], c["reference"], c["delta"]) for c in after] == [
        ("adjustment", "c-1", -2),
        ("adjustment", "c-2", 5),
    ]
    balances = {(b["item"], b["location"]): b["quantity"] for b in api.get("/erp/v1/balances").json()["balances"]}
    assert balances["SKU-0001", "DC1"] == after[0]["quantity_after"]


def test_openings_come_first_and_pages_join(serve: Any) -> None:
    api = serve().api("erp")
    api.send(*POST, "key", [line("c-1")])
    found: list[dict[str, Any]] = []
    more = True
    while more:
        answer = api.get("/erp/v1/changes", after=len(found), limit=100).json()
        found, more = found + answer["changes"], answer["has_more"]
    assert [change["position"] for change in found] == list(range(1, 242))
    assert {change["kind"] for change in found[:240]} == {"opening"}


@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [
        ([line("c-9"), line("c-8", 1, "SKU-9999")], 422, "unknown_item"),
        ([line("c-9", 0)], 422, "invalid"),
        ([line("c-9"), line("c-9", 2, "SKU-0002")], 422, "invalid"),
        ([{**line("c-9"), "delta": "1"}], 422, "invalid"),
        ([{**line("c-9"), "delta": 1.0}], 422, "invalid"),
        ([line(f"c-{number}") for number in range(51)], 422, "invalid"),
        ([], 422, "invalid"),
    ],
)
def test_a_refused_document_executes_nothing(serve: Any, lines: list[dict[str, Any]], status: int, code: str) -> None:
    served = serve()
    answer = served.api("erp").send(*POST, "key", lines)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert served.twin.serving.erp.state()["adjustments"] == []


def test_a_key_with_another_body_is_refused(serve: Any) -> None:
    api = serve().api("erp")
    assert api.send(*POST, "key", [line("c-1")]).status_code == 200
    answer = api.send(*POST, "key", [line("c-2")])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "key_reused")


def test_a_refused_key_may_be_used_again(books: ErpBooks) -> None:
    with pytest.raises(ErpRefusal, match="No balance"):
        books.adjust("key", [Line("c-1", "SKU-9999", "DC1", 1)], 1)
    assert books.adjust("key", [Line("c-1", "SKU-0001", "DC1", 1)], 1)[0]["result"] == "posted"


def test_a_held_row_is_a_lock_timeout(erp_dsn: str, books: ErpBooks) -> None:
    with psycopg.connect(erp_dsn) as job:
        job.execute("select 1 from erp.balances where item = 'SKU-0001' for update")
        with pytest.raises(ErpRefusal) as refusal:
            books.adjust("key", [Line("c-1", "SKU-0001", "DC1", 1)], 1)
    assert (refusal.value.status, refusal.value.code) == (423, "row_locked")
    assert books.state()["lock_failures"] == [("adjustment", "55P03", 1)]
    assert numbers(books) == {"SKU-0001": 10, "SKU-0002": 20}
    assert books.adjust("key", [Line("c-1", "SKU-0001", "DC1", 1)], 1)[0]["result"] == "posted"


def test_opposite_lock_orders_are_a_real_deadlock(erp_dsn: str, books: ErpBooks) -> None:
    """The document locks 1 then 2, the job 2 then 1; Postgres itself ends one of the two with 40P01."""
    document = [Line("c-1", "SKU-0001", "DC1", 1), Line("c-2", "SKU-0002", "DC1", 1)]
    with psycopg.connect(erp_dsn) as job, psycopg.connect(erp_dsn, autocommit=True) as eye:
        job.execute("set deadlock_timeout = '10s'")  # the document looks first, so it is the victim
        job.execute("select 1 from erp.balances where item = 'SKU-0002' for update")
        with ThreadPoolExecutor(1) as pool:
            posting = pool.submit(books.adjust, "key", document, 1)
            while not eye.execute("select 1 from pg_locks where not granted").fetchone():
                assert not posting.done()
            job.execute("select 1 from erp.balances where item = 'SKU-0001' for update")
            with pytest.raises(ErpRefusal) as refusal:
                posting.result(10)
    assert refusal.value.code == "row_locked"
    assert books.state()["lock_failures"] == [("adjustment", "40P01", 1)]
    assert numbers(books) == {"SKU-0001": 10, "SKU-0002": 20}


def test_a_job_that_is_the_victim_gives_way(erp_dsn: str, books: ErpBooks) -> None:
    faults = Faults.none(row_lock_hold_real_s=0.6)
    count = FaultCount()
    jobs = ErpJobs(erp_dsn, books, faults, count, random.Random(1), lambda: 5)
    with psycopg.connect(erp_dsn) as ours, psycopg.connect(erp_dsn) as theirs:
        ours.execute("set deadlock_timeout = '10s'")
        ours.execute("select 1 from erp.balances where item = 'SKU-0001' for update")
        keys = [("SKU-0002", "DC1"), ("SKU-0001", "DC1")]
        job = threading.Thread(target=jobs.run_job, args=(theirs, keys))
        job.start()
        with psycopg.connect(erp_dsn, autocommit=True) as eye:
            while not eye.execute("select 1 from pg_locks where not granted").fetchone():
                assert job.is_alive()
        ours.execute("select 1 from erp.balances where item = 'SKU-0002' for update")
        job.join(10)
    assert books.state()["lock_failures"] == [("job", "40P01", 1)]
    assert count.injected["row_lock_job"] == 1


def test_many_writers_leave_no_gap_and_lose_nothing(books: ErpBooks) -> None:
    def post(number: int) -> str:
        item = f"SKU-000{1 + number % 2}"
        return str(
            books.adjust(f"key-{number // 2}-{number % 2}", [Line(f"c-{number // 2}-{item}", item, "DC1", 1)], 1)[0][
                "result"
            ]
        )

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(post, [*range(20), *range(20)]))
    assert sorted(results) == ["posted"] * 20 + ["replayed"] * 20
    changes, _ = books.changes(0, 1000)
    assert [change["position"] for change in changes] == list(range(1, 23))
    assert numbers(books) == {"SKU-0001": 20, "SKU-0002": 30}


def test_background_jobs_lock_rows_and_change_no_number(serve: Any) -> None:
    served = serve(Faults.none(row_lock_jobs_per_min=600.0, row_lock_hold_real_s=0.05))
    with psycopg.connect(served.dsn, autocommit=True) as conn:
        for _ in range(200):
            runs = conn.execute("select sum(job_runs) from erp.balances").fetchone()
            if runs and runs[0] > 10:
                break
            threading.Event().wait(0.02)
        assert runs is not None
        assert runs[0] > 10
        off = conn.execute(
            "select count(*) from erp.balances b join erp.changes c using (item, location)"
            " where b.quantity <> c.quantity_after"
        ).fetchone()
    assert off == (0,)


def test_a_rival_job_on_our_own_rows_makes_the_document_fail_or_give_way(serve: Any) -> None:
    served = serve(Faults.none(row_lock=1.0, row_lock_hold_real_s=1.6))
    lines = [line("c-1"), line("c-2", 1, "SKU-0002")]
    answer = served.api("erp").send(*POST, "key", lines)
    failures = served.twin.serving.erp.state()["lock_failures"]
    # Either we were told 423, or Postgres ended the job for our sake: never both unharmed.
    assert failures
    assert (answer.status_code == 423) == any(whose == "adjustment" for whose, _, _ in failures)
    assert {sqlstate for _, sqlstate, _ in failures} <= {"40P01", "55P03"}


def test_a_rival_on_a_single_row_is_a_lock_timeout(serve: Any) -> None:
    served = serve(Faults.none(row_lock=1.0, row_lock_hold_real_s=2.0))
    answer = served.api("erp").send(*POST, "key", [line("c-1")])
    assert (answer.status_code, answer.json()["error"]["code"]) == (423, "row_locked")
    assert served.twin.serving.erp.state()["lock_failures"] == [("adjustment", "55P03", 1)]
    assert served.twin.serving.erp.state()["adjustments"] == []
