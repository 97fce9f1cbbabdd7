"""``fieldfare plugins``."""

from __future__ import annotations

from typing import Any

import typer

from fieldfare.cli.output import bullets, show, show_json, table
from fieldfare.cli.session import Session
from fieldfare.errors import PluginError
from fieldfare.hooks.manager import Plugins

__all__ = ["list_plugins"]


def list_plugins(context: typer.Context) -> None:
    """Show the plugins and what each can do."""
    session = Session.of(context)
    plugins = session.plugins
    loaded: list[dict[str, Any]] = [
        {
            "name": name,
            "version": plugins.versions.get(name, ""),
            "module": _module(plugins.manager.get_plugin(name)),
            "hooks": _hooks(plugins, name),
        }
        for name in plugins.names
    ]
    if session.json:
        broken = [str(fault) for fault in plugins.broken]
        show_json({"plugins": loaded, "blocked": list(plugins.blocked), "broken": broken})
    else:
        rows = [[each["name"], each["version"], each["module"], " ".join(each["hooks"])] for each in loaded]
        lines = [table(["Name", "Version", "Module", "Hooks"], rows)]
        lines += bullets("\nExcluded with -p:", plugins.blocked)
        show("\n".join(lines))
    if plugins.broken:
        raise typer.Exit(PluginError.exit_code)


def _module(plugin: object) -> str:
    return str(getattr(plugin, "__name__", type(plugin).__module__))


def _hooks(plugins: Plugins, name: str) -> list[str]:
    callers = plugins.manager.get_hookcallers(plugins.manager.get_plugin(name)) or []
    return sorted(caller.name.removeprefix("fieldfare_") for caller in callers)
