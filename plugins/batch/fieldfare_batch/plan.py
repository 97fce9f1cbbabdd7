"""The batch plan: one patch, and the indexes that it applies to. Data only; ``plan_file`` reads and writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from fieldfare_batch.failure_policy import FailurePolicy

__all__ = ["BatchIndex", "BatchPlan", "FailurePolicy"]


@frozen
class BatchIndex:
    """One index of a batch.

    Attributes:
        name: its real name.
        applicable: whether the patch applies to it.
        skip_reason: why it does not.
        plan_path: the path of its own migration plan.
        fingerprint: the fingerprint of that plan.
        documents: its document count.
        rewrites_documents: whether document bytes are overwritten.
        lossy: the steps that lose information.
    """

    name: str
    applicable: bool
    skip_reason: str | None = None
    plan_path: str | None = None
    fingerprint: str | None = None
    documents: int = 0
    rewrites_documents: bool = False
    lossy: tuple[str, ...] = ()


@frozen(hash=False)
class BatchPlan:
    """A reviewed migration of many indexes.

    Attributes:
        version: the version of the file format.
        batch_id: name of the batch, made from the time of planning.
        mode: the requested mode of every migration.
        failure_policy: whether a failure stops the batch.
        requires_quantization: whether vectors in documents are converted.
        shared_patch: the content of the patch file.
        warnings: the warnings of all plans, each with the number of its indexes.
        indexes: all of them, in the order of migration.
        created_at: UTC, ISO 8601.
    """

    version: int
    batch_id: str
    mode: str
    failure_policy: FailurePolicy
    requires_quantization: bool
    shared_patch: Mapping[str, Any]
    warnings: tuple[str, ...]
    indexes: tuple[BatchIndex, ...]
    created_at: str

    @property
    def applicable(self) -> tuple[BatchIndex, ...]:
        """The indexes that are migrated."""
        return tuple(each for each in self.indexes if each.applicable)

    @property
    def is_unplanned(self) -> bool:
        """Whether its indexes have no plans yet: RedisVL made the batch plan."""
        return any(each.fingerprint is None for each in self.applicable)

    @property
    def applicable_count(self) -> int:
        """The number of indexes that are migrated."""
        return len(self.applicable)

    @property
    def skipped_count(self) -> int:
        """The number of indexes that are skipped."""
        return len(self.indexes) - len(self.applicable)
