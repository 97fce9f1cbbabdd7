"""The reports of a run: step reports during the run, findings, and the migration report at its end. Data only.

``file`` writes a report as YAML and reads it; ``html`` makes pages of reports. A module is imported when one of its
names is first used: planning needs no report.
May import: ``plan`` and below. Must not know: hooks, how a run is carried out.
"""

from typing import TYPE_CHECKING, Final

from fieldfare.support.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from fieldfare.report.events import Moment, RunReport, ShardMoment, ShardReport, StepReport
    from fieldfare.report.findings import Finding, Severity
    from fieldfare.report.model import MigrationReport, ReportedChange, Result, Timings, Validation

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

HOMES: Final = {
    **dict.fromkeys(("Moment", "RunReport", "ShardMoment", "ShardReport", "StepReport"), "fieldfare.report.events"),
    **dict.fromkeys(("Finding", "Severity"), "fieldfare.report.findings"),
    **dict.fromkeys(("MigrationReport", "ReportedChange", "Result", "Timings", "Validation"), "fieldfare.report.model"),
}
"""Name → the module that defines it."""


def __dir__() -> list[str]:
    """Name what the package offers."""
    return sorted(__all__)


__getattr__ = lazy_exports(__name__, HOMES)
