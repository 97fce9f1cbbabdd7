"""The names that RedisVL's migrator has for the parts of a report, beside ours.

Scripts that were written for its reports read these. Source: ``redisvl.migration.models``, RedisVL 0.28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from fieldfare.report.findings import Finding

__all__ = [
    "QUERY_CHECKS",
    "BackupLocation",
    "BenchmarkSummary",
    "QueryCheck",
    "ReportNames",
    "TimingNames",
    "ValidationNames",
]

QUERY_CHECKS: Final = ("fetch:", "key:", "query:")
"""Beginnings of the names of findings about the user's own checks: documents by id, keys, queries."""


@frozen
class BackupLocation:
    """Where the backup of a run is.

    Attributes:
        backup_dir: the resolved backup directory.
        backup_paths: the path of its originals without the endings of the files, as ``VectorBackup.load`` takes it;
            empty if no document was to be rewritten.
    """

    backup_dir: str
    backup_paths: list[str]


@frozen
class BenchmarkSummary:
    """Figures of a run; None if they are not known.

    Attributes:
        documents_indexed_per_second: documents in the target by the seconds of building it.
        source_index_size_mb: MiB of the source with its vectors.
        target_index_size_mb: MiB of the live index with its vectors.
        index_size_delta_mb: the difference; negative if the target is smaller.
    """

    documents_indexed_per_second: float | None = None
    source_index_size_mb: float | None = None
    target_index_size_mb: float | None = None
    index_size_delta_mb: float | None = None


@frozen
class QueryCheck:
    """The result of one of the user's own checks.

    Attributes:
        name: ``fetch:ID``, ``key:KEY`` or ``query:QUERY``.
        passed: whether it passed.
        details: one line of text.
    """

    name: str
    passed: bool
    details: str


class TimingNames:
    """Other names of the seconds of a run."""

    __slots__ = ()

    if TYPE_CHECKING:
        create_duration_seconds: float
        index_duration_seconds: float
        validate_duration_seconds: float
        total_duration_seconds: float

    @property
    def recreate_duration_seconds(self) -> float:
        """Seconds of FT.CREATE, aliases and synonyms."""
        return self.create_duration_seconds

    @property
    def initial_indexing_duration_seconds(self) -> float:
        """Seconds of building the index."""
        return self.index_duration_seconds

    @property
    def validation_duration_seconds(self) -> float:
        """Seconds of the validation."""
        return self.validate_duration_seconds

    @property
    def total_migration_duration_seconds(self) -> float:
        """Seconds of all of it."""
        return self.total_duration_seconds


class ValidationNames:
    """Other names of the findings."""

    __slots__ = ()

    if TYPE_CHECKING:
        findings: tuple[Finding, ...]

    @property
    def errors(self) -> list[str]:
        """One line for each finding that fails the run; empty if the validation passed."""
        return [f"{each.name}: {each.detail}" for each in self.findings if each.fatal]

    @property
    def query_checks(self) -> list[QueryCheck]:
        """The user's own checks."""
        return [
            QueryCheck(each.name, each.passed, each.detail)
            for each in self.findings
            if each.name.startswith(QUERY_CHECKS)
        ]

    @property
    def indexing_failures_delta(self) -> int:
        """How many more times documents failed to be indexed than before; negative if fewer."""
        data = next((each.data for each in self.findings if each.name == "indexing_failures"), {})
        return int(data.get("after", 0) - data.get("before", 0))


class ReportNames:
    """Other names of a report's facts."""

    __slots__ = ()

    if TYPE_CHECKING:
        index: str
        target: str
        backup_dir: str
        backup_prefix: str
        rewrites_documents: bool
        timings: TimingNames
        memory: Mapping[str, float]
        validation: ValidationNames

    @property
    def source_index(self) -> str:
        """The source index."""
        return self.index

    @property
    def target_index(self) -> str:
        """The target index."""
        return self.target

    @property
    def backup(self) -> BackupLocation | None:
        """Where the backup is; None for a validation without one."""
        if not self.backup_dir:
            return None
        return BackupLocation(self.backup_dir, [self.backup_prefix] if self.rewrites_documents else [])

    @property
    def benchmark_summary(self) -> BenchmarkSummary:
        """Figures of the run."""
        found = next((each.data for each in self.validation.findings if each.name == "document_count"), {}).get("found")
        seconds = self.timings.index_duration_seconds
        before, after = _size(self.memory, "before"), _size(self.memory, "after")
        return BenchmarkSummary(
            documents_indexed_per_second=round(found / seconds, 1) if found is not None and seconds else None,
            source_index_size_mb=before,
            target_index_size_mb=after,
            index_size_delta_mb=None if before is None or after is None else round(after - before, 3),
        )


def _size(memory: Mapping[str, float], moment: str) -> float | None:
    return memory.get(f"memory_mb_{moment}")
