"""Batch plans and state files that RedisVL wrote (https://docs.redisvl.com, version 0.28).

They name the indexes and hold one patch. They have no plans of indexes: these are made when the batch is run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from fieldfare.backup.progress import RollbackStatus
from fieldfare.errors import PreconditionError
from fieldfare.support.structure import make_converter, structure
from fieldfare_batch.plan import BatchIndex, BatchPlan, FailurePolicy
from fieldfare_batch.state import BatchState, IndexState, Settings, Status

__all__ = [
    "NOTE",
    "is_redisvl_plan",
    "is_redisvl_state",
    "read_plan",
    "read_state",
    "with_batch_plan",
    "with_index_plans",
]

NOTE: Final = (
    "RedisVL wrote this batch plan. It has no plan for any index: each index is planned when the batch is run, with "
    "what the batch plan does not know, such as the aliases, the synonyms and the recall of an index"
)
CONVERTS_VECTORS: Final = ("Convert vectors, says RedisVL's batch plan ('requires_quantization')",)


@frozen
class RedisVLIndex:
    """An index in a batch plan of RedisVL."""

    name: str
    applicable: bool = True
    skip_reason: str | None = None


@frozen(hash=False)
class RedisVLPlan:
    """A batch plan of RedisVL."""

    version: int
    batch_id: str
    mode: str
    shared_patch: Mapping[str, Any]
    indexes: tuple[RedisVLIndex, ...]
    created_at: str
    failure_policy: FailurePolicy = FailurePolicy.FAIL_FAST
    requires_quantization: bool = False


@frozen
class RedisVLIndexState:
    """An index in a state file of RedisVL."""

    name: str
    status: Status
    started_at: str | None = None
    completed_at: str | None = None
    failed_at: str | None = None
    error: str | None = None
    report_path: str | None = None


@frozen
class RedisVLState:
    """A state file of RedisVL."""

    batch_id: str
    plan_path: str
    started_at: str
    updated_at: str
    backup_dir: str | None = None
    completed: tuple[RedisVLIndexState, ...] = ()
    current_index: str | None = None
    remaining: tuple[str, ...] = ()


_CONVERTER: Final = make_converter()


def is_redisvl_plan(data: Mapping[str, Any]) -> bool:
    """Whether RedisVL wrote a batch plan: ours has warnings, and a plan for each index that the patch applies to."""
    indexes = data.get("indexes")
    rows = [row for row in indexes if isinstance(row, dict)] if isinstance(indexes, list) else []
    return "shared_patch" in data and "warnings" not in data and not any("plan_path" in row for row in rows)


def is_redisvl_state(data: Mapping[str, Any]) -> bool:
    """Whether RedisVL wrote a state file: ours has one list of indexes."""
    return "remaining" in data and "indexes" not in data


def read_plan(data: Mapping[str, Any]) -> BatchPlan:
    """Read a batch plan of RedisVL.

    Raises:
        StructureError: it is none; with all problems.
    """
    plan = structure(_CONVERTER, data, RedisVLPlan)
    lossy = CONVERTS_VECTORS if plan.requires_quantization else ()
    return BatchPlan(
        version=plan.version,
        batch_id=plan.batch_id,
        mode=plan.mode,
        failure_policy=plan.failure_policy,
        requires_quantization=plan.requires_quantization,
        shared_patch=plan.shared_patch,
        warnings=(NOTE,),
        indexes=tuple(
            BatchIndex(each.name, each.applicable, each.skip_reason, lossy=lossy if each.applicable else ())
            for each in plan.indexes
        ),
        created_at=plan.created_at,
    )


def read_state(data: Mapping[str, Any], *, version: int, report_dir: Path) -> BatchState:
    """Read a state file of RedisVL.

    The index that RedisVL was migrating when it stopped is ``in_progress``. Paths are made absolute. RedisVL does
    not record the directory of reports, nor the failure policy, which is in the batch plan.

    Args:
        data: the content of the file.
        version: the version of our own file format.
        report_dir: the directory for the reports of indexes.

    Raises:
        StructureError: it is none; with all problems.
    """
    state = structure(_CONVERTER, data, RedisVLState)
    ended = [
        IndexState(
            each.name,
            each.status,
            reason=each.error,
            exit_code=PreconditionError.exit_code if each.status is Status.FAILED else None,
            started_at=each.started_at,
            finished_at=each.completed_at or each.failed_at,
            report_path=each.report_path,
        )
        for each in state.completed
    ]
    left = [
        IndexState(name, Status.IN_PROGRESS if name == state.current_index else Status.PENDING)
        for name in state.remaining
    ]
    return BatchState(
        version=version,
        batch_id=state.batch_id,
        failure_policy=FailurePolicy.FAIL_FAST,
        backup_dir=str(Path(state.backup_dir).absolute()) if state.backup_dir else "",
        report_dir=str(report_dir.absolute()),
        rollback=RollbackStatus.NONE,
        started_at=state.started_at,
        updated_at=state.updated_at,
        elapsed_seconds=0.0,
        settings=Settings(),
        indexes=(*ended, *left),
        plan_path=str(Path(state.plan_path).absolute()) if state.plan_path.strip() else "",
    )


def with_batch_plan(state: BatchState, plan: BatchPlan) -> BatchState:
    """Return a state with the plans of its batch plan, where it has none."""
    entries = {each.name: each for each in plan.indexes}

    def complete(index: IndexState) -> IndexState:
        entry = entries.get(index.name)
        if entry is None or index.fingerprint is not None or index.status in {Status.SUCCESS, Status.SKIPPED}:
            return index
        return evolve(index, plan_path=entry.plan_path, fingerprint=entry.fingerprint, lossy=entry.lossy)

    known = {each.name for each in state.indexes}
    skipped = [
        IndexState(each.name, Status.SKIPPED, reason=each.skip_reason or "excluded in the batch plan")
        for each in plan.indexes
        if not each.applicable and each.name not in known
    ]
    return evolve(state, failure_policy=plan.failure_policy, indexes=(*map(complete, state.indexes), *skipped))


def with_index_plans(state: BatchState, made: Sequence[BatchIndex], nothing_to_do: str) -> BatchState:
    """Return a state with the plans that were made for its indexes.

    An index that cannot be planned has failed; one that has nothing to do is skipped.

    Args:
        state: the state of the batch.
        made: the indexes that were planned.
        nothing_to_do: the reason of an index that has nothing to do.
    """
    entries = {each.name: each for each in made}

    def complete(index: IndexState) -> IndexState:
        entry = entries.get(index.name)
        if entry is None:
            return index
        if entry.applicable:
            return evolve(index, plan_path=entry.plan_path, fingerprint=entry.fingerprint, lossy=entry.lossy)
        if entry.skip_reason == nothing_to_do:
            return evolve(index, status=Status.SKIPPED, reason=nothing_to_do)
        interrupted = (
            "RedisVL was interrupted while it migrated this index. " if index.status is Status.IN_PROGRESS else ""
        )
        return evolve(
            index,
            status=Status.FAILED,
            reason=f"{interrupted}{entry.skip_reason}",
            exit_code=PreconditionError.exit_code,
        )

    return evolve(state, indexes=tuple(map(complete, state.indexes)))
