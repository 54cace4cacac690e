"""One mutant: build its tables in place of the right ones, look who sees it, take it all back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from tests.mutation.mutants import Mutant
from tests.mutation.variants import Compiled, Model
from tests.oracle.answer import answer
from tests.oracle.beyond import beyond
from tests.oracle.comparing import differences
from tests.oracle.loop_cases import loop_case
from tests.oracle.running import as_case, generated, scenarios

from syncline.scenario import Outcome, Scenario, read_outcomes, read_scenarios
from syncline.warehouse.connect import connect_dsn

SCENARIOS = Path(__file__).parents[1] / "scenarios"
# The oracle tries every set of movements, and these have too many.
TOO_MANY = {"too-many-orders", "too-many-orders-for-who-is-compared", "just-not-too-many-orders"}
# A mutant that breaks a key of a table is seen; one that is no SQL any more proves nothing.
SEEN_BY_POSTGRES = (psycopg.errors.IntegrityError, psycopg.errors.DataError, psycopg.errors.QueryCanceled)
# As the models' own pre-hooks: nothing of this is known to the planner.
JOINS = "set local enable_nestloop = off; set local enable_mergejoin = off"
STATEMENT_S_MAX = 120  # facts that are there twice double the sets of movements: some mutants never end


@dataclass(frozen=True)
class Result:
    """``kind``: caught, equivalent (survives, as the list says), survived, broken (no SQL any more), lively (said to be
    equivalent, but caught)."""

    mutant: Mutant
    kind: str
    by: str


class Bench:
    """A warehouse in which all cases are resolved, and what is expected of each."""

    def __init__(self, dsn: str, compiled: Compiled, seeds: int) -> None:
        self.dsn, self.compiled = dsn, compiled
        self.cases = bench_cases(seeds)
        self.wanted = [None if case.name in TOO_MANY else answer(as_case(case)) for case in self.cases]

    def judge(self, number: int, mutant: Mutant) -> Result:
        """What is seen of mutant ``number``; the warehouse is as before afterwards."""
        variants = self.compiled.variants[number]
        try:
            with self._built(variants) as outcomes:
                seen = self._seen(outcomes)
        except SEEN_BY_POSTGRES as error:
            return Result(mutant, "caught", f"Postgres: {str(error).splitlines()[0]}")
        except psycopg.Error as error:
            return Result(mutant, "broken", str(error))
        if mutant.equivalent:
            return Result(mutant, "lively" if seen else "equivalent", seen or mutant.equivalent)
        return Result(mutant, "caught" if seen else "survived", seen)

    def unbroken(self) -> str:
        """What is seen when every table is built again as it is: nothing."""
        with self._built({model.name: model.sql for model in self.compiled.models[:1]}) as outcomes:
            return self._seen(outcomes)

    @contextmanager
    def _built(self, variants: dict[str, str]) -> Iterator[list[Outcome]]:
        """The tables from the first changed one on, in a transaction that is rolled back."""
        models = self.compiled.models
        first = self._first(variants)
        with connect_dsn(self.dsn, name="mutation") as conn, conn.transaction(force_rollback=True):
            conn.execute(JOINS)
            conn.execute(f"set local statement_timeout = '{STATEMENT_S_MAX}s'".encode())
            for model in models[first:]:
                body = sql.SQL(variants.get(model.name, model.sql))
                if model.is_hook:
                    conn.execute(body)
                    conn.execute(JOINS)
                    continue
                name = sql.Identifier(model.schema, model.name)
                conn.execute(sql.SQL("drop {} if exists {} cascade").format(_kind(conn, model), name))
                conn.execute(sql.SQL("create table {} as ").format(name) + body)
                for columns in model.keys:
                    key = sql.SQL(", ").join(map(sql.Identifier, columns))
                    conn.execute(sql.SQL("create unique index on {} ({})").format(name, key))
            yield read_outcomes(conn, self.cases)

    def _first(self, variants: dict[str, str]) -> int:
        """Where building begins: a table that a hook changes is built again with what the hook rests on."""
        places = {model.name: index for index, model in enumerate(self.compiled.models)}
        first = min(places[name] for name in variants)
        hooks = [index for index, model in enumerate(self.compiled.models) if model.is_hook]
        return min(first, places["stg_facts"]) if first <= max(hooks) else first

    def _seen(self, outcomes: Sequence[Outcome]) -> str:
        """Names of scenario files and a number of seeds that are not as they should be."""
        wrong = [
            case
            for case, outcome, wanted in zip(self.cases, outcomes, self.wanted, strict=True)
            if outcome.failures or (wanted is not None and differences(outcome, wanted))
        ]
        files = [case.name for case in wrong if case.expect]
        seeds = len(wrong) - len(files)
        more = [f"{len(files) - 3} more files"] if len(files) > 3 else []
        return ", ".join([*files[:3], *more, *([f"{seeds} seeds"] if seeds else [])])


def _kind(conn: psycopg.Connection, model: Model) -> sql.SQL:
    """A view is dropped as one; within a run it has become a table, or went with what it reads."""
    row = conn.execute(
        "select relkind from pg_class where oid = to_regclass(%s)", (f"{model.schema}.{model.name}",)
    ).fetchone()
    return sql.SQL("view" if row == ("v",) else "table")


def bench_cases(seeds: int) -> list[Scenario]:
    """All scenario files, then cases of the oracle."""
    cases = [*map(generated, range(seeds)), *map(beyond, range(seeds)), *map(loop_case, range(seeds))]
    return read_scenarios([SCENARIOS]) + scenarios(cases)
