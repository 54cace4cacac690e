"""The registry refuses what it cannot keep, and says where and how to fix it."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncline.errors import ConfigurationError
from syncline.registry import load_registry, pools

GOOD = """
sources:
  - {name: dc1_wms, kind: wms_api, site: DC1, poll_every_s: 10}
  - {name: acme_3pl, kind: sftp_edi, files: {settle_s: 0, pattern: "*.edi"}}
targets:
  - {name: erp, kind: erp_api, style: delta, sole_writer: true, life_s: 30, not_executed: [423, 429]}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "registry.yml"
    path.write_text(text)
    return path


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_registry(write(folder, text))
    return str(caught.value)


def test_the_demo_registry_names_the_demo_network() -> None:
    registry = load_registry()
    assert [source.name for source in registry.sources] == ["dc1_wms", "dc2_wms", "acme_3pl", "beta_3pl"]
    assert [target.name for target in registry.targets] == ["erp", "shop"]
    assert registry.target("erp").not_executed == (423, 429)


def test_the_connection_is_named_like_the_entry_by_default(tmp_path: Path) -> None:
    text = GOOD.replace("settle_s: 0", "settle_s: 3").replace("kind: sftp_edi", "kind: sftp_edi, conn_id: other_login")
    registry = load_registry(write(tmp_path, text))
    assert registry.source("dc1_wms").conn_id == "dc1_wms"
    assert registry.source("acme_3pl").conn_id == "other_login"
    assert registry.source("acme_3pl").file_rules.settle_s == 3


def test_the_path_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCLINE_REGISTRY", str(write(tmp_path, GOOD)))
    assert len(load_registry().sources) == 2


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("poll_every_s: 10", "poll_every_s: 1", ["sources[dc1_wms].poll_every_s", "is 1", "greater than or equal"]),
        ("poll_every_s: 10", "poll_every_s: '10'", ["sources[dc1_wms].poll_every_s", "'10'", "valid integer"]),
        ("poll_every_s: 10", "poll_evry_s: 10", ["sources[dc1_wms].poll_evry_s", "unknown", "poll_every_s"]),
        ("site: DC1, ", "", ["sources[dc1_wms]", "site"]),
        ("kind: wms_api", "kind: wms", ["sources[dc1_wms].kind", "'wms'", "'wms_api' or 'sftp_edi'"]),
        ("kind: sftp_edi", "kind: sftp_846", ["sources[acme_3pl].kind is 'sftp_846'", "write `kind: sftp_edi`"]),
        ("name: acme_3pl", "name: dc1_wms", ["'dc1_wms' is used twice", "rename"]),
        ("name: acme_3pl", "name: erp", ["'erp' is used twice"]),
        ("name: acme_3pl", "name: ../up", ["sources[../up].name"]),
        ("settle_s: 0", "inbox: ../../etc", ["sources[acme_3pl].files.inbox", "../../etc"]),
        ("settle_s: 0", "claim: move", ["sources[acme_3pl].files.claim", "'move'", "'rename' or 'in_place'"]),
        ("settle_s: 0", "archive: inbox", ["sources[acme_3pl].files", "must be five folders"]),
        ("settle_s: 0", "connections_max: 0", ["sources[acme_3pl].files.connections_max", "is 0"]),
        (", life_s: 30", "", ["targets[erp].life_s", "missing"]),
        ("life_s: 30", "life_s: 5", ["targets[erp]", "timeout_s 10 is longer than life_s 5"]),
        ("[423, 429]", "[200]", ["targets[erp].not_executed", "200"]),
        ("poll_every_s: 10", "poll_every_s: 10, poll_every_s: 20", ["line 3", "'poll_every_s' is written twice"]),
        ("targets:", "targets", ["not valid YAML"]),
    ],
)
def test_a_defect_is_named_with_its_fix(tmp_path: Path, before: str, after: str, expected: list[str]) -> None:
    assert before in GOOD
    message = refusal(tmp_path, GOOD.replace(before, after, 1))
    for part in expected:
        assert part in message


def test_every_defect_is_told_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, GOOD.replace("poll_every_s: 10", "poll_every_s: 1").replace("life_s: 30", "life_s: 0"))
    assert "2 defect(s)" in message


def test_a_missing_file_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SYNCLINE_REGISTRY"):
        load_registry(tmp_path / "nowhere.yml")


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    assert "not valid YAML" in refusal(tmp_path, "[" * 5000)


def test_breakers_have_defaults_and_limits(tmp_path: Path) -> None:
    text = GOOD.replace("life_s: 30", "life_s: 30, breakers: {keys_max: 7}")
    target = load_registry(write(tmp_path, text)).target("erp")
    assert (target.breakers.keys_max, target.breakers.zero_share_pct) == (7, 50)
    message = refusal(tmp_path, text.replace("keys_max: 7", "keys_share_pct: 101, keys: 3"))
    assert "targets[erp].breakers.keys_share_pct" in message
    assert "targets[erp].breakers.keys is unknown" in message


def test_limits_have_defaults_and_bounds(tmp_path: Path) -> None:
    text = GOOD.replace("life_s: 30", "life_s: 30, limits: {per_s: 2, circuit: {open_s: 7}}")
    limits = load_registry(write(tmp_path, text)).target("erp").limits
    assert (limits.per_s, limits.concurrent, limits.circuit.open_s, limits.circuit.failures) == (2.0, 4, 7, 5)
    message = refusal(tmp_path, text.replace("per_s: 2", "per_s: 0, concurrent: 0"))
    assert "targets[erp].limits.per_s" in message
    assert "targets[erp].limits.concurrent" in message


def test_sources_of_one_connection_agree_how_many_it_may_have(tmp_path: Path) -> None:
    second = (
        "\n  - {name: acme_two, kind: sftp_edi, conn_id: acme_3pl, files: {inbox: two, connections_max: 2}}\ntargets:"
    )
    message = refusal(tmp_path, GOOD.replace("\ntargets:", second))
    assert "acme_3pl and acme_two share the connection 'acme_3pl', with 1 and 2 as `files.connections_max`" in message
    agreed = GOOD.replace("settle_s: 0", "connections_max: 2").replace("\ntargets:", second)
    assert load_registry(write(tmp_path, agreed)).source("acme_two").file_rules.connections_max == 2


def test_subscribers_are_optional_and_checked_like_the_rest(tmp_path: Path) -> None:
    assert load_registry(write(tmp_path, GOOD)).subscribers == ()
    text = GOOD + "subscribers:\n  - {name: ops_mail, kind: email, to: ops@example.org}\n"
    registry = load_registry(write(tmp_path, text))
    assert registry.subscriber("ops_mail").conn_id == "ops_mail"
    assert "subscriber_ops_mail" in pools(registry)
    assert "used twice" in refusal(tmp_path, text.replace("name: ops_mail", "name: erp"))
    assert "subscribers[ops_mail].poll_s is unknown" in refusal(tmp_path, text.replace("to:", "poll_s: 3, to:"))
    assert "one address" in refusal(tmp_path, text.replace(", to: ops@example.org", ""))
    with pytest.raises(ConfigurationError, match="has no entry 'lake'"):
        registry.subscriber("lake")
