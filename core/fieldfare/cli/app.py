"""The program: its commands, those of plugins, and its exit codes."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final, Literal, NoReturn

import typer
from attrs import evolve
from typer.core import TyperCommand

from fieldfare import __version__
from fieldfare.cli.arguments import Arguments, known_secrets, read_arguments
from fieldfare.cli.connection_options import with_connection_options
from fieldfare.cli.errors import INTERRUPTED, USAGE, report_error
from fieldfare.cli.help_text import Command, Group, fit_examples
from fieldfare.cli.output import notice, replace_closed_streams, show
from fieldfare.cli.plugin_commands import add_commands, load_command
from fieldfare.cli.process_title import mask_secrets
from fieldfare.cli.session import Session
from fieldfare.cli.telemetry import switch_on_telemetry
from fieldfare.errors import PluginBroken
from fieldfare.hooks.command_source import CommandSource
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.support.escape import UNSHOWABLE

__all__ = ["build_app", "main", "run"]

PROGRAM: Final = "fieldfare"
"""The name of the program in help and messages."""

BLAS_THREADS: Final = "OPENBLAS_NUM_THREADS"
"""How many threads numpy's matrix products use. More than one leave less of a small machine to the server."""

PROGRAM_OPTIONS: Final = (
    "You can also write the options of the program here (--json, -p no:NAME, -v, ...): see 'fieldfare --help'."
)

RENAMED_OPTIONS: Final = {"retry-for": "reconnect-timeout", "timeout": "index-timeout"}
"""Old name of an option → its name. Old names still work, and the help does not show them."""

COMMANDS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("list", "fieldfare.cli.indexes:list_indexes", ("fieldfare list --url redis://localhost:6379",)),
    (
        "info",
        "fieldfare.cli.info:info",
        ("fieldfare info --index products_idx", "fieldfare info --index products_idx --json"),
    ),
    (
        "wizard",
        "fieldfare.cli.wizard:wizard",
        (
            "fieldfare wizard --index products_idx",
            "fieldfare wizard --index products_idx --patch schema_patch.yaml < answers.txt",
        ),
    ),
    (
        "plan",
        "fieldfare.cli.plan:plan",
        (
            "fieldfare plan --index products_idx --schema-patch schema_patch.yaml",
            "fieldfare plan --index products_idx --target-schema schema.yaml --alias products --plan-out plan.yaml",
        ),
    ),
    ("show", "fieldfare.cli.show:show", ("fieldfare show migration_plan.yaml",)),
    ("estimate", "fieldfare.cli.estimate:estimate", ("fieldfare estimate --plan migration_plan.yaml --aof-enabled",)),
    (
        "apply",
        "fieldfare.cli.apply:apply",
        (
            "fieldfare apply --plan migration_plan.yaml --backup-dir ./migration_backups",
            "fieldfare apply --plan migration_plan.yaml --backup-dir ./migration_backups --report-out report.yaml",
        ),
    ),
    ("validate", "fieldfare.cli.validate:validate", ("fieldfare validate --plan migration_plan.yaml",)),
    (
        "compare",
        "fieldfare.cli.compare:compare",
        (
            "fieldfare compare --index products_idx --against products_v2 --query-check-file queries.yaml",
            "fieldfare compare --index products_idx --against products_v2 --min-overlap 0.95 --report-out report.yaml",
        ),
    ),
    (
        "doctor",
        "fieldfare.cli.doctor:doctor",
        (
            "fieldfare doctor --index products_idx",
            "fieldfare doctor --index products_idx --all --schema schema.yaml --fail-on warning",
        ),
    ),
    ("report", "fieldfare.cli.report:report", ("fieldfare report report.yaml -o report.html",)),
    ("status", "fieldfare.cli.status:status", ("fieldfare status --backup-dir ./migration_backups",)),
    ("switch", "fieldfare.cli.switch:switch", ("fieldfare switch --backup-dir ./migration_backups",)),
    (
        "sync",
        "fieldfare.cli.sync:sync",
        (
            "fieldfare sync --backup-dir ./migration_backups",
            "fieldfare sync --backup-dir ./migration_backups --watch",
        ),
    ),
    (
        "finalize",
        "fieldfare.cli.finalize:finalize",
        (
            "fieldfare finalize --backup-dir ./migration_backups",
            "fieldfare finalize --backup-dir ./migration_backups --index products --yes",
        ),
    ),
    (
        "throttle",
        "fieldfare.cli.throttle:throttle",
        (
            "fieldfare throttle --backup-dir ./migration_backups --max-rate 2000",
            "fieldfare throttle --backup-dir ./migration_backups --index products_idx --pause",
        ),
    ),
    (
        "rollback",
        "fieldfare.cli.rollback:rollback",
        (
            "fieldfare rollback --backup-dir ./migration_backups",
            "fieldfare rollback --backup-dir ./migration_backups --index products_idx --yes",
        ),
    ),
    ("cleanup", "fieldfare.cli.cleanup:cleanup", ("fieldfare cleanup --backup-dir ./migration_backups",)),
    ("plugins", "fieldfare.cli.plugins:list_plugins", ("fieldfare plugins", "fieldfare -p no:quantize plugins")),
    ("new-plugin", "fieldfare.cli.new_plugin:new_plugin", ("fieldfare new-plugin acme-mask",)),
    ("helper", "fieldfare.cli.helper:helper", ("fieldfare helper --url redis://localhost:6379",)),
    ("sandbox", "fieldfare.cli.sandbox:sandbox", ("fieldfare sandbox --data examples/wordnet",)),
    ("demo", "fieldfare.cli.demo:demo", ("fieldfare demo --data examples/wordnet",)),
)
"""Name, module and function, and examples of the kernel's commands, in the order of the help."""


def main() -> NoReturn:
    """Run the program on ``sys.argv`` and end the process."""
    os.environ.setdefault(BLAS_THREADS, "1")
    replace_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # names in Redis are bytes: what is not UTF-8 must not keep the rest from being shown
        stream.reconfigure(errors=UNSHOWABLE)  # type: ignore[union-attr]  # the real streams have it
    mask_secrets(known_secrets(sys.argv[1:]))
    code = run(sys.argv[1:])
    gc.freeze()  # as it ends, Python would look for garbage among all that was imported: a fifth of a short command
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return the exit code. Nothing is raised."""
    as_json, with_traceback = "--json" in arguments, "--traceback" in arguments
    try:
        return _run(read_arguments(arguments))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except BaseException as error:  # noqa: BLE001 - every error is reported in one way
        secrets = known_secrets(arguments)
        return report_error(error, as_json=as_json, with_traceback=with_traceback, secrets=secrets)


def build_app(plugins: Plugins, *, only: str | None = None) -> typer.Typer:
    """Build the command line: the kernel's commands, then those of plugins.

    Args:
        plugins: the plugins.
        only: the name of a command; if there is such a command, the others are left out, to start sooner.

    Raises:
        PluginBroken: a plugin has this command, and it cannot be imported.
    """
    app = typer.Typer(
        cls=Group,
        name=PROGRAM,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={
            "help_option_names": ["-h", "--help"],
            "max_content_width": 100,
            "token_normalize_func": lambda name: RENAMED_OPTIONS.get(name, name),
        },
    )
    app.callback(invoke_without_command=True)(program)
    kernel = {name for name, _, _ in COMMANDS}
    owners = add_commands(app, plugins, taken=kernel)
    of_plugins, app.registered_commands = app.registered_commands, []
    for name, place, examples in COMMANDS:
        app.command(name, epilog=_epilog(examples))(CommandSource(place))
    app.registered_commands += of_plugins
    if only is not None:
        alone = [each for each in app.registered_commands if each.name == only]
        app.registered_commands = alone or app.registered_commands
    for command in list(app.registered_commands):
        try:
            load_command(command, owners)
        except PluginBroken as broken:
            if command.name == only:
                raise
            app.registered_commands.remove(command)
            plugins.broken = (*plugins.broken, broken)
    for command in app.registered_commands:
        command.cls = Command if command.cls is TyperCommand else command.cls
        command.epilog = command.epilog and f"{fit_examples(command.epilog)}\n\n{PROGRAM_OPTIONS}"
        if command.callback is not None:
            command.callback = with_connection_options(command.callback)
    return app


def program(  # noqa: PLR0913 - the program's options
    context: typer.Context,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write one JSON document to stdout, also for errors.")
    ] = False,
    blocked: Annotated[
        list[str] | None,
        typer.Option(
            "-p", metavar="no:NAME", help="Do not use this plugin. Repeatable. After a command, -p NUMBER is the port."
        ),
    ] = None,
    verbose: Annotated[
        int,
        typer.Option("-v", "--verbose", count=True, show_default=False, help="Log more: -v info, -vv debug."),
    ] = 0,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"] | None, typer.Option(help="Log events of this level and above.")
    ] = None,
    log_format: Annotated[Literal["console", "json"], typer.Option(help="Format of the log on stderr.")] = "console",
    otel: Annotated[
        bool,
        typer.Option("--otel", help="Send spans and metrics with OpenTelemetry (default: to http://localhost:4318)."),
    ] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Change a live Redis Search index: its schema, its documents, its vectors.

    The commands in order: list, info, plan, show, apply, validate. To undo a migration: rollback.
    The options below may stand before or behind the command.
    """
    del as_json, blocked, traceback  # read before the command line was built
    if version:
        show(f"{PROGRAM} {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        notice(context.get_help())
        raise typer.Exit(USAGE)
    if otel:
        switch_on_telemetry(context.obj.plugins)
    level = log_level or ("warning", "info", "debug")[min(verbose, 2)]
    context.obj = evolve(context.obj, log_format=log_format, log_level=level)


def _run(arguments: Arguments) -> int:
    plugins = load_plugins(blocked=arguments.blocked)
    command = typer.main.get_command(build_app(plugins, only=arguments.command))
    session = Session(plugins, json=arguments.json, secrets=known_secrets(arguments.ordered))
    raised: BaseException | None = None
    try:
        result = command.main(args=list(arguments.ordered), prog_name=PROGRAM, standalone_mode=False, obj=session)
    except BaseException as error:
        raised = error
        raise
    finally:
        for fault in plugins.broken:
            if fault is not raised:  # it is about to be reported
                notice(f"Warning: {fault}")
    if result == INTERRUPTED:  # how typer reports Ctrl-C
        raise KeyboardInterrupt
    return result if isinstance(result, int) else 0


def _epilog(examples: Sequence[str]) -> str:
    lines = "\n".join(f"  {example}" for example in examples)
    return f"\b\nExamples:\n{lines}"
