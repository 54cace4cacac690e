"""Whole files of a careless partner, by seed, with labels of what they hold and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from syncline.errors import ConfigurationError
from syncline.twin.edi import edifact, misdeeds, x12
from syncline.twin.edi.documents import body
from syncline.twin.edi.envelope import Group, Interchange, Piece, Separators, Set
from syncline.twin.edi.facts import Fact, expected
from syncline.twin.edi.generate import DAYS, START, generate
from syncline.twin.edi.habits import Chances, Habits, Label, Path, Verdict
from syncline.twin.edi.layout import lay_out
from syncline.twin.edi.model import KINDS, X12_KINDS, Document, is_edifact
from syncline.twin.edi.style import Segment, Style

SENDER, RECEIVER = "ACMELOGISTICS", "SYNCLINE"
SERVICE = "TA1"  # stands outside of any set
WELL_BEHAVED = Habits()
OLD_VERSION = "003060"
WRONG_SET, WRONG_GROUP, WRONG_INTERCHANGE = "9999", "999999", "999999999"
SETS_MAX = 3


@dataclass(frozen=True)
class BuiltSet:
    """A set of a file: what the partner means by it, and whether it is to be read.

    ``control`` is ST02 or UNH01 as written, empty of a TA1. ``facts`` of a defective set are what is lost with it.
    """

    path: Path
    type: str
    interchange: str
    group: str
    control: str
    is_test: bool
    verdict: Verdict
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class BuiltFile:
    """``labels`` are in no order that matters; those of a file that was sent again are those of the first."""

    name: str
    content: bytes
    sets: tuple[BuiltSet, ...]
    labels: tuple[Label, ...]


def build_files(
    seed: int, files: int, kinds: Sequence[str] = KINDS, habits: Habits = WELL_BEHAVED
) -> Iterator[BuiltFile]:
    """``files`` files; each begins with a set of the next of ``kinds``."""
    for number in range(files):
        yield build(seed, number, kinds, habits)


def build(seed: int, number: int, kinds: Sequence[str] = KINDS, habits: Habits = WELL_BEHAVED) -> BuiltFile:
    """File ``number`` (from 0) of ``seed``; the same arguments give the same bytes.

    Raises:
        ConfigurationError: an unknown kind, or none.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise ConfigurationError(
            f"There is no document {', '.join(unknown) or 'to write'}.", next_step=f"Use some of: {', '.join(KINDS)}."
        )
    chances = Chances(seed, number, habits)
    name = f"{kinds[number % len(kinds)]}_{number:06d}.edi"
    origin = _origin(seed, number, habits)
    if origin != number:
        chances.label("sent_again", ())
        first = _Builder(seed, origin, kinds, habits).file(name)
        return replace(first, labels=(*first.labels, *chances.labels))
    return _Builder(seed, number, kinds, habits).file(name)


def _origin(seed: int, number: int, habits: Habits) -> int:
    """The file whose bytes go out as file ``number``: itself, or an earlier one that is sent again."""
    while number and Chances(seed, number, habits).takes("sent_again", ()):
        number -= 1
    return number


class _Builder:
    """One file. What it holds is drawn from streams that no habit touches."""

    def __init__(self, seed: int, number: int, kinds: Sequence[str], habits: Habits) -> None:
        self._seed, self._number, self._kinds = seed, number, kinds
        self._chances = Chances(seed, number, habits)
        self._well = Chances(seed, number, WELL_BEHAVED)
        self._kind = kinds[number % len(kinds)]
        self._is_edifact = is_edifact(self._kind)
        is_reused = number > 0 and self._chances.takes("reused_control", ())
        self._numbers = _origin(seed, number - 1, habits) if is_reused else number
        self._sent = START + timedelta(days=DAYS + 1, minutes=number)  # after all that it tells
        self._may_be_wide = not habits.latin1_name
        self._sets: list[tuple[Path, Document, dict[str, Any]]] = []

    def file(self, name: str) -> BuiltFile:
        rng = self._well.stream("structure", ())
        count = 2 if rng.random() < 0.3 else 1
        interchanges = [self._interchange((number,), number == count) for number in range(1, count + 1)]
        writer = edifact if self._is_edifact else x12
        pieces: list[Piece] = [piece for each in interchanges for piece in writer.pieces(each)]
        is_latin1 = any(label.habit == "latin1_name" for label in self._chances.labels)
        layout = misdeeds.layout(pieces, self._chances, "latin-1" if is_latin1 else "utf-8")
        labels = tuple(self._chances.labels)
        sets = tuple(
            BuiltSet(path=path, verdict=verdict(path, labels), facts=tuple(expected(document)), **told)
            for path, document, told in self._sets
        )
        return BuiltFile(name, lay_out(pieces, layout), sets, labels)

    def _interchange(self, path: Path, is_last: bool) -> Interchange:
        chances = self._chances
        control = f"{self._numbers * 10 + path[0]:09d}"
        is_test = chances.takes("test_interchange", path)
        separators, fields = misdeeds.separators(chances, path, edifact=self._is_edifact, may_be_wide=self._may_be_wide)
        kinds = self._kinds_of(path)
        if "999" in kinds and fields["version"] == "00401":
            fields["version"] = "00501"
        has_ends = not self._is_edifact or fields["has_groups"]
        about = {"interchange": control, "is_test": is_test}
        groups = tuple(
            self._group((*path, number), kind, separators, about, has_ends)
            for number, kind in enumerate(kinds, 1)
            if kind != SERVICE
        )
        service = tuple(each for kind in kinds if kind == SERVICE for each in self._service(path, about))
        if chances.takes("wrong_interchange_count", path):
            fields["count_off"] = 1
        if chances.takes("wrong_interchange_control", path):
            fields["closing_control"] = WRONG_INTERCHANGE
        fields["is_glued"] = chances.takes("glued_interchange", path, if_possible=not self._is_edifact and not is_last)
        return Interchange(
            sender=SENDER, receiver=RECEIVER, control=control, at=self._sent, groups=groups, separators=separators,
            service=service, is_test=is_test, **fields,
        )  # fmt: skip

    def _kinds_of(self, path: Path) -> list[str]:
        """What the groups of an interchange hold; the file's first group holds the file's kind."""
        rng = self._well.stream("groups", path)
        could = [kind for kind in self._kinds if is_edifact(kind) == self._is_edifact and kind != SERVICE]
        first = self._kind if path == (1,) or not could else rng.choice(could)
        if first == SERVICE:
            return [SERVICE]
        return [first, rng.choice(could)] if rng.random() < 0.3 else [first]

    def _service(self, path: Path, about: dict[str, Any]) -> Iterator[Segment]:
        document = generate(self._well.stream("document", path), SERVICE)
        self._sets.append((path, document, {**about, "type": SERVICE, "group": "", "control": ""}))
        yield from body(document, Style()).segments

    def _group(self, path: Path, kind: str, separators: Separators, about: dict[str, Any], has_ends: bool) -> Group:
        chances, control = self._chances, str(self._numbers * 100 + path[0] * 10 + path[1])
        rng = self._well.stream("sets", path)
        style = Style(release=rng.choice(("96A", "01B")), decimal_mark=separators.decimal)
        is_dated = kind in X12_KINDS and kind not in ("999", "997")
        if chances.takes("old_version", path, if_possible=is_dated):
            style = replace(style, version=OLD_VERSION)
        about = {**about, "type": kind, "group": control if has_ends else ""}
        sets: list[Set] = []
        for number in range(1, rng.randint(1, SETS_MAX) + 1):
            sets = self._with_set((*path, number), style, about, sets)
        fields: dict[str, Any] = {}
        if chances.takes("wrong_group_count", path, if_possible=has_ends):
            fields["count_off"] = 1
        if chances.takes("wrong_group_control", path, if_possible=has_ends):
            fields["closing_control"] = WRONG_GROUP
        return Group(control=control, sets=tuple(sets), **fields)

    def _with_set(self, path: Path, style: Style, about: dict[str, Any], sets: list[Set]) -> list[Set]:
        """``sets`` and the next one; a glued one has taken the end of the one before it."""
        chances, fields = self._chances, dict[str, Any]()
        document = misdeeds.content(generate(self._well.stream("document", path), about["type"]), chances, path)
        document, style = misdeeds.styled(document, style, chances, path)
        control = f"{path[0] * 100 + path[1] * 10 + path[2]:04d}"
        if chances.takes("repeated_set_control", path, if_possible=bool(sets)):
            control = sets[-1].control
        if chances.takes("wrong_set_count", path):
            fields["count_off"] = 1
        if chances.takes("wrong_set_control", path):
            fields["closing_control"] = WRONG_SET
        elif chances.takes("control_without_zeros", path):
            fields["closing_control"] = control.lstrip("0")
        if chances.takes("glued_set", path, if_possible=bool(sets)):
            chances.label("glued_set", (*path[:-1], path[-1] - 1))
            sets = [*sets[:-1], replace(sets[-1], is_glued=True)]
        self._sets.append((path, document, {**about, "control": control}))
        return [*sets, Set(control=control, body=body(document, style), **fields)]


def verdict(path: Path, labels: Sequence[Label]) -> Verdict:
    """Of the set at ``path``: defective by a defect of its own; one around it or of a line leaves it readable."""
    around = [label for label in labels if label.scope != "delivery" and path[: len(label.path)] == label.path]
    if any(label.verdict == "defective" and label.scope == "set" for label in around):
        return "defective"
    return "fine" if all(label.verdict == "fine" for label in around) else "tolerable"
