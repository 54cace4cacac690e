"""Mail through Airflow's notifier into a real SMTP server."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from syncline.connections import Connection
from syncline.errors import ConfigurationError
from syncline.notices.event import Bundle, Event
from syncline.registry import Subscriber
from syncline_airflow.mail import Mail

PASSWORD = "smtp-s3cr3t"
ENTRY = Subscriber(name="ops_mail", kind="email", conn_id="ops_mail", to="ops@example.org")
T0 = datetime(2026, 11, 2, 10, tzinfo=UTC)


class Sink:
    """Keeps what it takes; ``answer`` is what it says to a message."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.answer = "250 OK"
        self.answer_to_address = "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if self.answer_to_address.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer_to_address

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return self.answer


class AnyPort(Controller):
    """A port that is free; the controller itself would knock at the port that it was given, which is 0."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    handler = Sink()
    controller = AnyPort(handler, hostname="127.0.0.1", port=0)
    controller.start()
    extra = {"from_email": "syncline@example.org", "disable_ssl": True, "disable_tls": True, "retry_limit": 0}
    value = {"conn_type": "smtp", "host": "127.0.0.1", "port": controller.port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_OPS_MAIL", json.dumps(value))
    yield handler
    controller.stop()


def record(extra: dict[str, Any] | None = None) -> Connection:
    given = {"from_email": "syncline@example.org"} if extra is None else extra
    return Connection("ops_mail", "smtp", "127.0.0.1", password=PASSWORD, extra=given)


def bundle(*details: str) -> Bundle:
    events = tuple(
        Event(
            number, f"{number:064d}", "correction.held", f"erp/A-{number}/DC1", f"correction:c{number}",
            {"shown": 3, "wanted": 5, "reason": detail}, T0,
        )
        for number, detail in enumerate(details, 1)
    )  # fmt: skip
    return Bundle("ab" * 32, events, 1)


def test_a_digest_arrives_once_for_many_events(sink: Sink) -> None:
    outcome = Mail(ENTRY, record()).deliver(bundle("above tolerance", "on hold"))
    assert outcome.verdict == "delivered"
    (mail,) = sink.mails
    assert mail["To"] == "ops@example.org"
    assert mail["From"] == "syncline@example.org"
    assert mail["Subject"] == "Syncline: 2 correction.held"
    assert mail["Auto-Submitted"] == "auto-generated"
    body = mail.get_body(("html",)).get_content()
    assert "erp/A-1/DC1 shown 3, wanted 5 above tolerance" in body
    assert "erp/A-2/DC1" in body


def test_a_repeat_has_the_same_message_id(sink: Sink) -> None:
    for _ in range(2):
        Mail(ENTRY, record()).deliver(bundle("on hold"))
    first, second = (mail["Message-ID"] for mail in sink.mails)
    assert first == second == f"<{'ab' * 20}.ops_mail@syncline.invalid>"


def test_a_digest_is_bounded(sink: Sink) -> None:
    Mail(ENTRY, record()).deliver(bundle(*["x" * 5_000] * 1_000))
    body = sink.mails[0].get_body(("html",)).get_content()
    assert len(body) < 15_000
    assert "And 950 more" in body


def test_what_others_wrote_is_neither_header_nor_markup_nor_template(sink: Sink) -> None:
    evil = "x\r\nBcc: thief@example.org\r\n\r\n<script>alert(1)</script> {{ conn.ops_mail.password }} {% raw %}"
    assert Mail(ENTRY, record()).deliver(bundle(evil)).verdict == "delivered"
    (mail,) = sink.mails
    assert mail["Bcc"] is None
    body = mail.get_body(("html",)).get_content()
    assert "<script>" not in body
    assert "{{ conn.ops_mail.password }}" in body


@pytest.mark.parametrize("to", ["ops@example.org\nBcc: x@y.z", "a@b.c, d@e.f", "a@b.c d@e.f", "nobody", ""])
def test_an_address_that_is_not_one_is_refused(to: str) -> None:
    with pytest.raises(ValueError, match="to"):
        Subscriber(name="ops_mail", kind="email", conn_id="ops_mail", to=to)


@pytest.mark.parametrize(
    ("answer", "to_address", "verdict"),
    [
        ("554 no", "250 OK", "refused"),
        ("451 later", "250 OK", "failed"),
        ("250 OK", "550 who", "refused"),
        ("250 OK", "450 later", "failed"),
    ],
)
def test_what_the_server_says_decides(sink: Sink, answer: str, to_address: str, verdict: str) -> None:
    sink.answer, sink.answer_to_address = answer, to_address
    assert Mail(ENTRY, record()).deliver(bundle("on hold")).verdict == verdict


def test_no_server_is_a_failure_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"from_email": "a@example.org", "disable_ssl": True, "disable_tls": True, "retry_limit": 0}
    value = {"conn_type": "smtp", "host": "127.0.0.1", "port": 1, "password": PASSWORD, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_OPS_MAIL", json.dumps(value))
    outcome = Mail(ENTRY, record()).deliver(bundle("on hold"))
    assert outcome.verdict == "failed"
    assert PASSWORD not in outcome.told
    assert "127.0.0.1" not in outcome.told


def test_a_connection_without_sender_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no sender"):
        Mail(ENTRY, record({}))
