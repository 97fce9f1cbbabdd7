"""The reports of a run: those during the run, and ``MigrationReport`` at its end. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from html import escape
from typing import Any

from attrs import field, frozen

from fieldfare.documents import Note
from fieldfare.plan import Estimate
from fieldfare.report.findings import Finding
from fieldfare.report.redisvl_names import ReportNames, TimingNames, ValidationNames
from fieldfare.report.timeline import Timeline

__all__ = [
    "MigrationReport",
    "Moment",
    "ReportedChange",
    "Result",
    "RunReport",
    "ShardMoment",
    "ShardReport",
    "StepReport",
    "Timings",
    "Validation",
]


class Moment(StrEnum):
    """The event that a step report or a run report is about."""

    STARTED = "started"
    PROGRESS = "progress"
    STALLED = "stalled"  # no progress for a while; ``error`` says what was seen
    FINISHED = "finished"
    SKIPPED = "skipped"  # found done by an earlier run
    FAILED = "failed"


@frozen(hash=False)
class StepReport:
    """An event during a run.

    Attributes:
        index: the index's real name.
        activity: ``enumerate``, ``dump``, ``drop``, ``rewrite``, ``create``, ``index``, ``validate``, ``restore``, or
            the kind of a plugin's own step.
        moment: started, progress, stalled, finished, skipped or failed.
        step: the step's id; "" for an activity that is not a step.
        title: one line of text: ``Back up originals``.
        documents_done: documents processed so far.
        documents_total: documents in all; 0 if it is not known.
        seconds: since the activity started.
        error: the error of a failed activity; what was seen of a stalled one.
        unavailable_since: since when the index cannot be queried, in seconds since the epoch; None while it answers.
        throttled_seconds: how long the run has waited because of the user's limits, in all attempts together.
    """

    index: str
    activity: str
    moment: Moment
    step: str = ""
    title: str = ""
    documents_done: int = 0
    documents_total: int = 0
    seconds: float = 0.0
    error: str | None = None
    unavailable_since: float | None = None
    throttled_seconds: float = 0.0


@frozen(hash=False)
class RunReport:
    """An event of a whole run: it starts or ends, or ``sync --watch`` says how far it is behind.

    Attributes:
        index: the index's real name.
        target: the name of the index after the migration.
        command: ``apply`` (also for ``switch``), ``rollback``, ``finalize`` or ``sync``.
        moment: started, progress (only ``sync --watch``), finished or failed.
        mode: the mode of the plan.
        plan_fingerprint: the SHA-256 of the plan.
        seconds: since the command started.
        throttled_seconds: how long this command has waited because of the user's limits.
        unavailable_seconds: how long the index could not be queried during this command.
        error: the class of the exception if the run failed, without its text.
        lag_keys: keys that applications have changed and ``sync --watch`` has not checked yet; None for other reports.
        lag_seconds: seconds since the server reported the first of these keys; None for other reports.
    """

    index: str
    target: str
    command: str
    moment: Moment
    mode: str
    plan_fingerprint: str
    seconds: float = 0.0
    throttled_seconds: float = 0.0
    unavailable_seconds: float = 0.0
    error: str | None = None
    lag_keys: int | None = None
    lag_seconds: float | None = None


class ShardMoment(StrEnum):
    """How an attempt at a shard ended."""

    FINISHED = "finished"
    STOPPED = "stopped"  # after a batch, because the run stops, or the lock was lost
    FAILED = "failed"  # ``error`` names the class of the exception
    LOST = "lost"  # its worker ended, or lost its network
    SUPERSEDED = "superseded"  # another attempt had finished the shard


@frozen(hash=False)
class ShardReport:
    """One attempt of a worker in another process at one shard, at its end.

    Attributes:
        index: the index's real name.
        activity: the activity that the shard is part of, as in :class:`StepReport`.
        shard: its number, from 0.
        moment: how the attempt ended.
        worker: host and process; "" if they are not known.
        documents: how many documents the worker has looked at.
        seconds: how long it worked; of a lost one, since it was given the shard.
        error: the class of the exception of an attempt that failed, without its text.
    """

    index: str
    activity: str
    shard: int
    moment: ShardMoment
    worker: str = ""
    documents: int = 0
    seconds: float = 0.0
    error: str | None = None


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
        return f"<pre>{escape(str(self))}</pre>"
