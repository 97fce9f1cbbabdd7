"""Finding, loading and asking plugins.

Our own plugins have no privilege: they come through the same entry point group as a stranger's. Only the
steps that every migration shares (drop, create, validate) are registered directly, under the name
``index``.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import pluggy
from attrs import define, field

from fieldfare import __version__, hookspecs
from fieldfare.errors import FieldfareError, HookContractBroken, PluginBroken, PluginConflict, PluginMissing
from fieldfare.markers import PROJECT

__all__ = ["BUILTIN", "Plugins", "load_plugins"]

BUILTIN: Final[Mapping[str, str]] = {"index": "fieldfare.engine.lifecycle"}
"""Plugins of the kernel itself: name → module."""


@define
class Plugins:
    """The loaded plugins of one process or one test; there is no global one.

    Attributes:
        manager: pluggy's.
        versions: name → version of the distribution that it came from.
        blocked: names that the user left out.
        broken: what could not be loaded; commands that need plugins refuse to run.
    """

    manager: pluggy.PluginManager
    versions: dict[str, str] = field(factory=dict)
    blocked: tuple[str, ...] = ()
    broken: tuple[PluginBroken | PluginConflict, ...] = ()
    _callers: dict[tuple[str, str], pluggy.HookCaller] = field(factory=dict, init=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The loaded plugins, sorted; those left out are not among them."""
        return tuple(sorted(name for name, plugin in self.manager.list_name_plugin() if plugin is not None))

    def register(self, plugin: object, name: str, version: str = "") -> None:
        """Add a plugin that is no entry point: an observer, or one under test.

        Raises:
            PluginConflict: the name is taken.
            PluginBroken: it implements a hook that does not exist.
        """
        if self.manager.has_plugin(name):
            raise PluginConflict(f"Two plugins are named {name!r}. Uninstall one of them.", [name])
        try:
            self.manager.register(plugin, name)
            self.manager.check_pending()
        except pluggy.PluginValidationError as error:
            self.manager.unregister(name=name)
            raise PluginBroken(name, str(error)) from error
        self.versions[name] = version
        self._callers.clear()

    def require_sound(self) -> None:
        """Refuse to go on with a plugin that could not be loaded.

        Raises:
            PluginBroken: the first of them.
            PluginConflict: two plugins share a name.
        """
        if self.broken:
            raise self.broken[0]

    def require(self, needed: Mapping[str, str]) -> tuple[str, ...]:
        """Check that the plugins of a plan are here.

        Returns:
            A warning for each that has another version than the plan knew.

        Raises:
            PluginMissing: with all that are missing.
        """
        missing = []
        for name, version in sorted(needed.items()):
            if name not in self.names:
                why = "it is left out with -p" if name in self.blocked else "it is not installed"
                missing.append(f"{name} {version}: {why}")
        if missing:
            raise PluginMissing(missing)
        return tuple(
            f"Plugin {name} is {self.versions[name]}; the plan was made with {version}."
            for name, version in sorted(needed.items())
            if self.versions[name] != version
        )

    def implementers(self, hook: str) -> tuple[str, ...]:
        """Return the plugins that implement a hook, sorted by name; wrappers do not count."""
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        return tuple(sorted({each.plugin_name for each in implementations if not (each.wrapper or each.hookwrapper)}))

    def ask(self, owner: str, hook: str, **arguments: Any) -> Any:
        """Call a hook of one plugin, and the wrappers of all.

        Returns:
            What the owner said; None if it does not implement the hook.

        Raises:
            FieldfareError: as the plugin raised it; so too with OSError and redis-py's errors: a server or a
                disk in trouble is not the plugin's fault.
            PluginBroken: the plugin raised anything else.
        """
        caller = self._callers.get((owner, hook))
        if caller is None:
            others = [self.manager.get_plugin(name) for name in self.implementers(hook) if name != owner]
            caller = self.manager.subset_hook_caller(hook, others)
            self._callers[owner, hook] = caller
        try:
            answer = caller(**arguments)
        except (FieldfareError, OSError):
            raise
        except Exception as error:
            if _is_from_redis(error):
                raise
            raise PluginBroken(owner, f"{hook} raised {type(error).__name__}: {error}") from error
        # pluggy wraps answers in a list, unless the hook stops at the first one
        if caller.spec is not None and caller.spec.opts["firstresult"]:
            return answer
        return answer[0] if answer else None

    def demand(self, owner: str, hook: str, kind: type | tuple[type, ...], **arguments: Any) -> Any:
        """Call a hook of one plugin that has to answer.

        Raises:
            HookContractBroken: no implementation, None, or an answer of another type.
        """
        if owner not in self.implementers(hook):
            raise HookContractBroken(owner, hook, "the plugin owns the step and does not implement the hook")
        answer = self.ask(owner, hook, **arguments)
        if not isinstance(answer, kind):
            raise HookContractBroken(owner, hook, f"it returned {answer!r}")
        return answer

    def ask_each(self, hook: str, **arguments: Any) -> list[tuple[str, Any]]:
        """Call a hook of every plugin, in order of their names.

        Returns:
            (plugin, answer) for each that did not answer None.
        """
        answers = [(name, self.ask(name, hook, **arguments)) for name in self.implementers(hook)]
        return [(name, answer) for name, answer in answers if answer is not None]


def load_plugins(*, blocked: Collection[str] = ()) -> Plugins:
    """Load the kernel's own plugin and every installed one, in order of their names.

    Args:
        blocked: names to leave out (``-p no:NAME``).

    Returns:
        The plugins; what could not be loaded stands in ``broken``.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager, blocked=tuple(sorted(blocked)))
    for name in plugins.blocked:
        manager.set_blocked(name)
    broken: list[PluginBroken | PluginConflict] = []
    for name, module in BUILTIN.items():
        plugins.register(importlib.import_module(module), name, __version__)
    for point in sorted(entry_points(group=PROJECT), key=lambda each: (each.name, each.value)):
        if point.name in plugins.blocked:
            continue
        try:
            plugins.register(_load(point), point.name, point.dist.version if point.dist else "")
        except (PluginBroken, PluginConflict) as error:
            broken.append(error)
    plugins.broken = tuple(broken)
    return plugins


def _is_from_redis(error: Exception) -> bool:
    from redis.exceptions import RedisError  # noqa: PLC0415 - start-up time

    return isinstance(error, RedisError)


def _load(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:
        raise PluginBroken(point.name, f"{point.value} cannot be imported ({type(error).__name__}: {error})") from error
