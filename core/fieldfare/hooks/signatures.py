"""Checking the hooks of a plugin against the specifications: their names, and their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Final

import pluggy

from fieldfare.hooks import specs
from fieldfare.support.suggestion import suggestion

__all__ = ["find_signature_mistakes"]

HOOKS: Final = {
    name: tuple(inspect.signature(hook).parameters)
    for name, hook in sorted(vars(specs).items())
    if name.startswith("fieldfare_")
}
"""Hook → its arguments."""


def find_signature_mistakes(manager: pluggy.PluginManager, plugin: object) -> list[str]:
    """Return a line for each hook of a plugin that does not exist, or that takes an argument which it does not get."""
    return [mistake for name in dir(plugin) for mistake in _mistakes(manager, plugin, name)]


def _mistakes(manager: pluggy.PluginManager, plugin: object, name: str) -> Iterator[str]:
    options = manager.parse_hookimpl_opts(plugin, name)
    if options is None or options.get("optionalhook"):
        return
    hook = options.get("specname") or name
    if hook not in HOOKS:
        hint = suggestion(hook, HOOKS) or f". Hooks: {', '.join(HOOKS)}"
        yield f"there is no hook {hook}{hint}"
        return
    for parameter in inspect.signature(getattr(plugin, name)).parameters.values():
        is_passed = parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is parameter.empty
        if is_passed and parameter.name not in HOOKS[hook]:
            hint = suggestion(parameter.name, HOOKS[hook]).rstrip("?")
            right = ", ".join(HOOKS[hook])
            yield f"{hook} has no argument {parameter.name!r}{hint}. Its arguments are {right}"
