"""Seals: everything in them once, in a chain, refused to whoever would change them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from tests.audit.conftest import AT, SIGNER, correct

from syncline.audit import keys
from syncline.audit.anchor import FolderSink, write_anchor
from syncline.audit.prove import check_proof, prove
from syncline.audit.seal import last_seal, seal_batch, seal_rest
from syncline.audit.verify import read_anchor
from syncline.errors import ConfigurationError, PartnerUnavailable, TerminalError

STREAMS = "select stream, count(*) from ops.audit_leaves group by stream order by stream"


def test_every_row_is_one_leaf(log: psycopg.Connection) -> None:
    counts = dict(log.execute(STREAMS).fetchall())
    moves, attempts = (
        log.execute(f"select count(*) from ops.{table} where correction_id <> 'late'".encode()).fetchone()
        for table in ("outbox_history", "push_attempts")
    )
    assert moves is not None
    assert attempts is not None
    assert counts["outbox_history"] == moves[0]
    assert counts["push_attempts"] == 2 * attempts[0], "sent, and answered"


def test_every_disposition_is_a_leaf_of_the_batch_that_changed_it(resolved: psycopg.Connection) -> None:
    """Notes only see the last batch's working tables, so those of earlier batches are of facts it thought about."""
    missing = resolved.execute(
        "select d.fact_id from intermediate.int_dispositions d join intermediate.int_tellings t using (fact_id) "
        "where d.batch_id = (select max(batch_id) from ops.batches) and not exists (select from ops.audit_leaves l "
        "where l.stream = 'dispositions' and l.key = d.fact_id and l.body::jsonb ->> 'disposition' = d.disposition)"
    ).fetchall()
    assert missing == []
    streams = {stream for stream, _ in resolved.execute(STREAMS)}
    assert {"dispositions", "config_versions"} <= streams


def test_a_batch_is_sealed_once(log: psycopg.Connection) -> None:
    (batch,) = log.execute("select max(batch_id) from ops.audit_seals").fetchone() or (0,)
    before = log.execute("select count(*) from ops.audit_seals").fetchone()
    assert not seal_batch(log, batch, SIGNER, AT).is_new
    assert log.execute("select count(*) from ops.audit_seals").fetchone() == before
    with pytest.raises(TerminalError, match="not released"):
        seal_batch(log, 10_000, SIGNER, AT)


def test_seals_are_a_chain_also_under_another_key(log: psycopg.Connection) -> None:
    before = last_seal(log)
    assert before is not None
    sealed = seal_rest(log, keys.Signer(bytes(32)), AT)
    assert sealed is not None
    assert (sealed.seal.seal_no, sealed.seal.previous) == (before.seal_no + 1, before.hash())
    assert seal_rest(log, SIGNER, AT) is None, "nothing happened since"


def test_a_row_of_an_open_transaction_is_in_the_next_seal(log: psycopg.Connection, warehouse_dsn: object) -> None:
    """Late commits have low numbers: what a seal takes is what is there, not what lies below a number."""
    with psycopg.connect(str(warehouse_dsn("owner"))) as other:  # type: ignore[operator]
        correct(other, "slow", "SKU-slow")
        correct(log, "quick", "SKU-quick")
        first = seal_rest(log, SIGNER, AT)
        other.commit()
    second = seal_rest(log, SIGNER, AT)
    assert first is not None
    assert second is not None
    assert second.seal.leaves == 5


@pytest.mark.parametrize("table", ["audit_seals", "audit_leaves", "audit_keys", "audit_anchors"])
@pytest.mark.parametrize("what", ["delete from ops.{}", "truncate ops.{} cascade"])
def test_the_database_refuses_to_change_it(log: psycopg.Connection, table: str, what: str, tmp_path: Path) -> None:
    write_anchor(log, FolderSink(tmp_path), AT)
    with pytest.raises(psycopg.errors.RestrictViolation):
        log.execute(what.format(table).encode())


def test_an_update_is_refused(log: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation):
        log.execute("update ops.audit_leaves set body = '{}'")
    with pytest.raises(psycopg.errors.RestrictViolation):
        log.execute("update ops.audit_seals set root = ''")


def test_a_row_is_proven_by_few_hashes(log: psycopg.Connection) -> None:
    proofs = prove(log, "push_attempts", "c1-2/1")
    assert [check_proof(proof).leaf.body.count('"outcome": "applied"') for proof in proofs] == [0, 1]
    assert all(len(proof["path"]) <= 7 for proof in proofs)
    changed = proofs[1] | {"body": proofs[1]["body"].replace("applied", "refused")}
    with pytest.raises(TerminalError, match="is not leaf"):
        check_proof(changed)
    with pytest.raises(TerminalError, match="No seal holds"):
        prove(log, "push_attempts", "late/1")


def test_the_newest_seal_is_written_outside_once(log: psycopg.Connection, tmp_path: Path) -> None:
    sink = FolderSink(tmp_path / "anchors")
    assert write_anchor(log, sink, AT) == 6
    assert write_anchor(log, sink, AT) is None
    seal_rest(log, SIGNER, AT)
    assert write_anchor(log, sink, AT) == 7
    assert [line.seal.seal_no for line in read_anchor(sink.folder / "anchors.jsonl")] == [6, 7]


def test_a_sink_that_fails_is_tried_again(log: psycopg.Connection, tmp_path: Path) -> None:
    (tmp_path / "anchors").write_text("a file where the folder should be")
    with pytest.raises(PartnerUnavailable, match="cannot be written"):
        write_anchor(log, FolderSink(tmp_path / "anchors"), AT)
    assert write_anchor(log, FolderSink(tmp_path / "elsewhere"), datetime(2026, 11, 2, tzinfo=UTC)) == 6


def test_an_installation_makes_its_key_once_and_for_its_owner(tmp_path: Path) -> None:
    first = keys.signer(tmp_path, None)
    assert keys.signer(tmp_path, None).key_id == first.key_id
    assert (tmp_path / "audit" / "ed25519.seed").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigurationError, match="32 bytes") as caught:
        keys.signer(tmp_path, "bm90IGEga2V5")
    assert "bm90" not in str(caught.value)
