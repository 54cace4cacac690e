"""Documents, pushes and returns of a scenario, as the product stores them (semantics §15, §16; ADR 0032)."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

    from syncline.scenario.read import Scenario


def store_documents(conn: psycopg.Connection, scenarios: list[Scenario], at: datetime) -> None:
    """What each document declares about itself; its lines name it."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into raw.snapshots (snapshot_id, source, system, load_id, document_ids, locations, measures, "
            "recorded, received_at, control_lines, control_units, read_lines, read_units, declares_complete, "
            "is_proven, document_key, revision) "
            "values (%s, %s, %s, 0, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, false, %s, %s)",
            [_document(scenario, document) for scenario in scenarios for document in scenario.documents],
        )


def _document(scenario: Scenario, document: dict[str, Any]) -> tuple[Any, ...]:
    spaced, name = scenario.spaced, str(document["id"])
    complete, control = document.get("complete"), document.get("control") or {}
    lines = [fact for fact in scenario.facts if fact.get("document") == name]
    units = control.get("units")
    return (
        spaced(name), spaced(document["source"]), scenario.network["sources"][document["source"]].get("system", "wms"),
        [f"scenario {scenario.name}"], [spaced(each) for each in (complete or {}).get("locations", [])],
        list((complete or {}).get("measures", [])), document["recorded"], document["received_at"],
        control.get("lines"), units, len({fact["id"] for fact in lines}),
        int(sum(Fraction(str(fact.get("quantity", 0))) for fact in lines)), complete is not None,
        str(document.get("key", name)), int(document.get("revision", 1)),
    )  # fmt: skip


def store_pushes(conn: psycopg.Connection, scenarios: list[Scenario], at: datetime) -> None:
    """Corrections of ours in the states they came to: sent, and applied where they were settled."""
    pushes = [(scenario, push) for scenario in scenarios for push in scenario.pushes]
    if not pushes:
        return
    batch = conn.execute(
        "insert into ops.batches (as_of, state) values (%s, 'released') returning batch_id", (at,)
    ).fetchone()
    assert batch is not None
    for number, (scenario, push) in enumerate(sorted(pushes, key=lambda each: (each[1]["sent_at"], each[1]["id"]))):
        name, amount = scenario.spaced(push["id"]), int(push["quantity"])
        conn.execute(
            "insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, "
            "shown, quantity, state, batch_id, created_at, changed_at) "
            "values (%s, %s, %s, %s, %s, 1, 'set', %s, 0, %s, 'pending', %s, %s, %s)",
            (
                name, *(scenario.spaced(push[each]) for each in ("target", "item", "location")), number + 1, amount,
                amount, batch[0], push["sent_at"], push["sent_at"],
            ),
        )  # fmt: skip
        conn.execute(
            "update ops.outbox set state = 'sent', tries = 1, changed_at = %s where correction_id = %s",
            (push["sent_at"], name),
        )
        conn.execute(
            "insert into ops.push_attempts (correction_id, try_no, sent_at, deadline_at) values (%s, 1, %s, %s)",
            (name, push["sent_at"], push["sent_at"]),
        )
        if settled_at := push.get("settled_at"):
            conn.execute(
                "update ops.outbox set state = 'applied', changed_at = %s, closed_at = %s where correction_id = %s",
                (settled_at, settled_at, name),
            )


def store_returns(conn: psycopg.Connection, scenarios: list[Scenario]) -> None:
    """What may come back, each line of the order system's as it was told."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into raw.return_lines (return_line_id, source, return_key, item_ref, location_ref, quantity, "
            "authorised_at, due_at, refunded_at, revision, is_cancelled, received_at) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    scenario.spaced(str(each["id"])), scenario.spaced(each["source"]), str(each["return"]),
                    scenario.spaced(each["item"]), scenario.spaced(each["location"]), int(each["quantity"]),
                    each["authorised_at"], each.get("due"), each.get("refunded_at"), int(each.get("revision", 1)),
                    bool(each.get("cancel", False)), each["received_at"],
                )
                for scenario in scenarios
                for each in scenario.returns
            ],
        )  # fmt: skip
