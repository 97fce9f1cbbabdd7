"""The reports of a run: step reports during the run, findings, and the migration report at its end. Data only.

``file`` writes a report as YAML and reads it; ``html`` makes pages of reports.
May import: ``plan`` and below. Must not know: hooks, how a run is carried out.
"""

from fieldfare.report.findings import Finding, Severity
from fieldfare.report.model import (
    MigrationReport,
    Moment,
    ReportedChange,
    Result,
    RunReport,
    ShardMoment,
    ShardReport,
    StepReport,
    Timings,
    Validation,
)

__all__ = [
    "Finding",
    "MigrationReport",
    "Moment",
    "ReportedChange",
    "Result",
    "RunReport",
    "Severity",
    "ShardMoment",
    "ShardReport",
    "StepReport",
    "Timings",
    "Validation",
]
