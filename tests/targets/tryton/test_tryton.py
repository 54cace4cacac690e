"""What is Tryton's own: steps that are stored one by one, errors inside a 200, logins that lock, labels that lie."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterator

import psycopg
import pytest
from tests.breaking.raw_server import RawServer
from tests.breaking.raw_server import answer as told_by
from tests.targets.contract.standin import StandIn
from tests.targets.contract.telling import outcomes, reference
from tests.targets.tryton.faulty import build
from tests.targets.tryton.installation import Installation
from tests.targets.tryton.opening import WRONG, connected, opened
from tests.targets.tryton.seeding import CLERK, DATABASE

from syncline.connections import Connection
from syncline.errors import ConfigurationError, PartnerContractBroken
from syncline.registry import Target
from syncline.targets.adapters import open_adapter
from syncline.targets.contract import Document, DocumentAnswer, Found, Line
from syncline.twin.vendors.faults import VendorFaults
from syncline.twin.vendors.serving import served

# A fresh machine installs Tryton first, which takes one to several minutes.
pytestmark = pytest.mark.deep
TIMEOUT_S = 20.0


@pytest.fixture(scope="module")
def standin(installation: Installation) -> Iterator[StandIn]:
    """One for all tests here, which send different references."""
    with opened(installation, VendorFaults()) as standin:
        yield standin


def line(standin: StandIn, change: int, name: str, key: int = 0) -> Line:
    return Line(reference((name, standin.keys)), *standin.keys[key], change)


def sent(standin: StandIn, *lines: Line) -> DocumentAnswer:
    answer: DocumentAnswer = standin.adapter.send(Document(lines), TIMEOUT_S)
    return answer


def ours(installation: Installation, reference: str) -> list[tuple[str, str]]:
    """(state, number) of each shipment with a reference."""
    with psycopg.connect(installation.dsn) as conn:
        return conn.execute(
            "select state, coalesce(number, '') from stock_shipment_internal where reference = %s order by id",
            (reference,),
        ).fetchall()


def test_a_document_of_both_signs_is_posted_found_and_shown(standin: StandIn) -> None:
    lines = (line(standin, 5, "up"), line(standin, -7, "down", 1), line(standin, 0, "nothing", 2))
    before = standin.adapter.show(standin.keys)
    assert not standin.adapter.find(lines)
    assert outcomes(sent(standin, *lines)) == ["applied"]
    found = standin.adapter.find(lines)
    for each in lines:
        (effect,) = found[each.reference]
        assert effect == Found(each.item, each.location, each.quantity, effect.document)
    after = standin.adapter.show(standin.keys)
    assert [after[key].quantity - before[key].quantity for key in standin.keys] == [5, -7, 0]
    assert outcomes(sent(standin, *lines)) == ["replayed"]
    assert standin.adapter.show(standin.keys) == after


@pytest.mark.parametrize("until", ["create", "wait", "assign_force"])
def test_what_a_crash_left_is_finished_and_not_made_again(
    standin: StandIn, installation: Installation, until: str
) -> None:
    each = line(standin, -3, f"left after {until}")
    installation.admin().ship(each.item, each.location, each.quantity, each.reference, until=until)
    assert not standin.adapter.find([each])
    assert [check.is_well for check in standin.adapter.check() if check.name == "unfinished"] == [False]
    assert outcomes(sent(standin, each)) == ["applied"]
    assert [state for state, _ in ours(installation, each.reference)] == ["done"]
    assert [effect.delta for effect in standin.book.of(each.reference)] == [-3]


@pytest.mark.parametrize(
    ("step", "fault", "outcome", "state"),
    [
        # Whether there is a shipment now is not known: the retry must not come before it could be seen.
        ("create", "lost_answer", "unknown", "draft"),
        ("wait", "lost_answer", "not_executed", "waiting"),
        ("assign_force", "server_error", "not_executed", "waiting"),
        ("do", "lost_answer", "unknown", "done"),
        ("do", "locked", "not_executed", "assigned"),
    ],
)
def test_each_step_may_fail_and_the_next_try_has_the_one_effect(
    standin: StandIn, installation: Installation, step: str, fault: str, outcome: str, state: str
) -> None:
    each = line(standin, 4, f"{fault} at {step}")
    faults = VendorFaults(script=deque([fault]))
    with served(build(installation.base_url, faults, step)) as base_url:
        adapter = connected(base_url)
        assert outcomes(adapter.send(Document((each,)), TIMEOUT_S)) == [outcome]
        adapter.close()
    assert [is_in for is_in, _ in ours(installation, each.reference)] == [state]
    assert len(standin.book.of(each.reference)) == (state == "done")
    assert outcomes(sent(standin, each)) == ["replayed" if state == "done" else "applied"]
    assert [effect.delta for effect in standin.book.of(each.reference)] == [4]
    assert len(ours(installation, each.reference)) == 1


def test_a_document_that_somebody_changed_or_cancelled_is_not_finished(
    standin: StandIn, installation: Installation
) -> None:
    changed, cancelled = line(standin, 6, "changed"), line(standin, 6, "cancelled")
    admin = installation.admin()
    admin.ship(changed.item, changed.location, 60, changed.reference, until="create")
    left = admin.ship(cancelled.item, cancelled.location, 6, cancelled.reference, until="wait")
    admin("stock.shipment.internal.cancel", [left])
    for each, code in ((changed, "changed"), (cancelled, "cancelled")):
        answer = sent(standin, each)
        assert [(told.outcome, told.code) for told in answer.lines.values()] == [("refused", code)]
        assert not standin.book.of(each.reference)


def test_one_bad_line_stops_its_document(standin: StandIn, installation: Installation) -> None:
    good, bad = line(standin, 1, "good"), Line(reference("bad"), *standin.unknown_key, 1)
    elsewhere = Line(reference("elsewhere"), standin.keys[0][0], "DC9", 1)
    answer = sent(standin, good, bad, elsewhere)
    assert [answer.lines[each.reference].outcome for each in (good, bad, elsewhere)] == [
        "not_executed", "refused", "refused",
    ]  # fmt: skip
    assert [answer.lines[each.reference].code for each in (bad, elsewhere)] == ["unknown_item", "unknown_location"]
    assert not ours(installation, good.reference)


def test_an_answer_above_1400_characters_is_read_for_what_it_is(standin: StandIn, installation: Installation) -> None:
    mark = secrets.token_hex(4)
    keys = [(f"{mark}-{number}", "DC1") for number in range(60)]
    installation.admin().make_products([item for item, _ in keys])
    assert {key: shown.quantity for key, shown in standin.adapter.show(keys).items()} == dict.fromkeys(keys, 0)


def test_a_code_that_two_locations_share_is_neither_shown_nor_posted(
    standin: StandIn, installation: Installation
) -> None:
    code, item = secrets.token_hex(4), standin.keys[0][0]
    installation.admin()("stock.location.create", [{"name": code, "code": code, "type": "storage"}] * 2)
    assert standin.adapter.show([(item, code)]) == {}
    answer = sent(standin, Line(reference(code), item, code, 1))
    assert [(told.outcome, told.code) for told in answer.lines.values()] == [("refused", "unknown_location")]


def test_a_part_of_a_unit_is_no_stock(standin: StandIn, installation: Installation) -> None:
    code, admin = secrets.token_hex(4), installation.admin()
    admin.make_products([code], default_uom=admin.id_of("product", "uom_kilogram"))
    admin.ship(code, "DC1", 1.5, unit="uom_kilogram")
    with pytest.raises(PartnerContractBroken, match=r"counts 1\.5"):
        standin.adapter.show([(code, "DC1")])


def test_check_names_the_right_that_is_missing(installation: Installation) -> None:
    clerk = connected(installation.base_url, login=CLERK)
    told = {check.name: check for check in clerk.check()}
    clerk.close()
    assert told["login"].is_well
    assert told["rights"].told == "missing: group Stock Force Assignment"
    assert not told["rights"].is_well


def test_a_refused_login_is_asked_once_and_a_blocked_one_waits(installation: Installation) -> None:
    each = Line(reference("login"), "A", "DC1", 1)
    stranger = connected(installation.base_url, password=WRONG)
    with psycopg.connect(installation.dsn, autocommit=True) as conn:
        conn.execute("delete from res_user_login_attempt")
        for _ in range(3):
            assert outcomes(stranger.send(Document((each,)), TIMEOUT_S)) == ["not_executed"]
        ((attempts,),) = conn.execute("select count(*) from res_user_login_attempt").fetchall()
        assert attempts == 1
        conn.execute(
            "insert into res_user_login_attempt (login, ip_address, ip_network, create_date) "
            "select login, ip_address, ip_network, create_date from res_user_login_attempt, generate_series(1, 6)"
        )
        blocked = connected(installation.base_url)  # the password is right
        answer = blocked.send(Document((each,)), TIMEOUT_S)
        assert (outcomes(answer), answer.retry_after_s) == (["not_executed"], 300.0)
        assert [check.told for check in blocked.check() if "blocks logins" in check.told]
        conn.execute("delete from res_user_login_attempt")
    for adapter in (stranger, blocked):
        adapter.close()


def test_an_unknown_database_is_a_configuration_error() -> None:
    # A real server says so after the 30 s that its pool of connections waits.
    server = RawServer(lambda call: call.send(told_by(b"<html>", "Content-Type: text/html", status="404 NOT FOUND")))
    adapter = connected(server.url, database="nowhere")
    with pytest.raises(ConfigurationError, match="no such database"):
        adapter.show([("A", "DC1")])
    adapter.close()
    server.close()


def test_another_lost_and_found_must_exist(installation: Installation) -> None:
    adapter = connected(installation.base_url, lost_and_found="nowhere")
    with pytest.raises(ConfigurationError, match=r"options\.lost_and_found"):
        adapter.show([("A", "DC1")])
    adapter.close()


@pytest.mark.parametrize(
    ("options", "connection", "told"),
    [
        ({}, {}, "database"),
        ({"database": "../x"}, {}, "database"),
        ({"database": DATABASE, "token": "x"}, {}, "token"),
        ({"database": DATABASE}, {"password": ""}, "password"),
    ],
)
def test_what_is_missing_is_told_in_one_line(options: dict[str, str], connection: dict[str, str], told: str) -> None:
    values = {
        "name": "books",
        "kind": "tryton",
        "conn_id": "books",
        "style": "delta",
        "sole_writer": False,
        "life_s": 60,
    }
    with pytest.raises(ConfigurationError, match=told) as error:
        open_adapter(
            Target.model_validate(values | {"options": options}),
            Connection(
                "books", "http", **({"host": "https://erp.example", "login": "a", "password": "b"} | connection)
            ),
        )
    assert "books" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_counted_in_another_unit_is_never_applied(standin: StandIn, installation: Installation) -> None:
    admin = installation.admin()
    code = f"kg-{secrets.token_hex(4)}"
    admin.make_products([code], default_uom=admin.id_of("product", "uom_kilogram"))
    (unit,) = admin("product.uom.read", [admin.id_of("product", "uom_unit")], ["symbol"])
    in_company, alone = line(standin, 2, "in company"), Line(reference(("another unit", code)), code, "DC1", 5)
    adapter = connected(standin.base_url, unit=unit["symbol"])
    answer = adapter.send(Document((in_company, alone)), TIMEOUT_S)
    assert (answer.lines[alone.reference].outcome, answer.lines[alone.reference].code) == ("refused", "another_unit")
    assert answer.lines[in_company.reference].outcome == "not_executed"
    assert set(adapter.show([(code, "DC1"), standin.keys[0]])) == {standin.keys[0]}
    assert outcomes(adapter.send(Document((in_company,)), TIMEOUT_S)) == ["applied"]
    assert ours(installation, alone.reference) == []
    adapter.close()
