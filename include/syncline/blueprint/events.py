"""All events of an installation: of WMS, in EDI documents, of targets, and those that Syncline tells itself."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.blueprint.event import Event, Material
from syncline.edi.documents.table import DocumentTable, tables
from syncline.notices.kinds import KINDS

if TYPE_CHECKING:
    from syncline.registry import Target

SCHEMAS = Path(__file__).parents[1] / "sources" / "wms_api" / "schemas"
WMS, ORDERS, EDI = "Events of a WMS", "Order lines", "EDI documents"
TARGETS, OURS = "Targets", "Events that Syncline tells"
STORED = ("on_hand", "allocated", "damaged", "quarantined")
# What becomes of a fact of the kind; the sections are those of docs/reference/semantics.md.
RECONCILED = {
    "movement": "counts once for each event key, whoever tells it (§4); inside the base or on top of it (§5)",
    "balance": "compared with the statement before it as it comes (§6); the owner's becomes the base (§5)",
}
NO_STOCK = "nothing: it moves no stock and states none"
ANSWERED = "matched with what we sent, by its numbers; what nobody answers in time is an exception"
WMS_ERRORS = (
    "a record that breaks its schema is kept out with a [fault code](codes.md#fault-codes-of-wms-events), page and"
    " cursor go on; a code that no crosswalk has waits [quarantined](codes.md#quarantine-codes)"
)
EDI_ERRORS = (
    "[findings](codes.md#findings-of-edi-files) keep out the line, the set or the file; a control number that comes"
    " again is a [duplicate or a conflict](codes.md#register-of-edi)"
)


def every_event(material: Material) -> list[Event]:
    """In the order of the page: WMS, EDI, targets, our own; by name inside."""
    return [*_of_wms(material), *_of_orders(material), *_of_edi(material), *_of_targets(material), *_of_ours()]


def _of_wms(material: Material) -> list[Event]:
    sources = [source for source in material.registry.sources if source.kind == "wms_api"]
    numbered = [f"`{each.name}`" for each in sources if material.declared(each).get("sequence") == "gap_free"]
    whose = f"; {' and '.join(numbered)} without gaps: a missing number is an exception after the hold"
    gaps = whose if numbered else ""
    found = []
    for name, schemas in sorted(wms_schemas().items()):
        is_count = "mode" in schemas[0]["properties"]
        kinds = "movement", *(["balance"] if is_count else [])
        found.append(Event(
            WMS, name, f"{schemas[0]['title']}; versions {', '.join(str(each['v']) for each in schemas)}", "in",
            material.owners(sources, STORED), material.latency(sources), f"`sequence`, by site{gaps}",
            "line: `event_id`/`line`; event: `transaction_id`/`line`"
            + (", of an allocation `alloc:`/`order_line`" if is_count else ""),
            WMS_ERRORS, "; ".join(f"{kind}: {RECONCILED[kind]}" for kind in kinds),
        ))  # fmt: skip
    return found


def _of_orders(material: Material) -> list[Event]:
    """Nothing where no source tells orders: a page names what can happen here."""
    sources = [source for source in material.registry.sources if source.kind == "erp_orders"]
    if not sources:
        return []
    return [Event(
        ORDERS, "order line", "an order line that may be picked, changed or cancelled: a release and its terms", "in",
        material.owners(sources, ("provisional",)), material.latency(sources),
        "the position in the list of changes, which leaves none out; `revision` of a line",
        "line and event: `order_line`, with its `revision`",
        "a line that breaks its contract is kept out as [order_contract](codes.md#fault-codes-of-order-lines), page and"
        " cursor go on; a page that leaves a position out is refused",
        "counts as released until what serves it left, it is cancelled or due (§11)",
    )]  # fmt: skip


@cache
def wms_schemas() -> dict[str, list[dict[str, Any]]]:
    """Event type -> its JSON Schemas with their version ``v``, the oldest first."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(SCHEMAS.glob("v*/*.json"), key=lambda each: int(each.parent.name[1:])):
        schema = json.loads(path.read_text(encoding="utf-8"))
        found[path.stem].append({**schema, "v": int(path.parent.name[1:])})
    return dict(found)


def _of_edi(material: Material) -> list[Event]:
    sources = [source for source in material.registry.sources if source.kind == "sftp_edi"]
    return [_document(material, sources, table) for table in tables()]


def _document(material: Material, sources: list[Any], table: DocumentTable) -> Event:
    measures = measures_of(table)
    kinds = list(dict.fromkeys(fact.kind for fact in table.facts))
    told = f"{', '.join(kinds)} of {', '.join(measures)}" if table.facts else "no facts"
    name = f"{table.syntax.upper()} {table.set}{' ' + table.release if table.release else ''}"
    proofs = [*(f"`{value}` counts its {loop}s" for value, loop in table.counts.items())]
    proofs += [f"`{value}` is the sum of `{of}`" for value, of in {**table.sums, **table.hash_totals}.items()]
    reconciled = "; ".join(f"{kind}: {RECONCILED[kind]}" for kind in kinds)
    return Event(
        EDI, name, f"{table.title}; {told}", "in and out" if table.is_kept else "in",
        material.owners(sources, measures) if table.facts else "nobody's number changes", material.latency(sources),
        "none inside a partner; times decide (§2), the interchange's control number is used once",
        _keys(table), EDI_ERRORS + "".join(f"; {proof}" for proof in proofs),
        reconciled or (ANSWERED if table.is_kept else NO_STOCK),
    )  # fmt: skip


def measures_of(table: DocumentTable) -> list[str]:
    """Every measure that a fact of the document may be of, by its own codes."""
    found: dict[str, None] = {}
    for fact in table.facts:
        found |= dict.fromkeys(fact.measures)
        for meaning in table.codes.get(fact.codes or "", {}).values():
            found |= dict.fromkeys(meaning if isinstance(meaning, dict) else [meaning] if meaning else [])
    return sorted(found)


def _keys(table: DocumentTable) -> str:
    if not table.facts:
        return "the document's control numbers"
    line = " / ".join(f"`{part}`" for part in table.line)
    event = " / ".join(f"`{part}`" for part in table.event)
    return f"line: {line}" + (f"; event: {event}" if event else "; a statement is known by its line alone")


def _of_targets(material: Material) -> list[Event]:
    shown: dict[str, set[str]] = defaultdict(set)
    for row in material.rules["subscriptions"]:
        shown[row["subscriber"]].add(row["event"])
    found = []
    for target in material.registry.targets:
        numbers = ", ".join(sorted(shown[target.name] & {"books", "available"})) or "nothing: no subscription"
        found += [_correction(target, numbers), _change(target)]
    return found


def _correction(target: Target, numbers: str) -> Event:
    return Event(
        TARGETS, f"{target.name}: correction", f"what the target should show less what it shows: {numbers}", "out",
        f"Syncline; {'nobody else writes there' if target.sole_writer else 'others write there, too'}",
        f"sent every {target.poll_every_s} s; acts within {target.life_s} s, shown {target.lag_s} s later",
        "one under way for each item; what was created first goes first in its rank (§9)",
        "a hash of target, key, version, reading, quantity and kind: a try repeats it",
        "refused: [dead letter](../runbooks/dead-letter.md); unknown: proven or asked, never guessed;"
        " held for a [reason](codes.md#why-a-correction-is-held)",
        "settled by the change that carries its id, or by a reading after its life",
    )  # fmt: skip


def _change(target: Target) -> Event:
    return Event(
        TARGETS, f"{target.name}: change", "a change of its number, by us or by others", "in",
        "the target; an observer of stock", f"read every {target.poll_every_s} s, {target.lag_s} s late at most",
        "`position` of its list, or a reading of each key", "target, `position`; ours by the correction's id",
        "an answer that breaks its schema ends the run; a name that nobody knows is `target.unknown_reference`",
        "ours is an echo and changes nothing; another one queues its key to be compared again",
    )  # fmt: skip


def _of_ours() -> list[Event]:
    return [
        Event(
            OURS, kind, told.means, "out", "Syncline", "numbered when it is read; delivered by each subscriber's DAG",
            f"`position`; in order within `{told.subject}`", f"a hash of kind, `{told.about}` and the change's number",
            "tried again with back-off, then a dead letter of its subscriber; nobody else waits",
            "receivers drop a repeat by its id",
        )
        for kind, told in KINDS.items()
    ]  # fmt: skip
