"""The parameters of a custom change, with an error for the user if one is missing."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from fieldfare.changes.model import Change, CustomChange
from fieldfare.errors import ParameterMissing

__all__ = ["with_checked_parameters"]


class _Parameters(dict[str, Any]):
    """Parameters that raise ``ParameterMissing`` instead of ``KeyError``."""

    def __init__(self, change: CustomChange) -> None:
        super().__init__(change.params)
        self._kind = change.kind

    def __missing__(self, name: str) -> Any:
        raise ParameterMissing(self._kind, name, sorted(self))


def with_checked_parameters(change: Change) -> Change:
    """Return a change whose ``params["field"]`` raises ``ParameterMissing`` where the patch does not give it."""
    return evolve(change, params=_Parameters(change)) if isinstance(change, CustomChange) else change
