"""Patches, plans, reports and their parts, under the names of RedisVL's migrator."""

from __future__ import annotations

from fieldfare.definition.snapshot import Keyspace as KeyspaceSnapshot
from fieldfare.definition.snapshot import Snapshot as SourceSnapshot
from fieldfare.patch import FieldRename, FieldUpdate, SchemaPatch
from fieldfare.plan import Estimate as DiskSpaceEstimate
from fieldfare.plan import MigrationPlan
from fieldfare.plan.summary import DiffClassification, RenameOperations, ValidationPolicy
from fieldfare.report import MigrationReport
from fieldfare.report import Timings as MigrationTimings
from fieldfare.report import Validation as MigrationValidation
from fieldfare.report.redisvl_names import BackupLocation as MigrationBackupInfo
from fieldfare.report.redisvl_names import BenchmarkSummary as MigrationBenchmarkSummary
from fieldfare.report.redisvl_names import QueryCheck as QueryCheckResult

__all__ = [
    "DiffClassification",
    "DiskSpaceEstimate",
    "FieldRename",
    "FieldUpdate",
    "KeyspaceSnapshot",
    "MigrationBackupInfo",
    "MigrationBenchmarkSummary",
    "MigrationPlan",
    "MigrationReport",
    "MigrationTimings",
    "MigrationValidation",
    "QueryCheckResult",
    "RenameOperations",
    "SchemaPatch",
    "SourceSnapshot",
    "ValidationPolicy",
]
