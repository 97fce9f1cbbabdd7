"""Which hooks were called, in what order, of which plugins, with what, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import pluggy
from attrs import define, field, frozen

from fieldfare.plugins import Plugins

__all__ = ["HookCall", "HookRecorder", "recording"]


@frozen(hash=False)
class HookCall:
    """One call of a hook.

    Attributes:
        hook: its name.
        plugins: those that were asked, wrappers left out: for most hooks one.
        arguments: what they were given, by name.
        answer: what they said; a list of answers where several are asked at once.
        error: what was raised in place of an answer.
        thread: in which it was called.
    """

    hook: str
    plugins: tuple[str, ...]
    arguments: Mapping[str, Any]
    answer: Any = None
    error: BaseException | None = None
    thread: int = 0

    @property
    def owner(self) -> str:
        """The plugin that was asked.

        Raises:
            ValueError: it was not exactly one.
        """
        if len(self.plugins) != 1:
            raise ValueError(f"{self.hook} was called of {len(self.plugins)} plugins: {', '.join(self.plugins)}")
        return self.plugins[0]


@define
class HookRecorder:
    """What :func:`recording` recorded.

    Attributes:
        calls: in the order in which they ended. Calls that nobody implements are not among them.
    """

    calls: list[HookCall] = field(factory=list)

    @property
    def hooks(self) -> list[str]:
        """The names of the hooks that were called, in order."""
        return [call.hook for call in self.calls]

    def of(self, hook: str | None = None, owner: str | None = None) -> list[HookCall]:
        """Return the calls of one hook, of one plugin, or of both.

        Args:
            hook: its name, with or without ``fieldfare_``.
            owner: a plugin that was asked.
        """
        name = hook and f"fieldfare_{hook.removeprefix('fieldfare_')}"
        return [call for call in self.calls if name in {None, call.hook} and (owner is None or owner in call.plugins)]


@contextmanager
def recording(plugins: Plugins) -> Iterator[HookRecorder]:
    """Record every call of a hook inside.

    Args:
        plugins: whose hooks; hand the same to ``MigrationPlanner`` and ``MigrationExecutor``.
    """
    recorder = HookRecorder()

    def before(hook: str, methods: Sequence[pluggy.HookImpl], arguments: Mapping[str, Any]) -> None:
        """Say nothing: a call is recorded when it has ended."""

    def after(
        outcome: pluggy.Result[Any], hook: str, methods: Sequence[pluggy.HookImpl], arguments: Mapping[str, Any]
    ) -> None:
        asked = tuple(each.plugin_name for each in methods if not (each.wrapper or each.hookwrapper))
        if not asked:
            return
        answer = None if outcome.exception else outcome.get_result()
        if isinstance(answer, list) and len(asked) == 1 and not _stops_at_the_first(plugins, hook):
            answer = answer[0] if answer else None
        recorder.calls.append(HookCall(hook, asked, dict(arguments), answer, outcome.exception, get_ident()))

    stop = plugins.manager.add_hookcall_monitoring(before, after)
    try:
        yield recorder
    finally:
        stop()


def _stops_at_the_first(plugins: Plugins, hook: str) -> bool:
    spec = getattr(plugins.manager.hook, hook).spec
    return spec is not None and bool(spec.opts["firstresult"])
