"""One document becomes internal shipments: created, waiting, assigned, done. Only the last step moves stock.

Each step is a transaction of all lines together, stored by the server. What a crash leaves behind is a shipment with
our reference that is not done: no effect, and the next try finishes that one instead of making a second. Tryton
refuses ``do`` on a shipment that is done already, so a repeated step is harmless as well.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import fastjsonschema

from syncline.errors import SynclineError
from syncline.targets.contract import DocumentAnswer, Line, LineAnswer, Outcome
from syncline.targets.http import NOT_ANSWERED, OK, SERVER_ERROR, LoginRefused, NoAnswer, NotSent
from syncline.targets.reading import CODE_MAX, answered_alike, not_answered
from syncline.targets.tryton.catalog import ID
from syncline.targets.tryton.rpc import RpcError
from syncline.targets.tryton.shipments import MODEL, UNFINISHED, Shipment, Shipments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.targets.contract import Document
    from syncline.targets.tryton.catalog import Catalog, Product
    from syncline.targets.tryton.rpc import Rpc

# An answer that is lost leaves it open whether there is a shipment, or an effect. The steps between prove nothing
# either way, and need not: without ``do`` there is no effect.
OPEN_STEPS = ("create", "do")
FAILED = (RpcError, *NOT_ANSWERED)


@dataclass(frozen=True)
class Todo:
    """A line that is to be posted, by a shipment in ``state``; ``id`` None: it is not created yet."""

    line: Line
    id: int | None
    state: str


class Posting:
    """Posts documents; used inside ``rpc.within``."""

    def __init__(self, rpc: Rpc, catalog: Catalog) -> None:
        self._rpc, self._catalog = rpc, catalog
        self._shipments = Shipments(rpc, catalog)

    def post(self, document: Document) -> DocumentAnswer:
        """One answer for each line; raises nothing that a partner does."""
        try:
            self._catalog.open()
            told, todo, values = self._planned(document)
        except LoginRefused as error:
            return not_answered(document, error)
        except SynclineError as error:  # only reads so far
            line = LineAnswer("not_executed", "not_read", {"why": error.message[:CODE_MAX]})
            return replace(answered_alike(document, line, None), retry_after_s=getattr(error, "retry_after_s", None))
        if any(each.outcome == "refused" for each in told.values()):
            in_company = LineAnswer("not_executed", "in_company")  # a document is posted whole or not at all
            return DocumentAnswer(OK, {each.line.reference: in_company for each in todo} | told)
        answer = self._posted(todo, values) if todo else DocumentAnswer(OK, {})
        return replace(answer, lines={**told, **answer.lines})

    def _planned(self, document: Document) -> tuple[dict[str, LineAnswer], list[Todo], list[dict[str, Any]]]:
        """Lines that are settled already, lines to post, and what is to be created for those without a shipment."""
        known = self._shipments.of(line.reference for line in document.lines)
        products = self._catalog.products(line.item for line in document.lines)
        locations = self._catalog.locations(line.location for line in document.lines)
        told: dict[str, LineAnswer] = {}
        todo: list[Todo] = []
        values: list[dict[str, Any]] = []
        for line in document.lines:
            planned = _known(line, known.get(line.reference, []))
            if planned is None:
                planned = _refused(line, products, locations) or Todo(line, None, "draft")
            if isinstance(planned, LineAnswer):
                told[line.reference] = planned
            else:
                todo.append(planned)
                if planned.id is None:
                    values.append(self._values(line, products[line.item], locations[line.location]))
        return told, todo, values

    def _values(self, line: Line, product: Product, location: int) -> dict[str, Any]:
        sides = (
            (self._catalog.lost_and_found, location) if line.quantity >= 0 else (location, self._catalog.lost_and_found)
        )
        places = dict(zip(("from_location", "to_location"), sides, strict=True))
        move = {"product": product.id, "unit": product.unit, "quantity": abs(line.quantity), **places}
        return {
            "company": self._catalog.company, "reference": line.reference, "moves": [["create", [move]]], **places,
        }  # fmt: skip

    def _posted(self, todo: list[Todo], values: list[dict[str, Any]]) -> DocumentAnswer:
        step = "create"
        try:
            todo = self._created(todo, values) if values else todo
            for step, states in (("wait", UNFINISHED[2:]), ("assign_force", UNFINISHED[1:]), ("do", UNFINISHED)):
                if ids := [each.id for each in todo if each.state in states]:
                    self._rpc.call(f"{MODEL}.{step}", ids)
        except RpcError as error:
            return self._told_by(error, step, todo)
        except NOT_ANSWERED as error:
            outcome: Outcome = "unknown" if isinstance(error, NoAnswer) and step in OPEN_STEPS else "not_executed"
            code = "login_refused" if isinstance(error, LoginRefused) else f"no_answer_{step}"
            answer = _alike(todo, LineAnswer(outcome, code, {"why": error.message[:CODE_MAX]}), None)
            return replace(answer, retry_after_s=error.retry_after_s if isinstance(error, NotSent) else None)
        except fastjsonschema.JsonSchemaValueException:
            return _alike(todo, LineAnswer("unknown", "nonsense_create"), OK)
        return DocumentAnswer(
            OK, {each.line.reference: LineAnswer("applied", "done", {"shipment": each.id}) for each in todo}
        )

    def _created(self, todo: list[Todo], values: list[dict[str, Any]]) -> list[Todo]:
        answered = self._rpc.call(f"{MODEL}.create", values)
        fastjsonschema.validate(
            {"type": "array", "minItems": len(values), "maxItems": len(values), "uniqueItems": True, "items": ID},
            answered,
        )
        ids = iter(answered)
        return [replace(each, id=next(ids)) if each.id is None else each for each in todo]

    def _told_by(self, error: RpcError, step: str, todo: list[Todo]) -> DocumentAnswer:
        """What an error proves. Refused is only what is alone in its document, and is cancelled there."""
        detail = {"step": step, "status": error.status_code, "why": error.told[:CODE_MAX]}
        if error.is_refusal:
            outcome: Outcome = "refused" if len(todo) == 1 else "not_executed"
        elif error.is_not_executed or step not in OPEN_STEPS:
            outcome = "not_executed"
        else:
            outcome = "unknown"
        answer = _alike(todo, LineAnswer(outcome, error.name, detail), error.status_code)
        if error.is_refusal and step != "create":
            answer = self._seen_again(todo, answer)
        return replace(answer, retry_after_s=error.retry_after_s)

    def _seen_again(self, todo: list[Todo], answer: DocumentAnswer) -> DocumentAnswer:
        """A refused step may be one that somebody else has done: look, before a refusal is believed."""
        lines = dict(answer.lines)
        try:
            known = self._shipments.of(each.line.reference for each in todo)
        except SynclineError:
            return replace(answer, lines=dict.fromkeys(lines, LineAnswer("unknown", "not_read_again")))
        for each in todo:
            seen = _known(each.line, known.get(each.line.reference, []))
            if isinstance(seen, LineAnswer):
                lines[each.line.reference] = seen
            elif seen is not None and lines[each.line.reference].outcome == "refused":
                with suppress(*FAILED):
                    self._rpc.call(f"{MODEL}.cancel", [seen.id])  # nobody will finish it
        return replace(answer, lines=lines)


def _known(line: Line, shipments: list[Shipment]) -> LineAnswer | Todo | None:
    """What the shipments of a line's reference mean for it; None: there is none."""
    others = [each for each in shipments if not each.is_of(line) and each.state != "cancelled"]
    if others:
        # The reference is ours alone, so somebody has changed the document: it proves nothing, and is not finished.
        return LineAnswer("unknown" if others[0].state == "done" else "refused", "changed", _which(others[0]))
    for each in shipments:
        if each.state == "done":
            return LineAnswer("replayed", "done", _which(each))
    for state in UNFINISHED:
        for each in shipments:
            if each.state == state:
                return Todo(line, each.id, state)
    return LineAnswer("refused", shipments[0].state, _which(shipments[0])) if shipments else None


def _refused(line: Line, products: Mapping[str, Product], locations: Mapping[str, int]) -> LineAnswer | None:
    """Why a line cannot be posted; a code that is not there, or not once."""
    if line.item not in products:
        return LineAnswer("refused", "unknown_item")
    if products[line.item].is_replaced:
        return LineAnswer("refused", "replaced_item")
    if not products[line.item].is_ours:
        return LineAnswer("refused", "another_unit")
    return None if line.location in locations else LineAnswer("refused", "unknown_location")


def _which(shipment: Shipment) -> dict[str, Any]:
    return {"shipment": shipment.id, "state": shipment.state}


def _alike(todo: list[Todo], line: LineAnswer, status_code: int | None) -> DocumentAnswer:
    return DocumentAnswer(
        status_code,
        {each.line.reference: line for each in todo},
        silent=status_code is None or status_code >= SERVER_ERROR,
    )
