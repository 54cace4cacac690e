"""Whole files: the same for a seed, consistent when well-behaved, and labelled wherever they are not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from syncline.edi.envelope import TransactionSet, transaction_sets
from syncline.edi.reading import read_846
from syncline.errors import ConfigurationError
from syncline.twin.edi import KINDS, BuiltFile, Habits, Label, build, build_files, expected, generate
from syncline.twin.edi.files import verdict
from syncline.twin.edi.habits import Chances, known

FILES = 64  # of every kind four
SEED = 11
PLAIN = [build(SEED, number) for number in range(FILES)]
CHANGES_THE_TRUTH = {
    "date_only", "partial", "unlisted_code", "available_for_on_hand", "hold_for_on_hand", "sdq_only", "sdq_oh",
    "contradicted_sign", "sent_again",
}  # fmt: skip
# 846 codes as a reader's crosswalk would have them.
MEASURES = {
    "17": "on_hand", "33": "available", "27": "allocated", "QH": "quarantined", "74": "damaged", "IQ": "in_transit",
}  # fmt: skip


def segments(built: BuiltFile) -> list[list[str]]:
    """Of a well-behaved file, whose separators are the usual ones and in no value."""
    text = built.content.decode("ascii").removeprefix("UNA:+.? '\n")
    element = "*" if text.startswith("ISA") else "+"
    return [re.split(rf"[{element}]", line[:-1]) for line in text.splitlines()]


def counted(built: BuiltFile) -> Iterator[tuple[str, str, str]]:
    """(trailer, what it says, what is there) for each count and control number, by counting alone."""
    opened: dict[str, tuple[int, str, int]] = {}  # header -> (position, control, children)
    control = {"ISA": 13, "GS": 6, "ST": 2, "UNB": 5, "UNH": 1}
    ends = {"IEA": "ISA", "GE": "GS", "SE": "ST", "UNZ": "UNB", "UNT": "UNH"}
    parents = {"GS": "ISA", "ST": "GS", "UNH": "UNB"}
    for position, each in enumerate(segments(built)):
        name = each[0]
        if name in control:
            opened[name] = (position, each[control[name]], 0)
            if name in parents:
                start, number, inside = opened[parents[name]]
                opened[parents[name]] = (start, number, inside + 1)
        elif name in ends:
            start, number, inside = opened[ends[name]]
            there = position - start + 1 if name in ("SE", "UNT") else inside
            yield name, " ".join(each[1:]), f"{there} {number}"


def read(built: BuiltFile) -> tuple[list[TransactionSet], list[object]]:
    found = list(transaction_sets(built.content, built.name))
    sets = [each for each in found if isinstance(each, TransactionSet)]
    return sets, [each for each in found if not isinstance(each, TransactionSet)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_is_the_same_for_a_seed_and_another_for_another(kind: str) -> None:
    documents = [generate(Random(f"s/{number}"), kind) for number in range(20)]
    assert documents == [generate(Random(f"s/{number}"), kind) for number in range(20)]
    assert len(set(documents)) == 20


def test_files_are_the_same_for_a_seed_in_any_order() -> None:
    again = [build(SEED, number) for number in reversed(range(FILES))]
    assert again[::-1] == PLAIN
    assert list(build_files(SEED, FILES)) == PLAIN
    assert build(SEED + 1, 0).content != PLAIN[0].content
    careless = Habits.all(0.2)
    assert [build(SEED, number, habits=careless) for number in range(32)] == list(
        build_files(SEED, 32, habits=careless)
    )


def test_well_behaved_counts_and_control_numbers_agree() -> None:
    found = [each for built in PLAIN for each in counted(built)]
    assert [each for each in found if each[1] != each[2]] == []
    assert set(Counter(name for name, _, _ in found)) == {"IEA", "GE", "SE", "UNZ", "UNT"}
    assert not any(built.labels for built in PLAIN)
    assert {each.verdict for built in PLAIN for each in built.sets} == {"fine"}


def test_every_kind_occurs_with_several_sets_groups_and_interchanges() -> None:
    sets = [each for built in PLAIN for each in built.sets]
    assert {each.type for each in sets} == set(KINDS)
    paths = {each.path for each in sets}
    assert {path[-1] for path in paths if len(path) == 3} == {1, 2, 3}
    assert {path[1] for path in paths if len(path) == 3} == {path[0] for path in paths} == {1, 2}


def test_well_behaved_files_have_no_fault_and_the_sets_that_are_labelled() -> None:
    for built in PLAIN:
        sets, faults = read(built)
        assert faults == []
        assert [(each.type, each.interchange, each.group, each.control, each.faults) for each in sets] == [
            (each.type, each.interchange, each.group, each.control, []) for each in built.sets if each.type != "TA1"
        ]


def test_an_846_is_read_as_it_was_meant() -> None:
    """Corrections apart, which need more than one document."""
    compared = 0
    for built in build_files(SEED, 40, ("846",)):
        wanted = [fact for each in built.sets for fact in each.facts]
        if {fact.purpose for fact in wanted} != {"original"}:
            continue
        facts = read_846(built.content, source="p", file=built.name).facts
        assert sorted(
            (f.item_ref, f.location_ref, MEASURES[f.status_ref], f.quantity, f.uom, f.lot or "", f.recorded)
            for f in facts
            if f.status_ref in MEASURES
        ) == sorted(fact[1:8] for fact in wanted)
        compared += len(wanted)
    assert compared > 200


@pytest.mark.parametrize("habit", known())
def test_a_habit_changes_the_bytes_and_is_labelled(habit: str) -> None:
    """Where there is no label, nothing has changed; the truth changes with what is stated, never with its writing."""
    touched, is_other_truth = 0, False
    for number, plain in enumerate(PLAIN):
        built = build(SEED, number, habits=Habits.some(habit))
        labels = {label.habit for label in built.labels}
        assert labels <= {habit}
        assert (built.content != plain.content) == bool(labels), built.name
        touched += bool(labels)
        is_other_truth |= [each.facts for each in built.sets] != [each.facts for each in plain.sets]
    assert touched >= 3
    assert is_other_truth == (habit in CHANGES_THE_TRUTH)


@pytest.mark.parametrize("habit", [name for name, about in known().items() if about["scope"] != "delivery"])
def test_a_labelled_place_is_one_of_the_file(habit: str) -> None:
    about = known()[habit]
    for number in range(32):
        built = build(SEED, number, habits=Habits.some(habit))
        places = {each.path[:depth] for each in built.sets for depth in range(4)}
        for label in built.labels:
            assert label.path in places
            assert (label.verdict, label.scope) == (about["verdict"], about["scope"])
        assert len(set(built.labels)) == len(built.labels) or habit == "glued_set"


@pytest.mark.parametrize("habit", ["wrong_set_count", "wrong_set_control", "glued_set"])
def test_a_defective_set_is_seen_by_a_reader_and_no_other(habit: str) -> None:
    lost = 0
    for number in range(FILES):
        built = build(SEED, number, habits=Habits.some(habit, rate=0.3))
        read_whole = {(each.interchange, each.control) for each in read(built)[0] if not each.faults}
        for each in built.sets:
            if each.type != "TA1":
                assert ((each.interchange, each.control) in read_whole) == (each.verdict != "defective")
                lost += each.verdict == "defective"
    assert lost > 20


def test_a_test_interchange_is_labelled_beside_production() -> None:
    built = next(
        each
        for each in build_files(SEED, 200, habits=Habits.some("test_interchange", rate=0.5))
        if len({s.is_test for s in each.sets}) == 2
    )
    assert {each.path[0]: each.is_test for each in built.sets} == {
        each.path[0]: each.path[:1] in {label.path for label in built.labels} for each in built.sets
    }
    assert {(s.interchange, s.is_test) for s in read(built)[0]} == {(s.interchange, s.is_test) for s in built.sets}


def test_control_numbers_again_with_the_same_and_with_other_bytes() -> None:
    again = list(build_files(SEED, 4, ("945",), Habits.some("sent_again")))
    assert len({each.content for each in again}) == 1
    assert len({each.name for each in again}) == 4
    reused = list(build_files(SEED, 4, ("945",), Habits.some("reused_control")))
    plain = list(build_files(SEED, 4, ("945",)))
    for number in range(1, 4):
        assert reused[number].sets[0].interchange == plain[number - 1].sets[0].interchange
        assert reused[number].content != plain[number - 1].content
        assert reused[number].sets[0].facts == plain[number].sets[0].facts


def test_a_verdict_is_of_the_set_itself() -> None:
    def label(habit: str, path: tuple[int, ...]) -> Label:
        chances = Chances(0, 0, Habits())
        chances.label(habit, path)
        return chances.labels[0]

    own, other = label("wrong_set_count", (1, 1, 2)), label("wrong_set_count", (1, 1, 1))
    assert verdict((1, 1, 2), [own]) == "defective"
    assert verdict((1, 1, 2), [other, label("date_only", (1, 1, 2)), label("bom", ())]) == "tolerable"
    assert verdict((1, 1, 2), [other, label("date_only", (1, 1, 2)), label("reused_control", ())]) == "fine"
    assert verdict((1, 1, 2), [label("wrong_group_count", (1, 1))]) == "tolerable"
    assert verdict((1, 1, 2), [label("contradicted_sign", (1, 1, 2))]) == "tolerable"
    assert (own.where, label("bom", ()).where) == ("interchange 1, group 1, set 2", "file")


def test_facts_of_a_file_are_those_of_its_documents() -> None:
    document = generate(Random("x"), "944")
    assert {fact.measure for fact in expected(document)} <= {"on_hand", "damaged", "quarantined"}
    assert any(each.facts for built in PLAIN for each in built.sets if each.type == "944")
    silent = {"850", "940", "997", "999", "TA1", "CONTRL"}
    assert not any(each.facts for built in PLAIN for each in built.sets if each.type in silent)


def test_what_does_not_exist_is_told_with_what_does() -> None:
    with pytest.raises(ConfigurationError, match=r"wrapt.*wrapped"):
        Habits.some("wrapt")
    with pytest.raises(ConfigurationError, match=r"bom is 2"):
        Habits(bom=2)
    with pytest.raises(ConfigurationError, match=r"no document 831.*846"):
        build(1, 0, ("831",))
    with pytest.raises(ConfigurationError, match=r"no document '831'"):
        generate(Random(1), "831")
