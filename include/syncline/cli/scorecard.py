"""How well each source tells: late, duplicate, stale, malformed, short, unexplained, by day."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import psycopg

app = typer.Typer(help=__doc__)
DAY = ["%Y-%m-%d"]
# A row for each source and feed, or with --by-day for each of its days. Days are the source's own.
_ROWS = """
select source, feed, {days} sum(documents)::bigint as documents, sum(lines)::bigint as lines,
  sum(late_documents)::bigint as late_documents, sum(late_lines)::bigint as late_lines,
  sum(duplicate_documents)::bigint as duplicate_documents, sum(duplicate_lines)::bigint as duplicate_lines,
  sum(stale_lines)::bigint as stale_lines, sum(malformed_documents)::bigint as malformed_documents,
  sum(malformed_lines)::bigint as malformed_lines, sum(unmapped_lines)::bigint as unmapped_lines,
  sum(conflict_lines)::bigint as conflict_lines, sum(short_lines)::bigint as short_lines,
  sum(variances)::bigint as variances, sum(partner_variances)::bigint as partner_variances,
  sum(unexplained_variances)::bigint as unexplained_variances,
  sum(acknowledgments_due)::bigint as acknowledgments_due, sum(acknowledgments_late)::bigint as acknowledgments_late,
  sum(acknowledgments_rejected)::bigint as acknowledgments_rejected, max(answer_max_s) as answer_max_s,
  sum(sequence_gaps)::bigint as sequence_gaps, sum(missing_numbers)::bigint as missing_numbers
from marts.fct_partner_scorecard
where (%(source)s::text is null or source = %(source)s)
  and (%(since)s::date is null or day >= %(since)s) and (%(until)s::date is null or day <= %(until)s)
group by source, feed{by} order by source, feed{by}
"""


@app.command()
def scorecard(
    source: Annotated[str | None, typer.Argument(help="Only this source.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=DAY, help="First day, in the source's zone.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=DAY, help="Last day.")] = None,
    by_day: Annotated[bool, typer.Option("--by-day", help="A row for each day.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show how well each source tells.

    Late is what came after its own time and what `sources.csv` allows (`lag_s`, `hold_s`). Columns are explained in
    docs/reference/causes.md.

    Examples: syncline scorecard acme_3pl --since 2026-11-01
    syncline scorecard --by-day --json
    """
    from syncline.cli._warehouse import warehouse

    with warehouse("bi") as conn:
        rows = read_scorecard(conn, source, since and since.date(), until and until.date(), by_day=by_day)
    if as_json:
        typer.echo(json.dumps(rows, indent=1, default=str))
        return
    _print(rows)


def read_scorecard(
    conn: psycopg.Connection[Any], source: str | None, since: date | None, until: date | None, *, by_day: bool = False
) -> list[dict[str, Any]]:
    """Rows of the scorecard, summed over the days asked for, or one for each day. ``conn``: role bi."""
    from psycopg.rows import dict_row

    query = _ROWS.format(days="day, count(*) as days," if by_day else "count(*) as days,", by=", day" if by_day else "")
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), {"source": source, "since": since, "until": until}).fetchall()


def _print(rows: list[dict[str, Any]]) -> None:
    """A row stays on one line of 80 characters."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        box=None, pad_edge=False, caption_justify="left",
        caption="late, twice, broken: documents/lines; variances: unexplained/partner's/all",
    )  # fmt: skip
    table.add_column("source", no_wrap=True)
    for name in ("days", "docs", "lines", "late", "twice", "stale", "broken", "short", "variances"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        variances = (row["unexplained_variances"], row["partner_variances"], row["variances"])
        table.add_row(
            f"{row['source']} {row['feed']}",
            str(row["day"])[2:] if "day" in row else str(row["days"]),
            str(row["documents"]),
            str(row["lines"]),
            f"{row['late_documents']}/{row['late_lines']}",
            f"{row['duplicate_documents']}/{row['duplicate_lines']}",
            str(row["stale_lines"]),
            f"{row['malformed_documents']}/{row['malformed_lines'] + row['unmapped_lines']}",
            str(row["short_lines"]),
            "/".join(map(str, variances)),
        )
    Console().print(table)
    for further in filter(None, map(_further, rows)):
        typer.echo(further)


def _further(row: dict[str, Any]) -> str:
    """What only some sources have: conflicts, numbers that are missing, acknowledgments."""
    told = []
    if row["conflict_lines"]:
        told.append(f"{row['conflict_lines']} lines told with another content")
    if row["sequence_gaps"]:
        told.append(f"{row['missing_numbers']} numbers missing in {row['sequence_gaps']} gaps")
    if row["acknowledgments_due"]:
        slowest = f", slowest {row['answer_max_s']} s" if row["answer_max_s"] is not None else ""
        told.append(
            f"{row['acknowledgments_due']} acknowledgments awaited, {row['acknowledgments_late']} late,"
            f" {row['acknowledgments_rejected']} rejections{slowest}"
        )
    return f"{row['source']} {row.get('day') or row['feed']}: {'; '.join(told)}" if told else ""
