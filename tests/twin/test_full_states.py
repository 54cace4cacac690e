"""Full states of a WMS and of the ERP over real HTTP: one as-of in pages, and each way in which they can be wrong."""

from __future__ import annotations

from typing import Any

import pytest

from syncline.twin.faults import Faults
from syncline.twin.ledger import Key

AS_OF = "2026-11-02T13:00:00Z"
AS_OF_MS = 1793624400000
EARLIER = "2026-11-02T12:00:00.000Z"


def read(api: Any, path: str, **params: Any) -> list[tuple[dict[str, Any], str]]:
    """Every page with its ETag."""
    found: list[tuple[dict[str, Any], str]] = []
    token: str | None = ""
    while token is not None:
        answer = api.get(path, **params, page_token=token)
        assert answer.status_code == 200, answer.text
        found.append((answer.json(), answer.headers["ETag"]))
        token = found[-1][0]["next_page_token"]
    return found


def lines(pages: list[tuple[dict[str, Any], str]]) -> list[dict[str, Any]]:
    return [line for page, _ in pages for line in page["balances"]]


def wms(serve: Any, **faults: float) -> tuple[Any, list[tuple[dict[str, Any], str]]]:
    served = serve(Faults.none(**faults), at_minutes=90)
    return served, read(served.api("dc1_wms"), "/wms/v1/DC1/balances", as_of=AS_OF, limit=20)


def test_the_pages_of_a_wms_tell_its_book_at_the_instant_whatever_happened_since(serve: Any) -> None:
    served, pages = wms(serve)
    ledger = served.twin.serving.world.books.ledger
    truth = {
        (key.item, key.measure): quantity
        for key in ledger.every_key()
        if key.location == "DC1" and (quantity := ledger.balance_at(key, AS_OF_MS))
    }
    assert {(line["sku"], line["measure"]): line["quantity"] for line in lines(pages)} == truth
    assert truth != {(k.item, k.measure): ledger.balance(k) for k in map(_key, truth)}
    assert [page["page"] for page, _ in pages] == list(range(1, len(pages) + 1))
    assert {page["as_of"] for page, _ in pages} == {"2026-11-02T13:00:00.000Z"}
    assert len({etag for _, etag in pages}) == 1
    assert [("control" in page) for page, _ in pages] == [False] * (len(pages) - 1) + [True]
    assert pages[-1][0]["control"] == {"lines": len(truth), "units": sum(truth.values())}
    assert read(served.api("dc1_wms"), "/wms/v1/DC1/balances", as_of=AS_OF, limit=20) == pages


def _key(told: tuple[str, str]) -> Key:
    return Key("DC1", *told)


def test_an_adjustment_between_two_pages_of_the_erp_is_on_neither(serve: Any) -> None:
    served = serve(at_minutes=90)
    api = served.api("erp")
    whole = read(api, "/erp/v1/balances", location="DC1", limit=1000)
    first = api.get("/erp/v1/balances", location="DC1", limit=50)
    last = whole[0][0]["balances"][-1]
    api.send(
        "POST", "/erp/v1/adjustments", "k", [{"reference": "c-1", "item": last["item"], "location": "DC1", "delta": 3}]
    )
    found, token = first.json()["balances"], first.json()["next_page_token"]
    while token:
        page = api.get("/erp/v1/balances", location="DC1", page_token=token).json()
        found, token = found + page["balances"], page["next_page_token"]
    assert found == whole[0][0]["balances"]
    assert page["control"] == {"lines": 80, "units": sum(line["quantity"] for line in found)}
    after = read(api, "/erp/v1/balances", location="DC1", limit=1000)
    assert after[0][0]["balances"][-1]["quantity"] == last["quantity"] + 3


def test_a_page_that_is_left_out_leaves_a_gap_in_the_numbers(serve: Any) -> None:
    _, pages = wms(serve, full_page_missing=1)
    numbers = [page["page"] for page, _ in pages]
    assert numbers != list(range(1, len(pages) + 1))
    assert len(lines(pages)) == pages[-1][0]["control"]["lines"] - 20


def test_a_page_of_another_as_of_says_so(serve: Any) -> None:
    _, pages = wms(serve, full_other_as_of=1)
    strange = [(page["as_of"], etag) for page, etag in pages if etag != pages[0][1]]
    assert [as_of for as_of, _ in strange] == [EARLIER]
    assert pages[-1][0]["page"] == len(pages)


def test_a_cut_last_page_tells_the_totals_of_all(serve: Any) -> None:
    _, pages = wms(serve, full_cut=1)
    assert len(lines(pages)) < pages[-1][0]["control"]["lines"]


def test_wrong_totals_tell_of_more(serve: Any) -> None:
    _, pages = wms(serve, full_totals=1)
    assert pages[-1][0]["control"]["lines"] == len(lines(pages)) + 1


def test_a_flood_agrees_with_its_totals(serve: Any) -> None:
    served, pages = wms(serve, full_flood=1)
    ledger = served.twin.serving.world.books.ledger
    found = lines(pages)
    wrong = [x for x in found if x["quantity"] != ledger.balance_at(_key((x["sku"], x["measure"])), AS_OF_MS)]
    assert 0.35 < len(wrong) / len(found) < 0.65
    assert pages[-1][0]["control"] == {"lines": len(found), "units": sum(line["quantity"] for line in found)}
    assert served.twin.serving.world.count.injected["full_flood"] == 1


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"as_of": "2026-11-02T23:00:00Z"}, 422), ({"as_of": "yesterday"}, 422), ({"as_of": "2026-11-02T13:00"}, 422),
        ({"page_token": "1.2.3"}, 422), ({"page_token": "1.2.3.x"}, 422), ({"page_token": "1.0.1.0"}, 422),
        ({"page_token": f"{AS_OF_MS}.1000.9.0"}, 404), ({"limit": 1001}, 422),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(serve: Any, params: dict[str, Any], status: int) -> None:
    served = serve()
    for name, path in (("dc1_wms", "/wms/v1/DC1/balances"), ("erp", "/erp/v1/balances")):
        answer = served.api(name).get(path, **params)
        assert (answer.status_code, set(answer.json())) == (status, {"error"}), name


def test_a_token_of_another_system_opens_nothing(serve: Any) -> None:
    served = serve()
    assert served.api("dc2_wms").get("/wms/v1/DC1/balances").status_code == 401
    assert served.api("dc1_wms").get("/erp/v1/balances").status_code == 401
