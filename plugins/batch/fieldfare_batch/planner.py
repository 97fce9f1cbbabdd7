"""``BatchMigrationPlanner``: makes a batch plan from a patch and a selection of indexes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from attrs import define

from fieldfare.api.planner import Planner
from fieldfare.api.server_argument import server_at
from fieldfare.changes import UpdateField
from fieldfare.engine.shadow.memory_shortage import memory_shortage
from fieldfare.errors import UsageError
from fieldfare.patch import SchemaPatch, load_patch, patch_from_dict, patch_to_dict
from fieldfare.patch.mode import DEFAULT_MODE, ModeName, mode_name
from fieldfare.plan import MigrationPlan
from fieldfare.plan.file import fingerprint, write_plan
from fieldfare.server import Server
from fieldfare.server.inspect import list_user_indexes
from fieldfare_batch.candidates import Candidate, CandidatePlanner
from fieldfare_batch.conflict import Conflict, find_conflict, require_distinct_targets
from fieldfare_batch.index_files import create_directory, index_file_stem
from fieldfare_batch.plan import BatchIndex, BatchPlan, FailurePolicy
from fieldfare_batch.plan_file import VERSION, write_batch_plan
from fieldfare_batch.selection import select_indexes
from fieldfare_batch.switch_step import has_switch
from fieldfare_batch.timestamp import utc_timestamp

if TYPE_CHECKING:
    from fieldfare.server.client_address import AnyClient

__all__ = ["BatchMigrationPlanner"]


class PlanOptions(TypedDict, total=False):
    """What :meth:`BatchMigrationPlanner.create_batch_plan` and ``create_group_plans`` take."""

    redis_url: str | None
    redis_client: AnyClient | None
    server: Server | None
    pattern: str | None
    indexes: Sequence[str] | None
    indexes_file: str | Path | None
    schema_patch_path: str | Path | None
    schema_patch: SchemaPatch | Mapping[str, Any] | None
    failure_policy: str
    plan_dir: str | Path
    strict_overlap: bool
    aliases: Sequence[str]
    mode: str | None
    logical_renames: bool


class BatchMigrationPlanner(Planner):
    """Makes batch plans.

    Args:
        plugins: the plugins that claim the changes; by default every installed plugin.
        min_recall: the required recall@10 of changed vectors, 0 to 1; predicted on a sample.
        accept_recall_loss: only warn about a lower recall.
        allow_document_expiry: plan to make an index TEMPORARY, whose documents Redis deletes with it.
        prefer: plugins that carry out a change which another plugin claims, too.

    Raises:
        UsageError: ``min_recall`` is not between 0 and 1.
    """

    def create_batch_plan(self, **options: Unpack[PlanOptions]) -> BatchPlan:
        """Plan many indexes with one patch, and write a plan for each index that the patch applies to.

        Args:
            redis_url: the server of the indexes.
            redis_client: a client of redis-py, instead of ``redis_url``; it stays open.
            server: an open connection of fieldfare, instead of both.
            pattern: a shell pattern for the names of the indexes: ``*_idx``.
            indexes: the names of the indexes, instead of a pattern.
            indexes_file: a file with their names, one per line, instead of both.
            schema_patch_path: the patch file.
            schema_patch: the patch itself, instead of its file.
            failure_policy: ``fail_fast`` (default) or ``continue_on_error``.
            plan_dir: the directory for the plans of the indexes, by default ``plans``; created if missing.
            strict_overlap: refuse indexes that share keys even if no document is rewritten.
            aliases: aliases of any of these indexes, to keep.
            mode: how to change each index: ``auto``, ``alter``, ``shadow`` or ``drop_recreate``; None for the one that
                the patch names, or ``drop_recreate``.
            logical_renames: rename fields in the indexes alone, also those for which the patch does not say so.

        Raises:
            UsageError: no patch or two, no indexes, an unknown policy, or a file that cannot be used.
            OverlappingIndexes: indexes that the patch applies to share keys; nothing was written.
            DuplicateIndexName: several indexes would get the same name; nothing was written.
            PreconditionError: no server, or no index matches the pattern.
            PluginError: no plugin, or more than one, claims a change.
        """
        draft, conflict = self._draft(**options)
        if conflict is not None:
            raise conflict.error()
        return draft.write(draft.candidates)

    def create_group_plans(self, **options: Unpack[PlanOptions]) -> tuple[BatchPlan, ...]:
        """Like :meth:`create_batch_plan`, but with one batch plan for each group of indexes that share no keys.

        Indexes that cannot be migrated while the other indexes exist are skipped, with the reason.

        Returns:
            The plans; one if there is no conflict. The first one holds the skipped indexes.

        Raises:
            OverlappingIndexes: there is no such group.
            FieldfareError: as :meth:`create_batch_plan`.
        """
        draft, conflict = self._draft(**options)
        if conflict is None:
            return (draft.write(draft.candidates),)
        if not conflict.groups:
            raise conflict.error()
        return draft.write_groups(conflict)

    def write_batch_plan(self, plan: BatchPlan, path: str | Path) -> None:
        """Write a batch plan file."""
        write_batch_plan(plan, Path(path))

    def _draft(  # noqa: PLR0913 - the signature of RedisVL's migration guide
        self,
        *,
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        pattern: str | None = None,
        indexes: Sequence[str] | None = None,
        indexes_file: str | Path | None = None,
        schema_patch_path: str | Path | None = None,
        schema_patch: SchemaPatch | Mapping[str, Any] | None = None,
        failure_policy: str = "fail_fast",
        plan_dir: str | Path = "plans",
        strict_overlap: bool = False,
        aliases: Sequence[str] = (),
        mode: str | None = None,
        logical_renames: bool = False,
    ) -> tuple[_Draft, Conflict | None]:
        patch = _patch(schema_patch_path, schema_patch)
        patch = patch.with_logical_renames() if logical_renames else patch
        chosen = patch.mode or DEFAULT_MODE if mode is None else mode_name(mode)
        policy = _policy(failure_policy)
        with server_at(server, redis_url, redis_client) as opened:
            live = list_user_indexes(opened) if pattern is not None else ()
            names = select_indexes(live, pattern=pattern, indexes=indexes, indexes_file=indexes_file)
            planner = CandidatePlanner(
                opened, self.plugins, patch, aliases=aliases, options=self.options_with(patch), mode=chosen
            )
            candidates = planner.plan(names)
            plans = [each.plan for each in candidates if each.plan is not None]
            conflict = find_conflict(planner, plans, strict=strict_overlap)
            built = [each.source for each in plans if has_switch(each)]
            lack = memory_shortage(opened, built) if len(built) > 1 else None
        if conflict is None:
            require_distinct_targets(plans)
        return _Draft(patch, chosen, policy, Path(plan_dir), candidates, lack), conflict


@define
class _Draft:
    """A batch plan before any file is written."""

    patch: SchemaPatch
    mode: ModeName
    policy: FailurePolicy
    plan_dir: Path
    candidates: tuple[Candidate, ...]
    memory_shortage: str | None = None

    def write_groups(self, conflict: Conflict) -> tuple[BatchPlan, ...]:
        candidates = [conflict.replanned.get(each.name, each) for each in self.candidates]
        skipped = [each for each in candidates if each.plan is None]
        groups = [[each for each in candidates if each.name in group] for group in map(set, conflict.groups)]
        for members in groups:
            require_distinct_targets(each.plan for each in members if each.plan is not None)
        return tuple(
            self.write([*members, *(skipped if number == 1 else ())], suffix=f"_{number}")
            for number, members in enumerate(groups, 1)
        )

    def write(self, candidates: Collection[Candidate], suffix: str = "") -> BatchPlan:
        """Write the plans of these indexes; ``suffix`` of the batch's name."""
        plans = [each.plan for each in candidates if each.plan is not None]
        warnings = Counter(line for plan in plans for line in plan.warnings)
        return BatchPlan(
            version=VERSION,
            batch_id=f"batch_{datetime.now(UTC):%Y%m%d_%H%M%S}{suffix}",
            mode=self.mode.value,
            failure_policy=self.policy,
            requires_quantization=any(map(_quantizes, plans)),
            shared_patch={"version": self.patch.version, "changes": patch_to_dict(self.patch)},
            warnings=tuple(filter(None, [] if suffix else [self.memory_shortage]))
            + tuple(f"{line} ({count} indexes)" if count > 1 else line for line, count in warnings.items()),
            indexes=tuple(map(self._index, candidates)),
            created_at=utc_timestamp(),
        )

    def _index(self, candidate: Candidate) -> BatchIndex:
        plan = candidate.plan
        if plan is None:
            return BatchIndex(candidate.name, applicable=False, skip_reason=candidate.reason)
        path = self.plan_dir.absolute() / f"{index_file_stem(plan.index)}.yaml"
        create_directory(path.parent)
        write_plan(plan, path)
        return BatchIndex(
            plan.index,
            applicable=True,
            plan_path=str(path),
            fingerprint=fingerprint(plan),
            documents=plan.source.stats.num_docs,
            rewrites_documents=plan.rewrites_documents,
            lossy=tuple(step.summary for step in plan.steps if step.lossy),
        )


def _quantizes(plan: MigrationPlan) -> bool:
    """Whether a plan converts vectors in documents."""
    datatypes = (isinstance(change, UpdateField) and change.attribute == "datatype" for change in plan.changes)
    return plan.rewrites_documents and any(datatypes)


def _patch(path: str | Path | None, patch: SchemaPatch | Mapping[str, Any] | None) -> SchemaPatch:
    if (path is None) == (patch is None):
        raise UsageError("Give exactly one of schema_patch_path and schema_patch. Nothing was written.")
    if path is not None:
        return load_patch(Path(path))
    return patch if isinstance(patch, SchemaPatch) else patch_from_dict(patch or {})


def _policy(name: str) -> FailurePolicy:
    try:
        return FailurePolicy(name)
    except ValueError:
        known = " or ".join(FailurePolicy)
        raise UsageError(f"failure_policy={name!r}: must be {known}. Nothing was written.") from None
