"""Where the function of a command is, for a command that is imported when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from attrs import frozen

__all__ = ["CommandSource"]


@frozen
class CommandSource:
    """Stands for the function of a command, so that the other commands start without its module.

    The command needs a name: ``app.command("acme-check")(CommandSource("fieldfare_acme.check:check"))``.

    Attributes:
        place: ``module:function``.
    """

    place: str

    def load(self) -> Callable[..., Any]:
        """Import the function."""
        module, _, name = self.place.partition(":")
        function: Callable[..., Any] = getattr(import_module(module), name)
        return function

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call the function, as any other function of a command."""
        return self.load()(*arguments, **options)
