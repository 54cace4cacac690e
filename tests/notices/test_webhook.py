"""A webhook gets every event that it subscribes to: signed, at least once, in order within a subject."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from tests.breaking.raw_server import CLOSE, Call, RawServer
from tests.notices.conftest import SECRET, Deliver, Hand, Happenings, Receiver, begin, hook_connection

from syncline.clock import Clock
from syncline.errors import ConfigurationError
from syncline.notices.channel import SubscriberPolicy
from syncline.notices.desk import dead_notices, redrive, resume, standings
from syncline.notices.webhook import Webhook

HOOK = SubscriberPolicy("hook", tries_max=3)


def test_an_event_is_a_signed_cloud_event(
    happenings: Happenings, receiver: Receiver, webhook: Webhook, deliver: Deliver
) -> None:
    happenings.subscribe("hook", "correction.applied", "DC1")
    begin(deliver, HOOK, webhook)
    happenings.apply("A", "DC1")
    happenings.apply("B", "DC2")
    happenings.correction("C", "DC1", "held")
    assert deliver(HOOK, webhook)["delivered"] == 1

    ((path, headers, body),) = receiver.requests
    assert path == "/in"
    assert headers["content-type"].startswith("application/cloudevents+json")
    event = json.loads(body)
    assert headers["webhook-id"] == event["id"]
    signed = b".".join((event["id"].encode(), headers["webhook-timestamp"].encode(), body))
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert event | {"id": "", "sequence": ""} == {
        "specversion": "1.0", "id": "", "source": "/syncline", "type": "syncline.correction.applied",
        "subject": "erp/A/DC1", "time": "2026-11-02T10:00:00+00:00", "datacontenttype": "application/json",
        "sequence": "", "correlationid": "correction:c1",
        "data": {
            "correction_id": "c1", "target": "erp", "item": "A", "location": "DC1", "kind": "delta", "quantity": 2,
            "wanted": 5, "shown": 3, "tries": 1, "batch_id": 1,
        },
    }  # fmt: skip
    assert not any(deliver(HOOK, webhook).values()), "told twice"


@pytest.mark.parametrize(("mode", "sent", "kept"), [("shadow", 0, {"shadow": 1}), ("off", 0, {}), ("live", 1, None)])
def test_the_most_specific_subscription_decides(
    happenings: Happenings, receiver: Receiver, webhook: Webhook, deliver: Deliver, mode: str, sent: int, kept: object
) -> None:
    happenings.subscribe("hook", "*", mode="off" if mode == "live" else "live")
    happenings.subscribe("hook", "correction.applied", "DC1", mode)
    begin(deliver, HOOK, webhook)
    happenings.apply("A")
    deliver(HOOK, webhook)
    assert len(receiver.requests) == sent
    assert happenings.states("hook") == (kept if kept is not None else {"delivered": 1})


def test_a_repeat_has_the_same_id_and_body(
    happenings: Happenings, receiver: Receiver, webhook: Webhook, deliver: Deliver, clock: Hand
) -> None:
    happenings.subscribe("hook")
    begin(deliver, HOOK, webhook)
    happenings.apply("A")
    receiver.answers = [(500, {}, b"no")]
    assert deliver(HOOK, webhook)["failed"] == 1
    assert not any(deliver(HOOK, webhook).values()), "not before its time"
    clock.move(10)
    assert deliver(HOOK, webhook)["delivered"] == 1
    (_, _, first), (_, _, second) = receiver.requests
    assert first == second


def test_order_is_kept_within_a_subject_and_another_does_not_wait(
    happenings: Happenings, receiver: Receiver, webhook: Webhook, deliver: Deliver, clock: Hand
) -> None:
    happenings.subscribe("hook")
    begin(deliver, HOOK, webhook)
    for item in ("A", "B", "A", "B"):
        happenings.apply(item)
    receiver.answers = [(500, {}, b"")]
    deliver(HOOK, webhook)
    assert [event["subject"] for event in receiver.events] == ["erp/A/DC1", "erp/B/DC1", "erp/B/DC1"]
    clock.move(10)
    deliver(HOOK, webhook)
    corrections = [event["data"]["correction_id"] for event in receiver.events[3:]]
    assert corrections == ["c1", "c3"]


def test_a_refused_event_becomes_a_dead_letter_that_can_be_sent_again(
    happenings: Happenings, receiver: Receiver, webhook: Webhook, deliver: Deliver, clock: Hand
) -> None:
    happenings.subscribe("hook", "correction.applied")
    begin(deliver, HOOK, webhook)
    happenings.apply("A")
    happenings.apply("A")
    receiver.judge = lambda event: 422 if event["data"]["correction_id"] == "c1" else 204
    for _ in range(4):
        deliver(HOOK, webhook)
        clock.move(100)
    assert happenings.states("hook") == {"dead": 1, "delivered": 1}
    (dead,) = dead_notices(happenings.owner, "hook")
    assert (dead.tries, dead.status_code, dead.told) == (3, 422, "it answered 422")
    open_rules = "select rule, subject from ops.exceptions where state = 'open'"
    assert happenings.rows(open_rules) == [("notice_dead", "hook")]

    receiver.judge = None
    at = clock.now()
    assert redrive(happenings.owner, "hook", None, at=at, dry_run=True) == [dead.position]
    assert happenings.states("hook")["dead"] == 1
    assert redrive(happenings.owner, "hook", dead.position, at=at) == [dead.position]
    assert happenings.rows(open_rules) == []
    assert deliver(HOOK, webhook)["delivered"] == 1
    assert receiver.ids.count(receiver.events[-1]["id"]) == 4


def test_a_receiver_that_is_down_for_a_week_makes_no_dead_letter_and_delays_nobody(
    happenings: Happenings, receiver: Receiver, webhook: Webhook, deliver: Deliver, clock: Hand
) -> None:
    down = SubscriberPolicy("down", tries_max=2)
    nowhere = Webhook(hook_connection(1), Clock(), timeout_s=1.0)
    for name in ("down", "hook"):
        happenings.subscribe(name, "correction.applied")
    begin(deliver, HOOK, webhook)
    begin(deliver, down, nowhere)
    made = 0
    for _ in range(24 * 7):
        happenings.apply("A")
        happenings.apply(f"item-{made}")
        made += 2
        deliver(down, nowhere)
        deliver(HOOK, webhook)
        clock.move(3_600)
    assert happenings.states("hook") == {"delivered": made}
    assert happenings.states("down") == {"waiting": made}
    opened = "select subject from ops.exceptions where rule = 'subscriber_down' and state = 'open'"
    assert happenings.rows(opened) == [("down",)]
    assert next(each for each in standings(happenings.owner) if each.subscriber == "down").waiting == made

    # It is back: everything arrives, in order within each subject, and the exception is closed.
    before = len(receiver.requests)
    for _ in range(3):
        deliver(down, webhook)
        clock.move(3_600)
    late = receiver.events[before:]
    assert len(late) == made
    of_a = [event["sequence"] for event in late if event["subject"] == "erp/A/DC1"]
    assert of_a == sorted(of_a)
    assert happenings.rows(opened) == []


def test_one_event_that_breaks_its_receiver_dies_and_the_rest_flows(
    happenings: Happenings, receiver: Receiver, webhook: Webhook, deliver: Deliver, clock: Hand
) -> None:
    happenings.subscribe("hook", "correction.applied")
    begin(deliver, HOOK, webhook)
    for item in ("poison", "A", "B", "C"):
        happenings.apply(item)
    receiver.judge = lambda event: 500 if event["data"]["item"] == "poison" else 204
    deliver(HOOK, webhook)
    assert happenings.states("hook") == {"waiting": 1, "delivered": 3}
    for number in range(6):
        clock.move(7_200)
        happenings.apply(f"more-{number}")
        deliver(HOOK, webhook)
    assert happenings.states("hook") == {"dead": 1, "delivered": 9}


def test_retry_after_is_kept(
    happenings: Happenings, receiver: Receiver, webhook: Webhook, deliver: Deliver, clock: Hand
) -> None:
    happenings.subscribe("hook")
    begin(deliver, HOOK, webhook)
    happenings.apply("A")
    happenings.apply("B")
    receiver.answers = [(429, {"Retry-After": "300"}, b"")]
    deliver(HOOK, webhook)
    clock.move(299)
    deliver(HOOK, webhook)
    assert len(receiver.requests) == 1, "the whole receiver asked to wait"
    clock.move(2)
    assert deliver(HOOK, webhook)["delivered"] == 3  # and the exception about itself


def test_gone_stops_the_subscriber_until_a_person_resumes_it(
    happenings: Happenings, receiver: Receiver, webhook: Webhook, deliver: Deliver, clock: Hand
) -> None:
    happenings.subscribe("hook", "correction.applied")
    begin(deliver, HOOK, webhook)
    happenings.apply("A")
    happenings.apply("B")
    receiver.answers = [(410, {}, b"")]
    assert deliver(HOOK, webhook)["gone"] == 1
    for _ in range(3):
        clock.move(100_000)
        deliver(HOOK, webhook)
    assert len(receiver.requests) == 1
    gone = "select subject, state from ops.exceptions where rule = 'subscriber_gone'"
    assert happenings.rows(gone) == [("hook", "open")]
    resume(happenings.owner, "hook", at=clock.now())
    assert happenings.rows(gone) == [("hook", "resolved")]
    assert deliver(HOOK, webhook)["delivered"] == 2


def test_a_redirect_is_not_followed(
    happenings: Happenings, receiver: Receiver, webhook: Webhook, deliver: Deliver
) -> None:
    happenings.subscribe("hook", "correction.applied")
    begin(deliver, HOOK, webhook)
    happenings.apply("A")
    receiver.answers = [(307, {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}, b"")]
    assert deliver(HOOK, webhook)["failed"] == 1
    assert [path for path, _, _ in receiver.requests] == ["/in"]


def _endless(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000)


def _drips(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    call.drip(b"x")


def _nonsense(call: Call) -> str:
    call.send(b"\x00\xff" * 50)
    return CLOSE


def _hangs_up(call: Call) -> str:
    return CLOSE


@pytest.mark.parametrize("talk", [_endless, _drips, _nonsense, _hangs_up])
def test_a_hostile_receiver_costs_its_time_out_and_nothing_else(
    happenings: Happenings, deliver: Deliver, talk: object
) -> None:
    server = RawServer(talk)  # type: ignore[arg-type]
    channel = Webhook(hook_connection(server.port), Clock(), timeout_s=0.5)
    try:
        happenings.subscribe("hook", "correction.applied")
        begin(deliver, HOOK, channel)
        happenings.apply("A")
        assert deliver(HOOK, channel)["failed"] == 1
    finally:
        channel.close()
        server.close()
    ((state, told),) = happenings.rows("select state, told from ops.deliveries")
    assert state == "waiting"
    assert len(told) < 200


def test_no_secret_and_no_address_is_kept_or_said(
    happenings: Happenings, receiver: Receiver, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    channel = Webhook(hook_connection(receiver.port, path="/in?token=s3cr3t-path"), Clock(), timeout_s=2.0)
    happenings.subscribe("hook")
    begin(deliver, HOOK, channel)
    for number in range(4):
        happenings.apply(f"item-{number}")
    receiver.always = (500, {}, SECRET.encode())
    deliver(HOOK, channel)
    channel.close()
    assert receiver.requests
    tables = ("events", "deliveries", "subscriber_cursors", "exceptions")
    stored = "".join(str(happenings.rows(f"select * from ops.{table}")) for table in tables)
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("syncline"))
    for secret in (SECRET, SECRET.removeprefix("whsec_"), "s3cr3t-path"):
        assert secret not in stored + ours


@pytest.mark.parametrize("password", ["", "whsec_", "whsec_dG9vIHNob3J0", "whsec_???"])
def test_a_weak_secret_is_refused_and_not_said(password: str) -> None:
    connection = hook_connection(1)
    object.__setattr__(connection, "password", password)
    with pytest.raises(ConfigurationError) as caught:
        Webhook(connection, Clock(), timeout_s=1.0)
    assert not password.removeprefix("whsec_") or password not in str(caught.value)


def test_plain_http_to_another_machine_is_refused() -> None:
    connection = hook_connection(1)
    object.__setattr__(connection, "host", "http://example.org")
    with pytest.raises(ConfigurationError, match="https"):
        Webhook(connection, Clock(), timeout_s=1.0)
