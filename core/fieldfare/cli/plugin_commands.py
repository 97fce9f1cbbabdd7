"""The commands of plugins, and functions of commands that are imported when they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import typer
from typer.models import CommandInfo

from fieldfare.errors import PluginBroken
from fieldfare.hooks.command_source import CommandSource
from fieldfare.hooks.manager import Plugins

__all__ = ["add_commands", "load_command"]


def add_commands(app: typer.Typer, plugins: Plugins, *, taken: AbstractSet[str]) -> dict[str | None, str]:
    """Let every plugin add its commands; one that fails, or takes a name that exists, counts as broken.

    Returns:
        The plugin of each command.
    """
    owners: dict[str | None, str] = {}
    implementations = plugins.manager.hook.fieldfare_add_commands.get_hookimpls()
    for each in sorted(implementations, key=lambda implementation: implementation.plugin_name):
        before = len(app.registered_commands)
        others = taken | {command.name for command in app.registered_commands}
        fault = ""
        try:
            each.function(**dict.fromkeys(each.argnames, app))
            duplicates = others & {command.name for command in app.registered_commands[before:]}
            if duplicates:
                fault = f"the command {min(map(str, duplicates))!r} exists already"
        except Exception as error:  # noqa: BLE001 - an error of a plugin breaks only that plugin
            fault = f"{type(error).__name__}: {error}"
        if fault:
            del app.registered_commands[before:]
            broken = PluginBroken(each.plugin_name, f"it cannot add its commands ({fault})")
            plugins.broken = (*plugins.broken, broken)
        owners |= {command.name: each.plugin_name for command in app.registered_commands[before:]}
    return owners


def load_command(command: CommandInfo, owners: Mapping[str | None, str]) -> None:
    """Import the function of a command.

    Raises:
        PluginBroken: it is a plugin's, and cannot be imported.
    """
    if not isinstance(command.callback, CommandSource):
        return
    try:
        command.callback = command.callback.load()
    except Exception as error:
        if command.name not in owners:
            raise
        fault = f"its command {command.name!r} cannot be imported ({type(error).__name__}: {error})"
        raise PluginBroken(owners[command.name], fault) from error
