"""The reports of a run: step reports during the run, findings, and the migration report at its end. Data only.

``file`` writes a report as YAML and reads it; ``html`` makes pages of reports. A module is imported when one of its
names is first used: planning needs no report.
May import: ``plan`` and below. Must not know: hooks, how a run is carried out.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

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
    **dict.fromkeys(("Moment", "RunReport", "ShardMoment", "ShardReport", "StepReport"), "events"),
    **dict.fromkeys(("Finding", "Severity"), "findings"),
    **dict.fromkeys(("MigrationReport", "ReportedChange", "Result", "Timings", "Validation"), "model"),
}
"""Name → the module that defines it."""


def __dir__() -> list[str]:
    """Name what the package offers."""
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    """Import what has the name.

    Raises:
        AttributeError: nothing has it.
    """
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
