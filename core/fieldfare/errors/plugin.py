"""A plugin that is missing, broken or in conflict. Exit code 6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.errors.base import FieldfareError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["InvalidBatch", "InvalidHookResult", "PluginBroken", "PluginConflict", "PluginError", "PluginMissing"]


class PluginError(FieldfareError):
    """A plugin is missing, broken or in conflict."""

    exit_code = 6


class PluginMissing(PluginError):
    """Plugins that a plan needs are not here.

    Attributes:
        missing: one line per plugin: name, version needed, version found.
    """

    def __init__(self, missing: Sequence[str]) -> None:
        self.missing = tuple(missing)
        lines = "\n".join(f"  - {line}" for line in self.missing)
        super().__init__(
            "This plan needs plugins that are missing, or installed in another version.  Nothing was changed. "
            f"Install them, or plan again.\n{lines}"
        )


class PluginBroken(PluginError):
    """A plugin could not be loaded, or one of its hooks raised.

    Args:
        plugin: its name.
        reason: what is wrong; never with a value of a document.
        has_traceback: whether the traceback of the cause tells more.
    """

    def __init__(self, plugin: str, reason: str, *, has_traceback: bool = False) -> None:
        self.plugin = plugin
        self.reason = reason
        end = "" if reason.endswith("?") else "."
        more = " '--traceback' shows the message and the place." if has_traceback else ""
        super().__init__(f"Plugin {plugin!r} is broken: {reason}{end}{more} Leave it out with '-p no:{plugin}'.")


class PluginConflict(PluginError):
    """Two plugins answer for the same thing, or none does where one must."""

    def __init__(self, message: str, plugins: Sequence[str] = ()) -> None:
        self.plugins = tuple(plugins)
        super().__init__(message)


class InvalidBatch(PluginError, ValueError):
    """Columns or values that fit no batch of documents."""


class InvalidHookResult(PluginError):
    """A hook returned something that its specification does not allow."""

    def __init__(self, plugin: str, hook: str, reason: str) -> None:
        self.plugin = plugin
        self.hook = hook
        self.reason = reason
        super().__init__(f"Plugin {plugin!r} broke the contract of {hook}: {reason}.")
