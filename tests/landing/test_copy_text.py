"""What is rendered for COPY is what Postgres stores, whatever a partner wrote; ids depend on content alone."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import psycopg

from syncline.landing import Document, Fact, Load, fact_id, land
from syncline.landing.copy_text import rows

NOW = datetime(2026, 11, 2, 10, tzinfo=UTC)
SEED = 11
TEXTS = [
    "", " ", "a", "\\", "\\N", "\\\\N", "\\.", "\\t", "\t", "\n", "\r", "\r\n", "\x01", "\x7f", "\x0b", "None", "t",
    "0", "Größe", "箱", "🚚", "\u2028", "a\tb\\", "x" * 500, "null", "\\x41", "\\101",
]  # fmt: skip


def a_fact(rng: random.Random) -> Fact:
    def text() -> str:
        return "".join(rng.choice(TEXTS) for _ in range(rng.randint(1, 2)))

    def maybe() -> str | None:
        return rng.choice([None, text()])

    return Fact(
        rng.choice(["movement", "balance"]), text(), text(), text(), maybe(), text(), text(), text(), text(), text(),
        text(), maybe(), rng.randint(1, 3), rng.random() < 0.5, rng.choice([None, 0, 1, 2**53]), rng.random() < 0.5,
        maybe(), maybe(), maybe(), maybe(),
    )  # fmt: skip


def stored(conn: psycopg.Connection) -> dict[str, tuple[Any, ...]]:
    found = conn.execute(f"select fact_id, {', '.join(Fact._fields)} from raw.facts").fetchall()
    return {row[0]: row[1:] for row in found}


def test_any_text_is_stored_as_it_was_written(warehouse: psycopg.Connection) -> None:
    rng = random.Random(SEED)
    pages = [[a_fact(rng) for _ in range(rng.randint(1, 9))] for _ in range(150)]
    load = Load("dc1_wms", "api", NOW, [Document(str(n), b"x", facts) for n, facts in enumerate(pages)])
    land(warehouse, load)
    expected = {fact_id("dc1_wms", "api", fact): tuple(fact) for facts in pages for fact in facts}
    assert stored(warehouse) == expected, f"seed {SEED}"


def test_an_id_does_not_depend_on_the_neighbours() -> None:
    rng = random.Random(SEED)
    for _ in range(300):
        facts = [a_fact(rng) for _ in range(rng.randint(1, 6))]
        assert [row[0] for row in rows("s", "f", facts)] == [fact_id("s", "f", fact) for fact in facts], f"seed {SEED}"


def test_no_two_contents_look_alike() -> None:
    rng = random.Random(SEED)
    facts = {fact._replace(position="", reading="") for fact in (a_fact(rng) for _ in range(3000))}
    assert len({fact_id("s", "f", fact) for fact in facts}) == len(facts), f"seed {SEED}"
    plain = a_fact(rng)._replace(uom=None, lot="x")
    for one, other in [(None, "\\N"), (None, "None"), (None, ""), ("t", "\t"), ("\\t", "\t"), ("\\", "\\\\")]:
        assert fact_id("s", "f", plain._replace(lot=one)) != fact_id("s", "f", plain._replace(lot=other))
    assert fact_id("s\tf", "", plain) != fact_id("s", "f\t", plain)
    assert fact_id("s", "f", plain._replace(uom="x\ty")) != fact_id("s", "f", plain._replace(uom="x", lot="y"))
