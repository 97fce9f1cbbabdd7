"""The page with every command and option, from the commands themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import typer

from fieldfare.cli.app import PROGRAM, build_app
from fieldfare.cli.connection_options import OPTIONS as CONNECTION_OPTIONS
from fieldfare.hooks.manager import load_plugins

__all__ = ["command_reference", "other_plugins"]

KERNEL: Final = PROGRAM
COMPLETION: Final = ("install_completion", "show_completion")
SHARED: Final = ("url", *CONNECTION_OPTIONS)
"""Options that every command with a server has: they have a section of their own."""

INTRODUCTION: Final = f"""\
# Commands

Every command, its arguments and its options, as `{PROGRAM} COMMAND --help` shows them. The names in brackets are the
plugins that add a command. What a command ends with is in [Exit codes](../exit-codes.md).
"""

EPILOGUE_TITLE: Final = "Examples:"


def command_reference() -> str:
    """Return the page, in Markdown."""
    plugins = load_plugins(blocked=other_plugins())
    group: Any = typer.main.get_command(build_app(plugins))
    context = group.make_context(PROGRAM, [], resilient_parsing=True)
    parts = [INTRODUCTION, "## The program\n", *_options(group.params, context)]
    commands = [group.commands[name] for name in group.list_commands(context)]
    connected = next(command for command in commands if _shared(command))
    parts += [
        "## Which server?\n",
        "Every command that talks to a server takes these.\n",
        *_options(_shared(connected), context),
        "## All commands\n",
        *(f"- [`{PROGRAM} {command.name}`](#{PROGRAM}-{command.name}): {_summary(command)}" for command in commands),
        "",
    ]
    for command in commands:
        parts += _command(command, context)
    return "\n".join(parts)


def other_plugins() -> list[str]:
    """Return the names of the plugins that are installed here and not part of this distribution."""
    return [name for name, plugin in load_plugins().manager.list_name_plugin() if not _own(plugin)]


def _own(plugin: object) -> bool:
    name = getattr(plugin, "__name__", type(plugin).__module__)
    return name.partition(".")[0].partition("_")[0] == PROGRAM


def _command(command: Any, context: Any) -> Iterator[str]:
    plugin = _plugin(command)
    yield f"## `{PROGRAM} {command.name}` {{ #{PROGRAM}-{command.name} }}\n"
    yield f"{inspect.cleandoc(command.help or '')}{f' [{plugin}]' if plugin else ''}\n"
    examples = [line.strip() for line in (command.epilog or "").splitlines() if line.startswith(f"  {PROGRAM} ")]
    if examples:
        yield "\n".join(["```bash", *examples, "```\n"])
    shared = _shared(command)
    yield from _options([each for each in command.params if each not in shared], context)
    if shared:
        yield "And the options of [Which server?](#which-server)\n"


def _plugin(command: Any) -> str:
    """Return the name of the plugin that adds a command; nothing for those of the kernel."""
    package = inspect.unwrap(command.callback).__module__.partition(".")[0]
    return "" if package == KERNEL else package.removeprefix(f"{KERNEL}_")


def _summary(command: Any) -> str:
    return inspect.cleandoc(command.help or "").partition("\n\n")[0].replace("\n", " ")


def _shared(command: Any) -> list[Any]:
    """Return the options for the server; nothing if the command takes none."""
    found = [each for each in command.params if each.name in SHARED]
    return found if len(found) == len(SHARED) else []


def _options(parameters: Sequence[Any], context: Any) -> Iterator[str]:
    """Return the options as a list of definitions."""
    for each in parameters:
        record = each.get_help_record(context)
        if record and each.name not in COMPLETION:
            names, meaning = record
            yield f"`{names}`\n:   {_escaped(' '.join(meaning.split()))}\n"


def _escaped(text: str) -> str:
    """Return text in which Markdown finds no markup."""
    return re.sub(r"([\\`*_<>\[\]{}|])", r"\\\1", text)
