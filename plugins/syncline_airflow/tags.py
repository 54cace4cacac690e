"""Tags of the DAGs, from a closed list, so that filters in the UI mean something."""

from __future__ import annotations

from enum import StrEnum


class Tag(StrEnum):
    """``step:`` is where in the flow, ``impact:`` what stops when it is red."""

    INGEST = "step:ingest"
    RESOLVE = "step:resolve"
    PUSH = "step:push"
    AUDIT = "step:audit"
    DELIVER = "step:deliver"
    RELEASE = "step:release"
    REPORT = "step:report"
    RECONCILE = "step:reconcile"
    STOPS_ONE_PARTNER = "impact:one-partner"
    STOPS_EVERYTHING = "impact:everything"
    STOPS_REPORTS = "impact:reports"
    STOPS_NOTHING = "impact:proof-of-numbers"
    STOPS_HELD = "impact:held-corrections"
