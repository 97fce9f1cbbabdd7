"""Plan options: what the user chooses for a plan of one index or of many."""

from __future__ import annotations

from typing import Any

from fieldfare.errors import UsageError

__all__ = ["plan_options"]


def plan_options(min_recall: float, *, accept_recall_loss: bool, allow_document_expiry: bool) -> dict[str, Any]:
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
    }
