"""Plan options: what the user chooses for a plan of one index or of many."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from fieldfare.errors import UsageError
from fieldfare.support.suggestion import suggestion

__all__ = ["PREFER", "plan_options", "with_preferred"]

PREFER: Final = "prefer"
"""The option with the names of preferred plugins."""


def plan_options(
    min_recall: float, *, accept_recall_loss: bool, allow_document_expiry: bool, prefer: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the options that plugins get with ``live.options``.

    Raises:
        UsageError: ``min_recall`` is not between 0 and 1.
    """
    if not 0 <= min_recall <= 1:
        raise UsageError(f"min_recall={min_recall}: a recall lies between 0 and 1. Nothing was changed.")
    return {
        "min_recall": min_recall,
        "accept_recall_loss": accept_recall_loss,
        "allow_document_expiry": allow_document_expiry,
        PREFER: tuple(prefer),
    }


def with_preferred(options: Mapping[str, Any], prefer: Sequence[str], installed: Collection[str]) -> dict[str, Any]:
    """Return the options with the preferred plugins of a patch behind those of the command.

    Raises:
        UsageError: no plugin has one of the names.
    """
    names = tuple(dict.fromkeys((*options.get(PREFER, ()), *prefer)))
    for name in names:
        if name not in installed:
            hint = suggestion(name, installed)
            shown = ", ".join(sorted(installed))
            raise UsageError(f"prefer {name}: no plugin has this name{hint}. Plugins: {shown}. Nothing was changed.")
    return {**options, PREFER: names}
