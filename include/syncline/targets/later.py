"""Targets that only take a document in: ask what became of it, until its lease ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from syncline.targets.claiming import Claimed, lines_of
from syncline.targets.contract import Document
from syncline.targets.lanes import Lanes
from syncline.targets.sending import Sent, record

if TYPE_CHECKING:
    import psycopg

    from syncline.clock import Clock
    from syncline.targets.contract import Adapter, AnswersLater
    from syncline.targets.policy import TargetPolicy

JOBS_MAX = 1000
ACCEPTED = """
select a.document_id, a.job, array_agg(o.correction_id), array_agg(a.try_no)
from ops.outbox o
inner join ops.push_attempts a on a.correction_id = o.correction_id and a.try_no = o.tries
where o.target = %s and o.state = 'sent' and a.job is not null and o.lease_until > %s
group by a.document_id, a.job, a.sent_at order by a.sent_at, a.document_id limit %s
"""


def poll_accepted(conn: psycopg.Connection, adapter: Adapter, policy: TargetPolicy, clock: Clock) -> Sent:
    """Ask for every accepted document whose lanes are free; its answer is the answer of that try (ADR 0021).

    Raises:
        PartnerUnavailable, PartnerContractBroken, ConfigurationError: from the adapter; answers before are kept.
    """
    done = Sent()
    if not policy.can.answers_later:
        return done
    for document_id, job, references, tries in conn.execute(
        ACCEPTED, (policy.target, clock.now(), JOBS_MAX)
    ).fetchall():
        lines = lines_of(conn, document_id)
        with Lanes(conn, policy.target) as lanes:
            if not lanes.take_items(line.item for line in lines):
                continue
            document = Document(lines)
            answer = cast("AnswersLater", adapter).poll(job, document)
            if answer is None:
                continue
            told = record(conn, policy, clock, Claimed(document, dict(zip(references, tries, strict=True))), answer)
        done.applied += told.applied
        done.rejected += told.rejected
        done.unknown += told.unknown
        done.retried += told.retried
    return done
