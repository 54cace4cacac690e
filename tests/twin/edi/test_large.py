"""Benchmark files: as many segments as they say, with counts that agree."""

from __future__ import annotations

import io
import re

import pytest

from syncline.edi.envelope import TransactionSet, transaction_sets
from syncline.edi.reading import read_846
from syncline.twin.edi.large import write_846, write_invrpt

ITEMS = 2_500


def test_an_846_of_any_size() -> None:
    stream = io.BytesIO()
    assert write_846(stream, ITEMS) == len(stream.getvalue())
    assert stream.getvalue().count(b"~") == 7 * ITEMS + 10
    reading = read_846(stream.getvalue(), source="p", file="large")
    assert (reading.faults, len(reading.facts)) == ([], 2 * ITEMS)
    assert sum(int(fact.quantity) for fact in reading.facts if fact.status_ref == "17") == sum(
        number % 1000 for number in range(1, ITEMS + 1)
    )


def test_an_invrpt_of_any_size() -> None:
    stream = io.BytesIO()
    assert write_invrpt(stream, ITEMS) == len(stream.getvalue())
    assert len(re.findall(rb"(?<!\?)'", stream.getvalue())) == 7 * ITEMS + 11  # the UNA is one of them
    assert stream.getvalue().count(b"?'") == ITEMS // 50
    (message,) = transaction_sets(stream.getvalue(), "large")
    assert isinstance(message, TransactionSet)
    assert (message.faults, len(message.body)) == ([], 7 * ITEMS + 6)


@pytest.mark.parametrize("items", [0, 1])
def test_the_smallest(items: int) -> None:
    for writer in (write_846, write_invrpt):
        stream = io.BytesIO()
        writer(stream, items)
        (only,) = transaction_sets(stream.getvalue(), "small")
        assert isinstance(only, TransactionSet)
        assert only.faults == []
