"""Each fault of an answer at rate 1 does what its name says."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from syncline.twin.faults import Faults

LINES = [{"reference": "c-1", "item": "SKU-0001", "location": "DC1", "delta": 3}]
ADJUSTMENTS = "/erp/v1/adjustments"


def is_posted(served: Any) -> bool:
    return bool(served.twin.serving.erp.state()["adjustments"])


def test_lost_request_closes_and_executes_nothing(serve: Any) -> None:
    served = serve(Faults.none(lost_request=1.0))
    with pytest.raises(requests.ConnectionError):
        served.api("erp").send("POST", ADJUSTMENTS, "k", LINES)
    assert not is_posted(served)


def test_lost_answer_closes_after_executing(serve: Any) -> None:
    served = serve(Faults.none(lost_answer=1.0))
    with pytest.raises(requests.ConnectionError):
        served.api("erp").send("POST", ADJUSTMENTS, "k", LINES)
    assert is_posted(served)


@pytest.mark.parametrize(("fault", "status", "posted"), [("server_error", 503, False), ("error_after", 500, True)])
def test_server_errors_before_and_after(serve: Any, fault: str, status: int, posted: bool) -> None:
    served = serve(Faults.none(**{fault: 1.0}))
    assert served.api("erp").send("POST", ADJUSTMENTS, "k", LINES).status_code == status
    assert is_posted(served) is posted


def test_throttled_says_when_to_come_back_and_executes_nothing(serve: Any) -> None:
    served = serve(Faults.none(throttled=1.0))
    answer = served.api("erp").send("POST", ADJUSTMENTS, "k", LINES)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert not is_posted(served)


def test_cut_body_ends_before_its_length(serve: Any) -> None:
    served = serve(Faults.none(cut_body=1.0))
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError), match="IncompleteRead"):
        served.api("dc1_wms").get("/wms/v1/DC1/events", posted_from="2026-11-02T12:00:00Z")


def test_drip_arrives_whole_but_slowly(serve: Any) -> None:
    served = serve(Faults.none(drip=1.0))
    begin = time.monotonic()
    answer = served.api("dc1_wms").get("/wms/v1/DC1/events", posted_from="2026-11-02T12:00:00Z", limit=5)
    assert len(answer.json()["events"]) == 5
    assert time.monotonic() - begin >= Faults().drip_real_s * 0.9


def test_the_twins_own_api_has_no_faults_and_counts_them(serve: Any) -> None:
    served = serve(Faults.none(lost_request=1.0))
    with pytest.raises(requests.ConnectionError):
        served.api("shop").get("/shop/v1/changes")
    status = served.api("twin").get("/twin/v1/status").json()
    assert status["faults"]["lost_request"] >= 1
    assert status["phase"] == "business"


def test_a_body_too_large_is_refused_unread(serve: Any) -> None:
    api = serve().api("erp")
    answer = api.session.post(api.url + ADJUSTMENTS, data=b"x" * 300_000, headers={"Idempotency-Key": "k"}, timeout=10)
    assert answer.status_code == 413
