"""All that must come out of a scenario, by semantics §1 to §16."""

from __future__ import annotations

from typing import Any

from tests.oracle.deciding import Decisions, write_offs
from tests.oracle.documents import Documents
from tests.oracle.loops import Loops
from tests.oracle.pushes import Pushes
from tests.oracle.reading import Fact, read_facts
from tests.oracle.rules import POSITIONS_MAX, Answer, Case
from tests.oracle.views import Views


def answer(scenario: dict[str, Any], cap: int = POSITIONS_MAX) -> Answer:
    """Every balance, disposition, verdict, ledger entry and view of a scenario (the dict of its file)."""
    entries = {entry["id"]: entry for entry in [*scenario["facts"], *write_offs(scenario)]}
    pushes, documents, read = Pushes(scenario), Documents(scenario, entries), read_facts(scenario)
    read |= documents.refused(read)
    stated, parts = documents.stated(read, pushes), documents.parts(read)
    read |= stated | parts
    facts = {
        name: "echo" if isinstance(fact, Fact) and not fact.disposition and _is_echo(name, entries, pushes) else fact
        for name, fact in read.items()
    }
    out = Case(facts, Decisions(scenario), pushes, cap).answer()
    views = Views({name: fact for name, fact in facts.items() if isinstance(fact, Fact)}, out)
    out.releases, out.serials = views.releases(), views.serials()
    out.financial, out.transfers = views.financial(), views.transfers()
    out.loops = Loops(scenario, views, out).rows()
    return out


def _is_echo(name: str, entries: dict[str, dict[str, Any]], pushes: Pushes) -> bool:
    return name in entries and pushes.carried_by(entries[name])
