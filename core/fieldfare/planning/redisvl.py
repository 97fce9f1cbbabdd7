"""Makes the steps of a plan that RedisVL wrote, and completes its target for a validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from fieldfare.backup import backup_file, backup_prefix
from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RollbackStatus
from fieldfare.changes.diff import changes_from_patch
from fieldfare.errors import ChangeBlocked, IndexNotFound, PlanEdited, StalePlan
from fieldfare.hooks.manager import Plugins
from fieldfare.patch import patch_from_dict
from fieldfare.plan import MigrationPlan
from fieldfare.plan.redisvl import NOTE, RedisVLPlan
from fieldfare.planning.planner import make_plan
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition, read_snapshot
from fieldfare.storage import BackupPath

__all__ = ["add_steps", "with_live_target"]


def add_steps(
    server: Server,
    plugins: Plugins,
    plan: RedisVLPlan,
    *,
    options: Mapping[str, Any],
    backup_dir: BackupPath | str | None = None,
) -> MigrationPlan:
    """Return the plan with steps: those of its run in the backup directory, or new ones for the live index.

    Raises:
        ChangeBlocked: RedisVL blocked it.
        StalePlan: the live index is not the one that RedisVL planned for.
        PlanEdited: RedisVL's target does not follow from its changes.
        BackupUnusable: the journal of an earlier run is damaged.
    """
    if not plan.supported:
        raise ChangeBlocked(plan.blocked_reasons)
    earlier = _earlier_plan(plan, backup_dir)
    if earlier is not None:
        return earlier
    snapshot = read_snapshot(server, plan.index, key_sample_limit=max(len(plan.source.key_sample), 1))
    differences = plan.source_schema.differences(snapshot.definition)
    if differences:
        raise StalePlan(plan.index, differences)
    changes = changes_from_patch(snapshot.definition, patch_from_dict({"version": 1, "changes": plan.patch}))
    made = make_plan(server, plugins, snapshot, changes, plan.patch, options=options)
    differences = plan.target_schema.differences(made.target)
    if differences:
        raise PlanEdited(
            f"for {plan.index!r}", f"merged_target_schema does not follow from requested_changes: {differences[0]}"
        )
    return evolve(made, warnings=(NOTE, *made.warnings))


def with_live_target(
    server: Server, plan: MigrationPlan, *, backup_dir: BackupPath | str | None = None
) -> MigrationPlan:
    """Return a plan whose target can be compared with the live index.

    The target of a plan that RedisVL wrote lacks what RedisVL does not know; that is taken from the run in the backup
    directory, or from the live index. Any other plan is returned as it is.
    """
    if not isinstance(plan, RedisVLPlan):
        return plan
    earlier = _earlier_plan(plan, backup_dir)
    if earlier is not None:
        return earlier
    try:
        live = read_definition(server, plan.target.name)
    except IndexNotFound:
        return plan
    return evolve(plan, target=plan.target_schema.completed(live))


def _earlier_plan(plan: RedisVLPlan, backup_dir: BackupPath | str | None) -> MigrationPlan | None:
    """Return the plan of an earlier run, unless it was another one or was rolled back."""
    header = None if backup_dir is None else backup_file(backup_prefix(backup_dir, plan.index), "header")
    if header is None or not header.exists():
        return None
    journal = Journal.load(header)
    earlier = journal.plan
    is_other = earlier.patch != plan.patch or plan.source_schema.differences(earlier.source.definition)
    return None if is_other or journal.progress.undo is RollbackStatus.DONE else earlier
