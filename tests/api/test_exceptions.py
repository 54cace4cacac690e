"""Exceptions over HTTP: found, shown and changed as at the desk."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Api
from tests.exceptions.conftest import KEY, after

from syncline.exceptions import About


def test_listed_page_by_page_and_filtered(api: Api) -> None:
    numbers = [api.desk.find(after(-n), subject=f"s{n}", units=n + 1) for n in range(5)]
    api.desk.find(after(), "file_refused", "a.edi", about=About(source="acme_3pl"))
    first = api.call("GET", "/v1/exceptions?rule=discrepancy&limit=3").json()
    assert [each["exception_id"] for each in first["exceptions"]] == numbers[:1:-1]  # the oldest is due first
    assert first["next_skip"] == 3
    rest = api.call("GET", "/v1/exceptions?rule=discrepancy&limit=3&skip=3").json()
    assert ([each["exception_id"] for each in rest["exceptions"]], rest["next_skip"]) == (
        [numbers[1], numbers[0]],
        None,
    )
    (refused,) = api.call("GET", "/v1/exceptions?team=partner").json()["exceptions"]
    assert (refused["owner"], refused["subject"], refused["age_s"]) == ("acme_3pl contact", "a.edi", 3600)
    assert api.call("GET", "/v1/exceptions?state=resolved&state=snoozed").json()["exceptions"] == []


def test_shown_with_its_changes_and_evidence(api: Api) -> None:
    number = api.desk.find(after(), evidence=["fact:abc"])
    assert api.change(number, "take", by="anna").json()["state"] == "acknowledged"
    shown = api.call("GET", f"/v1/exceptions/{number}").json()
    assert shown["exception"]["owner"] == "anna (api:all)"
    assert [(each["what"], each["changed_by"]) for each in shown["changes"]] == [
        ("opened", "syncline"), ("acknowledged", "anna (api:all)"),
    ]  # fmt: skip
    assert [(each["kind"], each["ref"]) for each in shown["evidence"]] == [("fact", "abc")]


def test_every_action_does_what_the_desk_does(api: Api) -> None:
    number = api.desk.find(after())
    until = after(5).isoformat()
    for action, more, state in [
        ("take", {}, "acknowledged"),
        ("assign", {"team": "partner"}, "acknowledged"),
        ("comment", {"note": "seen"}, "acknowledged"),
        ("snooze", {"until": until}, "snoozed"),
        ("ask partner", {"question": "complete?", "due": until}, "snoozed"),
        ("correct", {"note": "mapped"}, "resolved"),
        ("reopen", {"note": "not yet"}, "reopened"),
    ]:
        answer = api.change(number, action, **more)
        assert (answer.status_code, answer.json().get("state")) == (200, state), answer.text
    refused = api.desk.find(after(), "file_refused", "a.edi", about=About(source="acme_3pl"))
    assert api.change(refused, "accept", note="sent again").json()["resolution"] == "accept"


def test_a_repeat_with_the_same_key_changes_nothing(api: Api) -> None:
    number = api.desk.find(after())
    for _ in range(3):
        answer = api.change(number, "comment", note="once", headers={"Idempotency-Key": "call-1"})
        assert answer.status_code == 200
    # The same id of another caller is another call.
    api.change(number, "comment", key="worker", note="twice", headers={"Idempotency-Key": "call-1"})
    assert [who for what, who, *_ in api.desk.history(number) if what == "commented"] == ["api:all", "api:worker"]


def test_who_has_seen_another_version_gets_a_conflict(api: Api) -> None:
    number = api.desk.find(after())
    assert api.change(number, "take", version=1).status_code == 200
    late = api.change(number, "take", version=1)
    assert (late.status_code, late.json()["error"]["code"]) == (409, "conflict")
    assert api.change(number, "reopen", note="x").status_code == 409


@pytest.mark.parametrize(
    "body",
    [
        {"action": "explode"},
        {"action": "comment"},
        {"action": "comment", "note": ""},
        {"action": "comment", "note": "n" * 2001},
        {"action": "comment", "note": "a\x00b"},
        {"action": "comment", "note": "n", "extra": 1},
        {"action": "snooze", "until": "2026-11-02T18:00:00"},
        {"action": "snooze", "until": "2026-11-01T18:00:00Z"},
        {"action": "write off", "quantity": 1.5, "note": "n"},
        {"action": "write off", "quantity": "3", "note": "n"},
        {"action": "take", "version": "1"},
        {"action": "take", "by": "a\nb"},
        {"action": "assign", "team": "cleaners"},
        [],
        "take",
        None,
    ],
)
def test_what_makes_no_sense_is_refused_and_not_repeated(api: Api, body: Any) -> None:
    number = api.desk.find(after())
    answer = api.call("POST", f"/v1/exceptions/{number}/changes", json=body)
    assert answer.status_code == 422, answer.text
    assert set(answer.json()["error"]) >= {"code", "message"}
    assert api.desk.history(number) == [("opened", "syncline", None, "open")]


@pytest.mark.parametrize("number", ["999", "0", "-1", "x", str(2**63), "1%00", "../1"])
def test_a_number_that_is_none_is_not_found_or_refused(api: Api, number: str) -> None:
    api.desk.find(after(), about=KEY)
    assert api.call("GET", f"/v1/exceptions/{number}").status_code in (404, 422)
    assert api.change(number, "take").status_code in (404, 422)  # type: ignore[arg-type]
