"""The report at the end of a run: ``MigrationReport``. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from fieldfare.documents import Note
from fieldfare.plan import Estimate
from fieldfare.report.findings import Finding
from fieldfare.report.redisvl_names import ReportNames, TimingNames, ValidationNames
from fieldfare.report.timeline import Timeline

__all__ = [
    "MigrationReport",
    "ReportedChange",
    "Result",
    "Timings",
    "Validation",
]


class Result(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    NOTHING_TO_DO = "nothing_to_do"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


@frozen
class Timings(TimingNames):
    """Wall-clock seconds per activity; 0.0 for an activity that did not take place.

    Renames have theirs beside ``quantize``, which is all rewriting in one pass. ``throttled`` is what activities waited
    for the limits of the user; it is part of theirs.
    """

    enumerate_duration_seconds: float = 0.0
    dump_duration_seconds: float = 0.0
    drop_duration_seconds: float = 0.0
    quantize_duration_seconds: float = 0.0
    field_rename_duration_seconds: float = 0.0
    key_rename_duration_seconds: float = 0.0
    create_duration_seconds: float = 0.0
    index_duration_seconds: float = 0.0
    validate_duration_seconds: float = 0.0
    total_duration_seconds: float = 0.0
    downtime_duration_seconds: float = 0.0
    throttled_duration_seconds: float = 0.0


@frozen(hash=False)
class Validation(ValidationNames):
    """The findings, and the four booleans of RedisVL's migration guide.

    Attributes:
        findings: all of them, in order.
    """

    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no finding is fatal."""
        return not any(finding.fatal for finding in self.findings)

    def _named(self, name: str) -> bool:
        return all(finding.passed for finding in self.findings if finding.name == name)

    @property
    def schema_match(self) -> bool:
        """Whether the live definition is the target."""
        return self._named("schema")

    @property
    def doc_count_match(self) -> bool:
        """Whether the index has as many documents as before."""
        return self._named("document_count")

    @property
    def key_sample_exists(self) -> bool:
        """Whether the sampled keys still exist."""
        return self._named("key_sample")

    @property
    def indexing_failures_ok(self) -> bool:
        """Whether no more documents fail to index than before."""
        return self._named("indexing_failures")


@frozen(hash=False)
class ReportedChange:
    """A change of the plan, as a report repeats it.

    Attributes:
        summary: one line of text.
        plugin: the plugin that carries it out.
        rewrites_documents: whether document bytes are overwritten.
        lossy: whether information is lost.
        details: the details of the plugin's claim: facts and figures by title, the prediction of recall among them.
    """

    summary: str
    plugin: str
    rewrites_documents: bool = False
    lossy: bool = False
    details: Mapping[str, Any] = field(factory=dict)


@frozen(hash=False, repr=False)
class MigrationReport(ReportNames):
    """The outcome of a run.

    Attributes:
        index: the source index.
        target: the target index.
        result: how the run ended.
        started_at: UTC, ISO 8601.
        finished_at: UTC, ISO 8601.
        backup_dir: the resolved backup directory.
        backup_prefix: path of the backup files without their endings.
        timings: seconds per activity.
        validation: the findings.
        warnings: the warnings of the plan and of the run.
        notes: documents that were not converted as usual, with example keys.
        steps: step id → status, batches, documents, details, and seconds; rewrite steps run together,
            so that each has the seconds of all.
        memory: MiB ``before`` and ``after``: of the vectors, of the index without them, and of both (``memory_mb_*``);
            ``total_index_mb_*`` is the server's total, which leaves out the vectors on some servers.
        vectors: vector field of the live index → its ``previous_name``, ``datatype``, ``dims`` and
            ``distance_metric``, which its queries must match.
        latency: milliseconds that the server took to answer another connection: ``median_ms``, ``p99_ms`` and
            ``worst_ms``; and ``probes``, how often it was asked; empty if it was not.
        error: the error of a failed run.
        mode: the mode of the plan.
        rewrites_documents: whether the plan overwrites documents, whose originals are in the backup then.
        manual_actions: what to do next, one line each: the commands after a failed run.
        disk_space_estimate: the resources that the plan needs; None if no plugin knows them.
        changes: the changes of the plan.
        definition_diff: the lines of a unified diff of the schemas (YAML), before and after; empty if they are equal.
        timeline: when the activities took place.
    """

    index: str
    target: str
    result: Result
    started_at: str
    finished_at: str
    backup_dir: str
    backup_prefix: str
    timings: Timings = Timings()
    validation: Validation = Validation()
    warnings: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    steps: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    memory: Mapping[str, float] = field(factory=dict)
    vectors: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    latency: Mapping[str, float] = field(factory=dict)
    error: str | None = None
    mode: str = "drop_recreate"
    rewrites_documents: bool = False
    manual_actions: tuple[str, ...] = ()
    disk_space_estimate: Estimate | None = None
    changes: tuple[ReportedChange, ...] = ()
    definition_diff: tuple[str, ...] = ()
    timeline: Timeline = field(factory=Timeline)
    version: int = 1

    def __str__(self) -> str:
        """Return the text that ``fieldfare apply`` writes."""
        from fieldfare.report.text import report_text  # noqa: PLC0415 - start-up time

        return report_text(self)

    def __repr__(self) -> str:
        """Return one line."""
        from fieldfare.report.text import report_line  # noqa: PLC0415 - start-up time

        return f"<{type(self).__name__} {report_line(self)}>"

    def _repr_html_(self) -> str:
        """Return the text for a notebook."""
        from html import escape  # noqa: PLC0415 - start-up time

        return f"<pre>{escape(str(self))}</pre>"
