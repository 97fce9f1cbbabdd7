"""``fieldfare wizard``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fieldfare.cli.command_line import command_line
from fieldfare.cli.options import DEFAULT_PLAN, DEFAULT_URL, Cluster, Url, file_option
from fieldfare.cli.output import notice, show, show_json
from fieldfare.cli.plan import apply_line, plan_document, plan_summary
from fieldfare.cli.plan_options import Aliases, Mode, PlanOut
from fieldfare.cli.session import Session
from fieldfare.cli.terminal import Console
from fieldfare.errors import ChangeBlocked, Interrupted, UsageError

if TYPE_CHECKING:
    from fieldfare.plan import MigrationPlan

__all__ = ["wizard"]

DEFAULT_PATCH: Final = Path("schema_patch.yaml")


def wizard(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    index: Annotated[
        str | None,
        typer.Option(
            "--index", "-i", help="Name of the index, or an alias of it. Default: ask for it.", metavar="NAME"
        ),
    ] = None,
    patch: Annotated[Path | None, file_option("Start from this patch.")] = None,
    patch_out: Annotated[Path, file_option("Write the patch here.", is_output=True)] = DEFAULT_PATCH,
    plan_out: PlanOut = DEFAULT_PLAN,
    target_schema_out: Annotated[
        Path | None, file_option("Write the schema after the migration here.", is_output=True)
    ] = None,
    alias: Aliases = None,
    mode: Mode = None,
    key_sample_limit: Annotated[
        int, typer.Option(help="How many keys to record for validation.", metavar="N", min=0)
    ] = 10,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
) -> None:
    """Build a patch and a plan by answering questions. Reads the server, changes nothing.

    Answers can be piped, one per line. The patch and the plan are written at the end; both of them, or none.
    """
    session = Session.of(context)
    if patch_out.exists() and (patch is None or patch.resolve() != patch_out.resolve()):
        notice(f"{patch_out} exists, and will be replaced at the end. To start from it: --patch {patch_out}")
    from fieldfare.api import MigrationPlanner  # noqa: PLC0415 - start-up time
    from fieldfare.cli.migration_wizard import MigrationWizard  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time

    dialogue = MigrationWizard(MigrationPlanner(plugins=session.plugins), Console.open(json=session.json))
    try:
        with connect(url, cluster=cluster) as server:
            made = dialogue.run(
                index_name=index,
                server=server,
                existing_patch_path=patch,
                plan_out=plan_out,
                patch_out=patch_out,
                target_schema_out=target_schema_out,
                aliases=tuple(alias or ()),
                key_sample_limit=key_sample_limit,
                mode=mode,
            )
    except EOFError:
        raise UsageError("The answers ended before 'Finish' was chosen, so nothing was written.") from None
    except KeyboardInterrupt:
        again = command_line("wizard", index=index, patch=patch)
        raise Interrupted("Nothing was written.", resume=again) from None
    if not made.claims:
        _show_nothing_to_do(session)
        return
    _show_result(session, made, patch_out.absolute(), plan_out.absolute())


def _show_result(session: Session, made: MigrationPlan, patch_path: Path, plan_path: Path) -> None:
    if session.json:
        show_json({"patch_path": str(patch_path), **plan_document(made, plan_path)})
    else:
        following = ["", apply_line(made, plan_path)] if made.supported else []
        show("\n".join([f"Schema patch written to {patch_path}", *plan_summary(made, plan_path), *following]))
    if not made.supported:
        if not session.json:
            notice(f"Error: {ChangeBlocked(made.blocked_reasons)}")
        raise typer.Exit(ChangeBlocked.exit_code)


def _show_nothing_to_do(session: Session) -> None:
    if session.json:
        show_json({"patch_path": None, "plan_path": None, "plan": None})
    else:
        show("Nothing to do: the index matches the target. No file was written.")
