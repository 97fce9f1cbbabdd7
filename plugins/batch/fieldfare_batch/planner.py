"""``BatchMigrationPlanner``: from a patch and a choice of indexes to a batch plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack

from attrs import define

from fieldfare.api.arguments import server_at
from fieldfare.errors import FileError, UsageError
from fieldfare.patch import SchemaPatch, load_patch, patch_from_dict, patch_to_dict
from fieldfare.plan.file import fingerprint, write_plan
from fieldfare.plan_options import plan_options
from fieldfare.plugins import Plugins, load_plugins
from fieldfare.server import Server
from fieldfare.server.inspect import list_user_indexes
from fieldfare_batch.clock import now
from fieldfare_batch.conflict import Conflict, find_conflict, refuse_shared_targets
from fieldfare_batch.filename import file_stem
from fieldfare_batch.plan import BatchIndex, BatchPlan, FailurePolicy
from fieldfare_batch.plan_file import VERSION, write_batch_plan
from fieldfare_batch.selection import select
from fieldfare_batch.survey import Prospect, Survey, quantizes

__all__ = ["BatchMigrationPlanner"]

MODE: Final = "drop_recreate"


class PlanOptions(TypedDict, total=False):
    """What :meth:`BatchMigrationPlanner.create_batch_plan` takes."""

    redis_url: str | None
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


class BatchMigrationPlanner:
    """Makes batch plans.

    Args:
        plugins: who may claim changes; by default every installed plugin.
        min_recall: the least recall@10 that a change of vectors must keep, 0 to 1; predicted on a sample.
        accept_recall_loss: plan a change that keeps less all the same, with a warning.

    Raises:
        UsageError: ``min_recall`` is not between 0 and 1.
    """

    def __init__(
        self, *, plugins: Plugins | None = None, min_recall: float = 0.95, accept_recall_loss: bool = False
    ) -> None:
        self.plugins = plugins or load_plugins()
        self.options = plan_options(min_recall, accept_recall_loss=accept_recall_loss)

    def create_batch_plan(  # noqa: PLR0913 - the guide's signature
        self,
        *,
        redis_url: str | None = None,
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
    ) -> BatchPlan:
        """Plan many indexes with one patch, and write the plan of each one that it fits.

        Args:
            redis_url: where the indexes live.
            server: an open connection, in place of ``redis_url``.
            pattern: which indexes, as in a shell: ``*_idx``.
            indexes: or their names.
            indexes_file: or a file with their names, one a line.
            schema_patch_path: what to change.
            schema_patch: the same, in memory.
            failure_policy: ``fail_fast`` or ``continue_on_error``.
            plan_dir: where the plans of the indexes go; created if it is not there.
            strict_overlap: refuse indexes that share keys even where nothing is rewritten.
            aliases: of any of these indexes, to be kept.

        Raises:
            UsageError: no patch or two, no indexes, an unknown policy, or a file that cannot be used.
            OverlappingIndexes: indexes that the patch fits share keys; nothing was written.
            SharedTarget: several indexes would get the same name; nothing was written.
            PreconditionError: no server, or no index fits the pattern.
            PluginError: no plugin, or more than one, claims a change.
        """
        draft, conflict = self._draft(
            redis_url=redis_url,
            server=server,
            pattern=pattern,
            indexes=indexes,
            indexes_file=indexes_file,
            schema_patch_path=schema_patch_path,
            schema_patch=schema_patch,
            failure_policy=failure_policy,
            plan_dir=plan_dir,
            strict_overlap=strict_overlap,
            aliases=aliases,
        )
        if conflict is not None:
            raise conflict.error()
        return draft.write()

    def create_group_plans(self, **options: Unpack[PlanOptions]) -> tuple[BatchPlan, ...]:
        """Do as :meth:`create_batch_plan` does, with one batch plan for each group of indexes that share no keys.

        Indexes that cannot be migrated at all while the others are there are skipped, with the reason.

        Returns:
            The plans; one if nothing is in the way. Skipped indexes are in the first.

        Raises:
            OverlappingIndexes: there is no such group.
            FieldfareError: as :meth:`create_batch_plan`.
        """
        draft, conflict = self._draft(**options)
        if conflict is None:
            return (draft.write(),)
        if not conflict.groups:
            raise conflict.error()
        return draft.write_groups(conflict)

    def write_batch_plan(self, plan: BatchPlan, path: str | Path) -> None:
        """Write a batch plan file."""
        write_batch_plan(plan, Path(path))

    def _draft(self, **options: Unpack[PlanOptions]) -> tuple[_Draft, Conflict | None]:
        patch = _patch(options.get("schema_patch_path"), options.get("schema_patch"))
        policy = _policy(options.get("failure_policy", FailurePolicy.FAIL_FAST))
        with server_at(options.get("server"), options.get("redis_url")) as server:
            names = select(
                list_user_indexes(server),
                pattern=options.get("pattern"),
                indexes=options.get("indexes"),
                indexes_file=options.get("indexes_file"),
            )
            survey = Survey(server, self.plugins, patch, aliases=options.get("aliases", ()), options=self.options)
            prospects = survey.run(names)
            plans = [each.plan for each in prospects if each.plan is not None]
            conflict = find_conflict(survey, plans, strict=options.get("strict_overlap", False))
        if conflict is None:
            refuse_shared_targets(plans)
        return _Draft(patch, policy, Path(options.get("plan_dir", "plans")), prospects), conflict


@define
class _Draft:
    """A batch plan before anything of it is written."""

    patch: SchemaPatch
    policy: FailurePolicy
    plan_dir: Path
    prospects: tuple[Prospect, ...]

    def write(self) -> BatchPlan:
        return self._write(self.prospects)

    def write_groups(self, conflict: Conflict) -> tuple[BatchPlan, ...]:
        prospects = [conflict.alone.get(each.name, each) for each in self.prospects]
        refused = [each for each in prospects if each.plan is None]
        groups = [[each for each in prospects if each.name in group] for group in map(set, conflict.groups)]
        for members in groups:
            refuse_shared_targets(each.plan for each in members if each.plan is not None)
        return tuple(
            self._write([*members, *(refused if number == 1 else ())], suffix=f"_{number}")
            for number, members in enumerate(groups, 1)
        )

    def _write(self, prospects: Collection[Prospect], suffix: str = "") -> BatchPlan:
        plans = [each.plan for each in prospects if each.plan is not None]
        warnings = Counter(line for plan in plans for line in plan.warnings)
        return BatchPlan(
            version=VERSION,
            batch_id=f"batch_{datetime.now(UTC):%Y%m%d_%H%M%S}{suffix}",
            mode=MODE,
            failure_policy=self.policy,
            requires_quantization=any(map(quantizes, plans)),
            shared_patch={"version": self.patch.version, "changes": patch_to_dict(self.patch)},
            warnings=tuple(f"{line} ({count} indexes)" if count > 1 else line for line, count in warnings.items()),
            indexes=tuple(map(self._index, prospects)),
            created_at=now(),
        )

    def _index(self, prospect: Prospect) -> BatchIndex:
        plan = prospect.plan
        if plan is None:
            return BatchIndex(prospect.name, applicable=False, skip_reason=prospect.reason)
        path = self.plan_dir.absolute() / f"{file_stem(plan.index)}.yaml"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(path.parent, [error.strerror or str(error)]) from error
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
        raise UsageError(f"failure_policy={name!r}: it is {known}. Nothing was written.") from None
