"""Push flow against a real HTTP target: what is sent, what counts as proof, what is asked again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable
from syncline.targets.erp.client import ErpClient

A, B, C = ("SKU-0001", "DC1"), ("SKU-0002", "DC1"), ("SKU-0003", "DC2")
MakeLoop = Callable[..., Any]
NUMBERS = {A: 10, B: 20, C: 30}
TRUTH = {A: 12, B: 20, C: 25}


def settle(loop: Any) -> dict[str, int]:
    """First reading, release, push."""
    loop.push()
    loop.release()
    return loop.push()  # type: ignore[no-any-return]


@pytest.mark.parametrize("target", ["erp", "shop"])
def test_target_shows_truth_and_the_next_cycle_pushes_nothing(make_loop: MakeLoop, target: str) -> None:
    loop = make_loop(target, NUMBERS, TRUTH)
    first = loop.push()
    assert first["read"] == 3
    assert loop.queue() == {A, B, C}
    released = loop.release()
    assert (released.pending, released.held) == (2, 0)
    assert loop.queue() == set()
    assert loop.push() | {"read": 0} == {
        "sent": 2,
        "applied": 2,
        "rejected": 0,
        "unknown": 0,
        "retried": 0,
        "read": 0,
        "requeued": 0,
    }
    assert loop.book.numbers == TRUTH
    assert loop.queue() == set()
    assert loop.release().pending == 0
    assert loop.push()["sent"] == 0
    assert set(loop.book.effects.values()) == {1}


@pytest.mark.parametrize("target", ["erp", "shop"])
@pytest.mark.parametrize("fault", ["lost_applied", "lost", "locked", "busy", "broken", "nonsense"])
def test_each_fault_changes_the_target_once(make_loop: MakeLoop, target: str, fault: str) -> None:
    loop = make_loop(target, NUMBERS, TRUTH)
    loop.book.faults = [fault, fault]
    done = settle(loop)
    assert loop.book.numbers == TRUTH
    assert set(loop.book.effects.values()) == {1}
    assert loop.states() == {"applied": 2}
    assert done["sent"] >= 2
    if fault in ("lost", "broken"):
        assert done["unknown"] == done["sent"] - 2 > 0
    if fault in ("lost_applied", "nonsense"):
        assert (done["unknown"], done["sent"]) == (2, 2), "the change list proves it: nothing is sent twice"


def test_each_lock_halves_the_document_so_that_a_locked_row_holds_few(make_loop: MakeLoop) -> None:
    loop = make_loop("erp", NUMBERS, {A: 12, B: 21, C: 25}, lines_max=4)
    loop.book.faults = ["locked"] * 2
    settle(loop)
    documents = [[line["reference"] for line in document] for document in loop.book.documents]
    assert len(documents[0]) == 3
    assert all(len(document) <= 2 for document in documents[1:]), "half of four after one lock"
    locked_twice = documents[1]
    assert all(len(document) == 1 for document in documents[2:] if set(document) & set(locked_twice))


def test_lines_go_in_key_order_and_the_key_is_their_content(make_loop: MakeLoop) -> None:
    loop = make_loop("erp", NUMBERS, {A: 12, B: 21, C: 25}, lines_max=2)
    loop.book.faults = ["lost"]
    settle(loop)
    first, second, *_ = loop.book.documents
    assert [(line["item"], line["location"]) for line in first] == [A, C], "C is too high: it goes first"
    assert [(line["item"], line["location"]) for line in second] == [B]
    for lines, headers in zip(loop.book.documents, loop.book.headers, strict=True):
        content = "\n".join(sorted(line["reference"] for line in lines))
        assert headers["Idempotency-Key"] == hashlib.sha256(content.encode()).hexdigest()
    resent = {line["reference"]: line for document in loop.book.documents[2:] for line in document}
    assert resent == {line["reference"]: line for line in first}, "the same ids with the same bodies"


def test_the_attempt_is_committed_before_the_first_byte(make_loop: MakeLoop) -> None:
    loop = make_loop("erp", {A: 10}, {A: 12})
    seen: list[Any] = []

    def look(_: Any) -> None:
        seen.extend(
            loop.owner.execute(
                "select o.state, o.tries, a.try_no, a.deadline_at < o.lease_until, a.answered_at "
                "from ops.outbox o join ops.push_attempts a using (correction_id)"
            ).fetchall()
        )

    loop.book.before_document = [look]
    settle(loop)
    assert seen == [("sent", 1, 1, True, None)]


def test_stale_at_the_shop_is_computed_anew_from_the_new_reading(make_loop: MakeLoop) -> None:
    loop = make_loop("shop", {A: 10}, {A: 12})
    loop.book.before_document = [lambda book: book.change(A, -3, "order", order="O-1")]
    done = settle(loop)
    assert done["rejected"] == 1
    assert loop.book.numbers == {A: 7}, "never overwritten"
    assert loop.queue() == {A}
    loop.truth = {A: 9}
    loop.release()
    loop.push()
    assert loop.book.numbers == {A: 9}
    assert loop.states() == {"dead": 1, "applied": 1}
    event_key = loop.owner.execute("select event_key from ops.target_changes where kind = 'order'").fetchone()
    assert event_key == ("alloc:O-1",)


def test_stale_after_an_unproven_try_is_unproven_not_rejected(make_loop: MakeLoop) -> None:
    loop = make_loop("shop", {A: 10}, {A: 12})
    loop.book.faults = ["lost"]
    loop.push()
    loop.release()

    # The first document is lost; the order comes while its resend waits.
    original = loop.sleep

    def sleep(seconds: float) -> Any:
        if seconds > 0.1 and len(loop.book.documents) == 1 and loop.book.numbers[A] == 10:
            loop.book.change(A, -3, "order")
        return original(seconds)

    loop.sleep = sleep
    loop.push()
    assert loop.owner.execute("select state, reason from ops.outbox").fetchall() == [("dead", "unproven")]
    assert loop.queue() == {A}
    loop.sleep = original
    loop.release()
    loop.push()
    assert loop.book.numbers == {A: 12}
    assert loop.states() == {"dead": 1, "applied": 1}


@pytest.mark.parametrize("target", ["erp", "shop"])
def test_a_refused_line_is_a_dead_letter_and_the_others_go_through(make_loop: MakeLoop, target: str) -> None:
    loop = make_loop(target, NUMBERS, {A: 12, B: 21, C: 25})
    loop.book.refused = {B[0]}
    settle(loop)
    assert loop.book.numbers == {A: 12, B: 20, C: 25}
    assert loop.owner.execute("select item, state, reason from ops.outbox where state = 'dead'").fetchall() == [
        (B[0], "dead", "refused: unknown_item")
    ]
    assert loop.owner.execute("select rule, state from ops.exceptions").fetchall() == [("push.refused", "open")]
    loop.release()
    assert loop.push()["sent"] == 0, "the same correction is not sent again"
    assert loop.queue() == set()


def test_an_outside_change_is_corrected(make_loop: MakeLoop) -> None:
    loop = make_loop("erp", NUMBERS, TRUTH)
    settle(loop)
    loop.book.change(A, 5, "outside")
    assert loop.push()["requeued"] == 1
    assert loop.queue() == {A}
    loop.release()
    loop.push()
    assert loop.book.numbers == TRUTH


def test_an_untried_correction_overtaken_by_a_reading_is_not_sent(make_loop: MakeLoop) -> None:
    loop = make_loop("erp", {A: 10}, {A: 12})
    loop.push()
    loop.release()
    loop.book.change(A, 1, "outside")
    assert loop.push()["sent"] == 0
    released = loop.release()
    assert (released.superseded, released.pending) == (1, 1)
    loop.push()
    assert loop.book.numbers == {A: 12}


def test_tries_used_up_are_held_with_an_exception_and_settled_by_proof(make_loop: MakeLoop) -> None:
    loop = make_loop("erp", {A: 10}, {A: 12}, tries_max=2, trouble_max=10)
    loop.book.faults = ["broken"] * 2
    settle(loop)
    assert loop.owner.execute("select state, reason, tries from ops.outbox").fetchall() == [
        ("held", "tries used up", 2)
    ]
    assert loop.owner.execute("select rule from ops.exceptions where state = 'open'").fetchall() == [("push.tries",)]
    reference = loop.owner.execute("select correction_id from ops.outbox").fetchall()[0][0]
    loop.book.change(A, 2, "adjustment", reference)
    loop.push()
    assert loop.states() == {"applied": 1}
    assert loop.owner.execute("select state from ops.exceptions").fetchall() == [("resolved",)]


def test_a_reference_with_another_quantity_settles_nothing(make_loop: MakeLoop) -> None:
    loop = make_loop("erp", {A: 10}, {A: 12}, tries_max=1, trouble_max=10)
    loop.book.faults = ["broken"]
    settle(loop)
    reference = loop.owner.execute("select correction_id from ops.outbox").fetchall()[0][0]
    loop.book.change(A, 3, "adjustment", reference)
    loop.push()
    assert loop.states() == {"held": 1}
    assert ("push.reference_mismatch",) in loop.owner.execute("select rule from ops.exceptions").fetchall()


def test_three_recomputes_without_proof_escalate_the_key(make_loop: MakeLoop) -> None:
    loop = make_loop("shop", {A: 10}, {A: 50})
    loop.push()
    for _ in range(3):
        loop.book.before_document = [lambda book: book.change(A, -1, "order")]
        loop.release()
        loop.push()
    assert loop.owner.execute("select rule, subject from ops.exceptions where state = 'open'").fetchall() == [
        ("push.recompute", f"shop {A[0]} {A[1]}")
    ]
    loop.release()
    loop.push()
    assert loop.book.numbers == {A: 50}
    assert loop.owner.execute("select state from ops.exceptions").fetchall() == [("resolved",)]


def test_a_target_that_is_down_is_said_after_everything_is_stored(make_loop: MakeLoop) -> None:
    loop = make_loop("erp", {A: 10}, {A: 12})
    loop.push()
    loop.release()
    loop.book.before_document = [lambda book: setattr(book, "down", True)]
    with pytest.raises(PartnerUnavailable):
        loop.push()
    assert sum(loop.states().values()) == 1
    loop.book.down = False
    loop.push()
    assert loop.book.numbers == {A: 12}
    assert set(loop.book.effects.values()) == {1}


def test_a_wrong_token_is_a_configuration_error_without_the_token(make_loop: MakeLoop) -> None:
    loop = make_loop("erp", {A: 10}, {A: 12})
    client = ErpClient(loop.url, "secret-of-mine", loop.policy)
    with pytest.raises(ConfigurationError) as caught:
        client.changes(0, 10)
    assert "secret-of-mine" not in str(caught.value) + repr(caught.value.fields)


@pytest.mark.parametrize(
    ("member", "value"),
    [("position", 1), ("quantity_after", "7"), ("quantity_after", 7.5), ("delta", 10**30), ("item", "x" * 5000),
     ("item", "a\x00b"), ("changed_at", "2026-11-02T10:00:00"), ("kind", "drop table"), ("reference", 5)],
)  # fmt: skip
def test_a_broken_change_list_is_refused_and_the_cursor_stays(make_loop: MakeLoop, member: str, value: object) -> None:
    loop = make_loop("erp", NUMBERS, TRUTH)
    loop.book.changes[1][member] = value
    with pytest.raises(PartnerContractBroken, match="change list of erp"):
        loop.push()
    assert loop.owner.execute("select count(*) from ops.target_changes").fetchone() == (0,)
    assert loop.owner.execute("select count(*) from ops.target_cursors").fetchone() == (0,)


def test_a_second_worker_does_not_touch_a_lane_that_is_held(make_loop: MakeLoop) -> None:
    loop = make_loop("erp", {A: 10, B: 20}, {A: 12, B: 21})
    loop.push()
    loop.release()
    loop.owner.execute("select pg_advisory_lock(hashtext('syncline lane erp'), hashtext(%s) & 63)", (A[0],))
    loop.push()
    assert loop.book.numbers == {A: 10, B: 21}
    loop.owner.execute("select pg_advisory_unlock_all()")
    loop.push()
    assert loop.book.numbers == {A: 12, B: 21}


def test_pages_are_read_to_the_end_and_counted(make_loop: MakeLoop) -> None:
    loop = make_loop("erp", {(f"SKU-{n:04}", "DC1"): n for n in range(25)}, {}, page_limit=10)
    assert loop.push()["read"] == 25
    assert loop.owner.execute("select position from ops.target_cursors").fetchone() == (25,)
    assert loop.owner.execute("select count(*), max(reading_no) from ops.target_readings").fetchone() == (25, 1)
    loop.book.change(("SKU-0003", "DC1"), 4, "outside")
    loop.book.change(("SKU-0003", "DC1"), 4, "outside")
    loop.push()
    assert loop.owner.execute(
        "select reading_no, quantity from ops.target_readings where item = 'SKU-0003' order by 1"
    ).fetchall() == [(1, 3), (2, 11)]


@pytest.mark.parametrize("target", ["erp", "shop"])
def test_what_came_instead_of_an_answer_is_kept_with_the_try(make_loop: MakeLoop, target: str) -> None:
    loop = make_loop(target, NUMBERS, TRUTH)
    loop.book.faults = ["nonsense"]
    settle(loop)
    tries = loop.owner.execute("select outcome, answer ->> 'body' from ops.push_attempts order by 1, 2").fetchall()
    assert [body for _, body in tries if body is not None] == ["<html>"], "once for the document"
    assert {outcome for outcome, body in tries if body is not None} == {"unknown"}
