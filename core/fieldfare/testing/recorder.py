"""Records hook calls: their order, plugins, arguments and results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import pluggy
from attrs import define, field, frozen

from fieldfare.hooks.manager import Plugins

__all__ = ["HookCall", "HookRecorder", "recording"]


@frozen(hash=False)
class HookCall:
    """One call of a hook.

    Attributes:
        hook: the name of the hook.
        plugins: the plugins that were called, without wrappers: for most hooks one.
        arguments: the arguments by name.
        result: what the plugin returned; a list if the hook collects the results of several plugins.
        error: the exception, if one was raised.
        thread: the thread of the call.
    """

    hook: str
    plugins: tuple[str, ...]
    arguments: Mapping[str, Any]
    result: Any = None
    error: BaseException | None = None
    thread: int = 0

    @property
    def owner(self) -> str:
        """The plugin that was called.

        Raises:
            ValueError: there was not exactly one.
        """
        if len(self.plugins) != 1:
            raise ValueError(f"{self.hook} was called of {len(self.plugins)} plugins: {', '.join(self.plugins)}")
        return self.plugins[0]


@define
class HookRecorder:
    """The calls that :func:`recording` recorded.

    Attributes:
        calls: in the order in which they ended, without calls that no plugin implements.
    """

    calls: list[HookCall] = field(factory=list)

    @property
    def hooks(self) -> list[str]:
        """The names of the hooks that were called, in order."""
        return [call.hook for call in self.calls]

    def of(self, hook: str | None = None, owner: str | None = None) -> list[HookCall]:
        """Return the calls of one hook, of one plugin, or of both.

        Args:
            hook: the name of the hook, with or without ``fieldfare_``.
            owner: a plugin that was called.
        """
        name = hook and f"fieldfare_{hook.removeprefix('fieldfare_')}"
        return [call for call in self.calls if name in {None, call.hook} and (owner is None or owner in call.plugins)]


@contextmanager
def recording(plugins: Plugins) -> Iterator[HookRecorder]:
    """Record every call of a hook inside.

    Args:
        plugins: the plugins; pass the same to ``MigrationPlanner`` and ``MigrationExecutor``.
    """
    recorder = HookRecorder()

    def record(
        outcome: pluggy.Result[Any], hook: str, methods: Sequence[pluggy.HookImpl], arguments: Mapping[str, Any]
    ) -> None:
        called = tuple(each.plugin_name for each in methods if not (each.wrapper or each.hookwrapper))
        if not called:
            return
        result = None if outcome.exception else outcome.get_result()
        if isinstance(result, list) and len(called) == 1 and not _is_first_result(plugins, hook):
            result = result[0] if result else None
        recorder.calls.append(HookCall(hook, called, dict(arguments), result, outcome.exception, get_ident()))

    stop = plugins.manager.add_hookcall_monitoring(lambda *_: None, record)
    try:
        yield recorder
    finally:
        stop()


def _is_first_result(plugins: Plugins, hook: str) -> bool:
    spec = getattr(plugins.manager.hook, hook).spec
    return spec is not None and bool(spec.opts["firstresult"])
