"""``fieldfare wizard``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fieldfare.cli.command_line import command_line
from fieldfare.cli.errors import describe
from fieldfare.cli.options import DEFAULT_PLAN, DEFAULT_URL, Aliases, Cluster, PlanOut, Url, file_option
from fieldfare.cli.output import notice, show, show_json
from fieldfare.cli.plan import plan_document, plan_summary
from fieldfare.cli.session import Session
from fieldfare.cli.terminal import Console
from fieldfare.errors import ChangeBlocked, FieldfareError, Interrupted, PreconditionError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.hooks.manager import Plugins
    from fieldfare.patch import SchemaPatch
    from fieldfare.plan import MigrationPlan
    from fieldfare.server import Server
    from fieldfare.wizard import MakePlan

__all__ = ["wizard"]

DEFAULT_PATCH: Final = Path("schema_patch.yaml")


def wizard(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    index: Annotated[
        str | None, typer.Option(help="Name of the index, or an alias of it. Asked for if left out.", metavar="NAME")
    ] = None,
    patch: Annotated[Path | None, file_option("Start from this patch.")] = None,
    patch_out: Annotated[Path, file_option("Write the patch here.", is_output=True)] = DEFAULT_PATCH,
    plan_out: PlanOut = DEFAULT_PLAN,
    alias: Aliases = None,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
) -> None:
    """Build a patch and a plan by answering questions. Reads the server, changes nothing.

    Answers may be piped, one a line. Both files are written at the end, or none.
    """
    session = Session.of(context)
    if patch_out.resolve() == plan_out.resolve():
        raise UsageError("The patch and the plan cannot be the same file. Give --patch-out or --plan-out another name.")
    if patch_out.exists() and (patch is None or patch.resolve() != patch_out.resolve()):
        notice(f"{patch_out} exists, and will be replaced at the end. To start from it: --patch {patch_out}")
    from fieldfare.patch import load_patch  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time
    from fieldfare.server.inspect import read_snapshot  # noqa: PLC0415 - start-up time
    from fieldfare.wizard import run_wizard  # noqa: PLC0415 - start-up time

    aliases = tuple(alias or ())
    console = Console.open(json=session.json)
    initial_patch = None if patch is None else load_patch(patch)
    try:
        with connect(url, cluster=cluster) as server:
            name = index if index is not None else _ask_index(console, server)
            source = read_snapshot(server, name, aliases=aliases).definition
            make_plan = _planner(server, session.plugins, name, aliases)
            outcome = run_wizard(console, source, make_plan, initial_patch)
    except EOFError:
        raise UsageError("The answers ended before 'Finish' was chosen, so nothing was written.") from None
    except KeyboardInterrupt:
        again = command_line("wizard", index=index, patch=patch)
        raise Interrupted("Nothing was written.", resume=again) from None
    if not outcome.plan.claims:
        _show_nothing_to_do(session)
        return
    from fieldfare.plan.file import write_plan  # noqa: PLC0415 - start-up time

    _write_patch(outcome.patch, patch, patch_out)
    write_plan(outcome.plan, plan_out)
    _show_result(session, outcome.plan, patch_out.absolute(), plan_out.absolute())


def _planner(server: Server, plugins: Plugins, index: str, aliases: Sequence[str]) -> MakePlan:
    """Return a function that plans a patch for this index."""
    from redis.exceptions import RedisError  # noqa: PLC0415 - start-up time

    from fieldfare.api import MigrationPlanner  # noqa: PLC0415 - start-up time
    from fieldfare.wizard import document_of  # noqa: PLC0415 - start-up time

    planner = MigrationPlanner(plugins=plugins)

    def make_plan(patch: SchemaPatch) -> MigrationPlan:
        try:
            return planner.create_plan_from_patch(
                index, schema_patch=document_of(patch), server=server, aliases=aliases
            )
        except RedisError as error:
            raise FieldfareError(describe(error).message) from error

    return make_plan


def _ask_index(console: Console, server: Server) -> str:
    from fieldfare.server.inspect import list_user_indexes  # noqa: PLC0415 - start-up time
    from fieldfare.wizard import Dialogue  # noqa: PLC0415 - start-up time

    names = list_user_indexes(server)
    if not names:
        raise PreconditionError("There is no index on this server.")
    name = None
    while name is None:
        name = Dialogue(console).choose(
            "Indexes:", [(each, each) for each in names], "Select an index by number or name: ", str
        )
    return name


def _write_patch(new: SchemaPatch, path: Path | None, out: Path) -> None:
    from fieldfare.support.yamlfile import write_text  # noqa: PLC0415 - start-up time
    from fieldfare.wizard import document_of, revise, write_new  # noqa: PLC0415 - start-up time

    document = document_of(new)
    revised = None if path is None else revise(path.read_text(encoding="utf-8-sig"), document)
    if revised is None and path is not None:
        notice(f"The comments of {path} could not be kept.")
    write_text(out, revised or write_new(document))


def _show_result(session: Session, made: MigrationPlan, patch_path: Path, plan_path: Path) -> None:
    if session.json:
        show_json({"patch_path": str(patch_path), **plan_document(made, plan_path)})
    else:
        show("\n".join([f"Schema patch written to {patch_path}", *plan_summary(made, plan_path)]))
    if not made.supported:
        if not session.json:
            notice(f"Error: {ChangeBlocked(made.blocked_reasons)}")
        raise typer.Exit(ChangeBlocked.exit_code)


def _show_nothing_to_do(session: Session) -> None:
    if session.json:
        show_json({"patch_path": None, "plan_path": None, "plan": None})
    else:
        show("Nothing to do: the index matches the target. No file was written.")
