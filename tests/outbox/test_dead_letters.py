"""Dead letters are never sent again: a person has their keys computed anew."""

from __future__ import annotations

import pytest
from tests.outbox.one_key import World

from syncline.errors import TerminalError
from syncline.outbox.dead_letters import Filter, dead_letters, redrive
from syncline.outbox.transitions import transition


def refused(world: World) -> str:
    """A correction that the target refused, and the list read since."""
    world.read(10)
    world.release(12, 10)
    (letter,) = world.owner.execute("select correction_id from ops.outbox where state = 'pending'").fetchone() or ("",)
    transition(world.publisher, letter, "pending", "sent", at=world.now(), lease_until=world.now(), lease_holder="w")
    transition(world.publisher, letter, "sent", "rejected", at=world.now(), try_no=1, reason="refused: unknown_item")
    transition(world.publisher, letter, "rejected", "dead", at=world.now(), reason="refused: unknown_item")
    world.read_again()
    return str(letter)


def test_a_dead_letter_is_computed_anew_and_never_sent_again(world: World) -> None:
    letter = refused(world)
    world.release(12, 10)
    assert len(world.rows()) == 1, "refused stays refused"
    which = Filter(target="erp", reason="unknown_item")
    dry = redrive(world.publisher, which, by="ana", why="item made", at=world.now(), dry_run=True)
    assert [row.correction_id for row in dry.done] == [letter]
    assert world.owner.execute("select count(*) from ops.correction_queue").fetchone() == (0,), (
        "a dry run writes nothing"
    )
    done = redrive(world.publisher, Filter(ids=[letter[:8]]), by="ana", why="item made", at=world.now())
    assert [(row.cause, row.fact_id, row.correlation_id) for row in done.done] == [
        ("refused", "floor", "told-by-floor")
    ]
    world.release(12, 10)
    assert [(row[0], row[3]) for row in world.rows()] == [(1, "dead"), (2, "pending")]
    (told,) = dead_letters(world.publisher)
    (new,) = world.owner.execute("select correction_id from ops.outbox where state = 'pending'").fetchone() or ("",)
    assert (told.redriven_by, told.became, told.is_last) == ("ana", new, False)
    assert new != letter
    again = redrive(world.publisher, which, by="eve", why="again", at=world.now())
    assert (again.done, again.left) == ([], {letter: "re-driven by ana before"})


def test_a_dead_letter_whose_key_went_on_is_left_alone(world: World) -> None:
    letter = refused(world)
    world.read(11)
    world.release(12, 11)
    found = redrive(world.publisher, Filter(item="SKU-0001"), by="ana", why="x", at=world.now())
    assert found.left == {letter: "a later correction of its key was written"}
    assert redrive(world.publisher, Filter(ids=["abc"]), by="a", why="x", at=world.now()).done == [], "too short an id"
    with pytest.raises(TerminalError, match="Which dead letters"):
        redrive(world.publisher, Filter(), by="ana", why="x", at=world.now())
    with pytest.raises(TerminalError, match="Who decides"):
        redrive(world.publisher, Filter(item="SKU-0001"), by="", why="x", at=world.now())


def test_the_limit_of_a_redrive_is_told(world: World) -> None:
    letter = refused(world)
    told = redrive(world.publisher, Filter(target="erp"), by="ana", why="x", at=world.now(), limit=0)
    assert told.left == {letter: "more than 0 at once"}
