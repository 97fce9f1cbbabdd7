"""Finds, loads and calls plugins.

The plugins of this repository have no privilege: they are found through the same entry point group as third-party
plugins. Only the steps that every migration shares (drop, create, validate) are registered directly, under the name
``index``.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from typing import Any, Final

import pluggy
from attrs import define, field

from fieldfare import __version__
from fieldfare.errors import (
    FieldfareError,
    InvalidBatch,
    InvalidHookResult,
    PluginBroken,
    PluginConflict,
    PluginMissing,
    UsageError,
)
from fieldfare.hooks import specs
from fieldfare.hooks.installed import installed_plugins
from fieldfare.hooks.markers import PROJECT
from fieldfare.hooks.signatures import find_signature_mistakes
from fieldfare.plan import Estimate, MigrationPlan
from fieldfare.support.error_text import describe_exception, describe_result
from fieldfare.support.suggestion import suggestion

__all__ = ["BUILTIN", "Plugins", "load_plugins"]

BUILTIN: Final[Mapping[str, str]] = {"index": "fieldfare.engine.index_plugin"}
"""Plugins of the kernel itself: name → module."""


@define
class Plugins:
    """The loaded plugins of one process or one test; there is no global one.

    Attributes:
        manager: pluggy's.
        versions: plugin name → version of its distribution.
        blocked: names that the user excluded.
        broken: one error for each plugin that could not be loaded; commands that need plugins refuse to run.
    """

    manager: pluggy.PluginManager
    versions: dict[str, str] = field(factory=dict)
    blocked: tuple[str, ...] = ()
    broken: tuple[PluginBroken | PluginConflict, ...] = ()
    _callers: dict[tuple[str, str], pluggy.HookCaller] = field(factory=dict, init=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the loaded plugins, sorted; without excluded ones."""
        return tuple(sorted(name for name, plugin in self.manager.list_name_plugin() if plugin is not None))

    def register(self, plugin: object, name: str, version: str = "") -> None:
        """Add a plugin that has no entry point: an observer, or a plugin under test.

        Raises:
            PluginConflict: another plugin has this name.
            PluginBroken: it implements a hook that does not exist, or with arguments that the hook does not have.
        """
        if self.manager.has_plugin(name):
            raise PluginConflict(f"Two plugins are named {name!r}. Uninstall one of them.", [name])
        try:
            self.manager.register(plugin, name)
            self.manager.check_pending()
        except pluggy.PluginValidationError as error:
            self.manager.unregister(name=name)
            mistakes = find_signature_mistakes(self.manager, plugin)
            raise PluginBroken(name, "; ".join(mistakes) or str(error)) from error
        self.versions[name] = version
        self._callers.clear()

    def raise_if_broken(self) -> None:
        """Raise the first error of :attr:`broken`, if there is one.

        Raises:
            PluginBroken: a plugin could not be loaded.
            PluginConflict: two plugins have the same name.
        """
        if self.broken:
            raise self.broken[0]

    def require(self, needed: Mapping[str, str]) -> tuple[str, ...]:
        """Check that the plugins of a plan are loaded.

        Returns:
            A warning for each plugin whose version differs from the plan's.

        Raises:
            PluginMissing: with all plugins that are missing.
        """
        missing = []
        for name, version in sorted(needed.items()):
            if name not in self.names:
                why = "it is excluded with -p" if name in self.blocked else "it is not installed"
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

    def call(self, owner: str, hook: str, **arguments: Any) -> Any:
        """Call a hook of one plugin, and the hook wrappers of all plugins.

        Returns:
            The result of the owner; None if it does not implement the hook.

        Raises:
            FieldfareError: raised by the plugin. OSError and redis-py's errors pass unchanged, too, because a failing
                server or disk does not mean that the plugin is broken.
            PluginBroken: the plugin raised another exception.
        """
        caller = self._callers.get((owner, hook))
        if caller is None:
            others = [self.manager.get_plugin(name) for name in self.implementers(hook) if name != owner]
            caller = self.manager.subset_hook_caller(hook, others)
            self._callers[owner, hook] = caller
        with naming(owner, hook):
            result = caller(**arguments)
        # pluggy returns a list of results, unless the hook is a firstresult hook
        if caller.spec is not None and caller.spec.opts["firstresult"]:
            return result
        return result[0] if result else None

    def call_required(self, owner: str, hook: str, kind: type | tuple[type, ...], **arguments: Any) -> Any:
        """Call a hook of one plugin that must return a result.

        Raises:
            InvalidHookResult: the plugin does not implement the hook, or its result has another type.
        """
        if owner not in self.implementers(hook):
            raise InvalidHookResult(owner, hook, "the plugin owns the step and does not implement the hook")
        result = self.call(owner, hook, **arguments)
        if not isinstance(result, kind):
            raise InvalidHookResult(owner, hook, f"it returned {describe_result(result)}")
        return result

    def call_first(self, hook: str, **arguments: Any) -> Any:
        """Call a hook of one plugin after the other until one answers; raises as :meth:`call` does.

        Returns:
            The first result that is not None; None if there is none.
        """
        with naming(", ".join(self.implementers(hook)), hook):
            return getattr(self.manager.hook, hook)(**arguments)

    def call_each(self, hook: str, **arguments: Any) -> list[tuple[str, Any]]:
        """Call a hook of every plugin, in the order of their names.

        Returns:
            (plugin, result) for each result that is not None.
        """
        results = [(name, self.call(name, hook, **arguments)) for name in self.implementers(hook)]
        return [(name, result) for name, result in results if result is not None]

    def estimate(self, plan: MigrationPlan) -> Estimate:
        """Return the resources that a plan needs, by the estimates of all plugins.

        Raises:
            PluginError: the hook of a plugin failed.
        """
        return Estimate.total([answer for _, answer in self.call_each("fieldfare_estimate", plan=plan)])


def load_plugins(*, blocked: Collection[str] = ()) -> Plugins:
    """Load the kernel's own plugin and every installed one, in the order of their names.

    Args:
        blocked: names of plugins to exclude (``-p no:NAME``).

    Returns:
        The plugins; those that could not be loaded are in ``broken``.

    Raises:
        UsageError: no plugin has one of the names.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(specs)
    plugins = Plugins(manager, blocked=tuple(sorted(blocked)))
    installed = installed_plugins()
    _require_known(plugins.blocked, {point.name for point, _ in installed})
    for name in plugins.blocked:
        manager.set_blocked(name)
    broken: list[PluginBroken | PluginConflict] = []
    for name, module in BUILTIN.items():
        plugins.register(importlib.import_module(module), name, __version__)
    for point, version in installed:
        if point.name in plugins.blocked:
            continue
        try:
            plugins.register(_load(point), point.name, version)
        except (PluginBroken, PluginConflict) as error:
            broken.append(error)
    plugins.broken = tuple(broken)
    return plugins


def _require_known(names: Collection[str], installed: Collection[str]) -> None:
    for name in names:
        if name not in installed:
            hint = suggestion(name, installed)
            shown = ", ".join(sorted(installed))
            raise UsageError(f"-p no:{name}: no plugin has this name{hint}. Plugins: {shown}. Nothing was changed.")


@contextmanager
def naming(plugin: str, hook: str) -> Iterator[None]:
    """Raise what a hook raises, with the name of the plugin, and without a text that may hold a document's values."""
    try:
        yield
    except InvalidBatch as error:
        raise InvalidHookResult(plugin, hook, str(error)) from error
    except (FieldfareError, OSError):
        raise
    except Exception as error:
        if _is_from_redis(error):
            raise
        raise PluginBroken(plugin, f"{hook} raised {describe_exception(error)}", has_traceback=True) from error


def _is_from_redis(error: Exception) -> bool:
    from redis.exceptions import RedisError  # noqa: PLC0415 - start-up time

    return isinstance(error, RedisError)


def _load(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:
        raise PluginBroken(point.name, f"{point.value} cannot be imported ({type(error).__name__}: {error})") from error
