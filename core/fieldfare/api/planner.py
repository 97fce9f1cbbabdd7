"""Makes plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldfare.api.server_argument import server_at
from fieldfare.changes.diff import changes_from_patch, changes_from_schema
from fieldfare.definition import Snapshot
from fieldfare.errors import UsageError
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.patch import SchemaPatch, load_patch, patch_from_dict, patch_to_dict
from fieldfare.patch.mode import DEFAULT_MODE, mode_name
from fieldfare.plan import MigrationPlan
from fieldfare.plan.file import write_plan
from fieldfare.planning.options import plan_options, with_preferred
from fieldfare.planning.planner import make_plan, require_known
from fieldfare.server import Server
from fieldfare.server.inspect import read_snapshot

if TYPE_CHECKING:
    from fieldfare.server.client_address import AnyClient
    from fieldfare.storage import BackupPath

__all__ = ["MigrationPlanner", "Planner"]


class Planner:
    """Base class of the planners for one index and for many."""

    def __init__(  # noqa: PLR0913 - the choices of a plan
        self,
        *,
        plugins: Plugins | None = None,
        min_recall: float = 0.95,
        accept_recall_loss: bool = False,
        allow_document_expiry: bool = False,
        key_sample_limit: int = 10,
        prefer: Sequence[str] = (),
    ) -> None:
        self.key_sample_limit = key_sample_limit
        self.plugins = plugins or load_plugins()
        self.options = plan_options(
            min_recall,
            accept_recall_loss=accept_recall_loss,
            allow_document_expiry=allow_document_expiry,
            prefer=prefer,
        )

    def options_with(self, patch: SchemaPatch | None) -> dict[str, Any]:
        """Return the options, with the plugins that a patch prefers.

        Raises:
            UsageError: no plugin has one of the names.
        """
        return with_preferred(self.options, () if patch is None else patch.prefer, self.plugins.names)


class MigrationPlanner(Planner):
    """Makes plans.

    Args:
        plugins: the plugins that may claim changes; by default every installed plugin.
        min_recall: the required recall@10 of a change of vectors, 0 to 1; it is predicted from a sample.
        accept_recall_loss: plan changes below ``min_recall``, with a warning.
        allow_document_expiry: plan to make an index TEMPORARY, whose documents Redis deletes with it.
        key_sample_limit: how many keys to sample for the validation, if a call does not set it.
        prefer: plugins to use if another plugin claims the same change; the patch can name further ones.

    Raises:
        UsageError: ``min_recall`` is not between 0 and 1.
    """

    def create_plan(  # noqa: PLR0913 - the signature in RedisVL's migration guide
        self,
        index_name: str,
        *,
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        schema_patch_path: str | Path | None = None,
        target_schema_path: str | Path | None = None,
        schema_patch: SchemaPatch | Mapping[str, Any] | None = None,
        aliases: Sequence[str] = (),
        key_sample_limit: int | None = None,
        mode: str | None = None,
        logical_renames: bool = False,
    ) -> MigrationPlan:
        """Make a plan from a patch, in a file or in memory, or from a file with the whole target schema.

        Args:
            index_name: the index, or one of its aliases.
            redis_url: the URL of the server.
            redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
            server: an open connection of fieldfare, instead of both.
            schema_patch_path: the patch file.
            target_schema_path: the file with the target schema.
            schema_patch: the patch, or the content of a patch file as a mapping; give exactly one of the three.
            aliases: further aliases of the index, which the target index will also have.
            key_sample_limit: how many keys to sample for the validation; None for the planner's number.
            mode: ``auto``, ``alter``, ``shadow`` or ``drop_recreate``; None for the mode in the patch, or
                ``drop_recreate`` if it has none.
            logical_renames: rename all fields only in the index, also without ``logical: true`` in the patch.

        Raises:
            UsageError: none or more than one of the three is given, or a file cannot be used (with all its problems).
            PreconditionError: no server, no index, or an unsupported server.
            PluginError: no plugin, or more than one, claims a change.
        """
        if [schema_patch_path, target_schema_path, schema_patch].count(None) != 2:  # noqa: PLR2004 - of three
            raise UsageError(
                "Give exactly one of schema_patch_path, target_schema_path and schema_patch. Nothing was changed."
            )
        patch = schema_patch if schema_patch_path is None else load_patch(Path(schema_patch_path))
        if patch is not None:
            return self.create_plan_from_patch(
                index_name,
                schema_patch=patch,
                redis_url=redis_url,
                redis_client=redis_client,
                server=server,
                aliases=aliases,
                key_sample_limit=key_sample_limit,
                mode=mode,
                logical_renames=logical_renames,
            )
        chosen = DEFAULT_MODE if mode is None else mode_name(mode)
        from fieldfare.patch.target_schema import (  # noqa: PLC0415 - start-up time
            load_target_schema,
            with_unnamed_values,
        )

        target, content = load_target_schema(Path(str(target_schema_path)))
        with server_at(server, redis_url, redis_client) as opened:
            snapshot = self._read(opened, index_name, aliases, key_sample_limit)
            changes = changes_from_schema(snapshot.definition, with_unnamed_values(target, snapshot.definition))
            request, options = {"target_schema": content}, self.options_with(None)
            return make_plan(
                opened, self.plugins, snapshot, changes, request, options=options, name=index_name, mode=chosen
            )

    def create_plan_from_patch(  # noqa: PLR0913 - the signature in RedisVL's migration guide
        self,
        index_name: str,
        *,
        schema_patch: SchemaPatch | Mapping[str, Any],
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        aliases: Sequence[str] = (),
        key_sample_limit: int | None = None,
        mode: str | None = None,
        logical_renames: bool = False,
    ) -> MigrationPlan:
        """Make a plan from a patch in memory.

        Args:
            index_name: the index, or one of its aliases.
            schema_patch: the patch, or the content of a patch file as a mapping.
            redis_url: the URL of the server.
            redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
            server: an open connection of fieldfare, instead of both.
            aliases: further aliases of the index, which the target index will also have.
            key_sample_limit: how many keys to sample for the validation; None for the planner's number.
            mode: as for :meth:`create_plan`.
            logical_renames: as for :meth:`create_plan`.

        Raises:
            As :meth:`create_plan`.
        """
        patch = schema_patch if isinstance(schema_patch, SchemaPatch) else patch_from_dict(schema_patch)
        patch = patch.with_logical_renames() if logical_renames else patch
        chosen = patch.mode or DEFAULT_MODE if mode is None else mode_name(mode)
        with server_at(server, redis_url, redis_client) as opened:
            snapshot = self._read(opened, index_name, aliases, key_sample_limit)
            changes = changes_from_patch(snapshot.definition, patch)
            request, options = patch_to_dict(patch), self.options_with(patch)
            return make_plan(
                opened, self.plugins, snapshot, changes, request, options=options, name=index_name, mode=chosen
            )

    def _read(self, server: Server, index: str, aliases: Sequence[str], limit: int | None) -> Snapshot:
        limit = self.key_sample_limit if limit is None else limit
        snapshot = read_snapshot(server, index, aliases=aliases, key_sample_limit=limit)
        require_known(snapshot)  # before the names of a patch are looked for in it
        return snapshot

    def with_steps(
        self,
        plan: MigrationPlan,
        *,
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        backup_dir: BackupPath | str | None = None,
    ) -> MigrationPlan:
        """Add steps to a plan of RedisVL, planned for the live index; return any other plan unchanged.

        Args:
            plan: from :func:`load_migration_plan`.
            redis_url: the URL of the server.
            redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
            server: an open connection of fieldfare, instead of both.
            backup_dir: if this directory has a run of the plan, the plan gets the steps of that run.

        Raises:
            ChangeBlocked: the plan says that it cannot be applied.
            StalePlan: the live index is not the index that the plan was made for.
            FieldfareError: as :meth:`create_plan`.
        """
        from fieldfare.plan.redisvl import RedisVLPlan  # noqa: PLC0415 - start-up time

        if not isinstance(plan, RedisVLPlan):
            return plan
        from fieldfare.planning.redisvl import add_steps  # noqa: PLC0415 - start-up time

        with server_at(server, redis_url, redis_client) as opened:
            return add_steps(opened, self.plugins, plan, options=self.options, backup_dir=backup_dir)

    def write_plan(self, plan: MigrationPlan, plan_out: str | Path) -> None:
        """Write a plan file."""
        write_plan(plan, Path(plan_out))
