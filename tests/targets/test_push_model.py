"""Every path of one correction, walked: what must hold in each state is in ``push_model.py``."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.targets.push_model import LAG, LIFE, target, walk

from syncline.targets.contract import Capabilities

HONEST = {
    # Where time decides nothing, the walk is short.
    "a key, for ever": target(Capabilities("delta", key="line"), last=5),
    "a key, for a while": target(Capabilities("delta", key="document"), key_retention_s=7),
    "a key for a set, for a while": target(Capabilities("set", key="document", compare="value"), key_retention_s=7),
    "version compare": target(Capabilities("set", compare="version"), last=5),
    "version compare and a list": target(
        Capabilities("set", key="line", compare="version", lists_changes=True), last=5
    ),
    "a look-up": target(Capabilities("delta", finds=True)),
    "a list": target(Capabilities("delta", lists_changes=True)),
    "value compare": target(Capabilities("set", compare="value")),
    "value compare, only we write": target(Capabilities("set", compare="value"), sole_writer=True),
    "a number, only we write": target(Capabilities("delta"), sole_writer=True),
    "a number to set, only we write": target(Capabilities("set"), sole_writer=True),
    "a number others write": target(Capabilities("delta")),
    "nobody says how long a request lives": target(Capabilities("delta", finds=True), life_s=None),
}


@pytest.mark.parametrize("name", HONEST)
def test_no_path_has_two_effects_or_a_false_claim(name: str) -> None:
    moments, met, path = walk(HONEST[name])
    assert path is None, "\n".join(path)
    assert moments > 300
    assert {"pending", "sent", "unknown", "applied"} <= met


# A declaration that is not true, or a rule left out: each has a path to two effects or a false claim.
LIES = {
    "a request lives longer than said": replace(HONEST["a look-up"], life=LIFE + 3),
    "an effect shows later than said": replace(HONEST["a look-up"], lag=LAG + 4),
    "a key is forgotten sooner than said": replace(HONEST["a key, for a while"], retention=2),
    "there is no key": replace(HONEST["a key, for ever"], retention=0),
    "others write, too": replace(HONEST["a number to set, only we write"], others=3),
    "a version that is a value": target(Capabilities("set", compare="value"), life_s=0, lag_s=0),
}


@pytest.mark.parametrize("name", LIES)
def test_the_model_finds_what_a_false_declaration_does(name: str) -> None:
    _, _, path = walk(LIES[name])
    assert path is not None, "the model cannot fail, so it shows nothing"
