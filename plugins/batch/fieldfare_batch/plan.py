"""The batch plan: one patch, and which indexes it fits. Data only; ``plan_file`` reads and writes it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import frozen

__all__ = ["BatchIndex", "BatchPlan", "FailurePolicy"]


class FailurePolicy(StrEnum):
    """What the failure of one index means for those behind it."""

    FAIL_FAST = "fail_fast"
    CONTINUE_ON_ERROR = "continue_on_error"


@frozen
class BatchIndex:
    """One index of a batch.

    Attributes:
        name: its real name.
        applicable: whether the patch fits it.
        skip_reason: if not, why.
        plan_path: of its own migration plan.
        fingerprint: of that plan.
        documents: how many it has.
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
        version: of the file format.
        batch_id: names the batch; from the time at which it was planned.
        mode: of every migration: ``drop_recreate``.
        failure_policy: whether a failure stops the batch.
        requires_quantization: whether vectors in documents are converted.
        shared_patch: what a patch file holds.
        warnings: of all plans, each with the number of indexes that it is about.
        indexes: in the order in which they are migrated.
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
