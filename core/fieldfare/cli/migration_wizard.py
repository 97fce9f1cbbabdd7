"""``MigrationWizard``: builds a patch and a plan by asking questions on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from fieldfare.api import MigrationPlanner
from fieldfare.api.server_argument import server_at
from fieldfare.cli.errors import describe
from fieldfare.cli.output import notice
from fieldfare.cli.terminal import Console
from fieldfare.definition.schema import to_schema
from fieldfare.errors import FieldfareError, PreconditionError, UsageError
from fieldfare.patch import SchemaPatch, load_patch
from fieldfare.patch.mode import mode_name
from fieldfare.plan.file import write_plan
from fieldfare.server.inspect import list_user_indexes, read_snapshot
from fieldfare.support.yamlfile import write_text, write_yaml
from fieldfare.wizard import Dialogue, document_of, revise, run_wizard, write_new

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.plan import MigrationPlan
    from fieldfare.server import Server
    from fieldfare.server.client_address import AnyClient
    from fieldfare.wizard import MakePlan

__all__ = ["MigrationWizard"]


class MigrationWizard:
    """Builds a patch and a plan by asking questions on the terminal; answers may be piped, one a line.

    Args:
        planner: that makes the plan; by default one with every installed plugin.
        console: for questions and answers; by default the terminal.
    """

    def __init__(self, planner: MigrationPlanner | None = None, console: Console | None = None) -> None:
        self.planner = planner or MigrationPlanner()
        self.console = console or Console.open(json=False)

    def run(  # noqa: PLR0913 - RedisVL's signature, and more
        self,
        *,
        index_name: str | None = None,
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        existing_patch_path: str | Path | None = None,
        plan_out: str | Path = "migration_plan.yaml",
        patch_out: str | Path | None = None,
        target_schema_out: str | Path | None = None,
        aliases: Sequence[str] = (),
        key_sample_limit: int = 10,
        mode: str | None = None,
    ) -> MigrationPlan:
        """Ask what to change, and write the files; none if there is nothing to do.

        Args:
            index_name: the index, or an alias of it; asked for if left out.
            redis_url: the URL of the server.
            redis_client: or a client of that server, which stays open.
            server: an open connection of fieldfare, instead of both.
            existing_patch_path: a patch to start from.
            plan_out: the file for the plan.
            patch_out: the file for the patch; None for no file.
            target_schema_out: the file for the schema after the migration; None for no file.
            aliases: further aliases of the index, which the target index gets, too.
            key_sample_limit: how many keys to sample for the validation.
            mode: ``auto``, ``alter``, ``shadow`` or ``drop_recreate``, for the patch; None for the one that it names.

        Raises:
            UsageError: two of the files are the same, or a file cannot be used.
            PreconditionError: no server, or no index.
            EOFError: the answers ended before 'Finish' was chosen; nothing was written.
        """
        outputs = [Path(each).resolve() for each in (plan_out, patch_out, target_schema_out) if each is not None]
        if len(set(outputs)) < len(outputs):
            raise UsageError(
                "The patch, the plan and the target schema need different files: --patch-out, --plan-out, "
                "--target-schema-out."
            )
        patch_path = None if existing_patch_path is None else Path(existing_patch_path)
        initial = None if patch_path is None else load_patch(patch_path)
        if mode is not None:
            initial = evolve(initial or SchemaPatch(), mode=mode_name(mode))
        with server_at(server, redis_url, redis_client) as opened:
            name = index_name if index_name is not None else self._ask_index(opened)
            source = read_snapshot(opened, name, aliases=aliases).definition
            make_plan = self._make_plan(opened, name, aliases, key_sample_limit)
            outcome = run_wizard(self.console, source, make_plan, initial)
        if outcome.plan.claims:
            if patch_out is not None:
                _write_patch(outcome.patch, patch_path, Path(patch_out))
            if target_schema_out is not None:
                write_yaml(target_schema_out, to_schema(outcome.plan.target))
            write_plan(outcome.plan, plan_out)
        return outcome.plan

    def _make_plan(self, server: Server, index: str, aliases: Sequence[str], key_sample_limit: int) -> MakePlan:
        from redis.exceptions import RedisError  # noqa: PLC0415 - start-up time

        def make_plan(patch: SchemaPatch) -> MigrationPlan:
            try:
                return self.planner.create_plan_from_patch(
                    index,
                    schema_patch=document_of(patch),
                    server=server,
                    aliases=aliases,
                    key_sample_limit=key_sample_limit,
                )
            except RedisError as error:
                raise FieldfareError(describe(error).message) from error

        return make_plan

    def _ask_index(self, server: Server) -> str:
        names = list_user_indexes(server)
        if not names:
            raise PreconditionError("There is no index on this server.")
        name = None
        while name is None:
            name = Dialogue(self.console).choose(
                "Indexes:", [(each, each) for each in names], "Select an index by number or name: ", str
            )
        return name


def _write_patch(new: SchemaPatch, path: Path | None, out: Path) -> None:
    document = document_of(new)
    revised = None if path is None else revise(path.read_text(encoding="utf-8-sig"), document)
    if revised is None and path is not None:
        notice(f"The comments of {path} could not be kept.")
    write_text(out, revised or write_new(document))
