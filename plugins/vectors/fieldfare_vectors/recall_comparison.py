"""Recall of the target index beside that of the source index."""

from __future__ import annotations

from statistics import mean, stdev
from typing import TYPE_CHECKING

from fieldfare_vectors.ground_truth import mean_recall

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fieldfare_vectors.ground_truth import GroundTruth

__all__ = ["compare_recall", "recall_figures"]


def recall_figures(
    truths: Sequence[GroundTruth], default_ef: Sequence[float | None], wide_ef: Sequence[float | None]
) -> dict[str, float | None]:
    """Return the mean recall of both indexes, with the wide EF_RUNTIME and with their own.

    Args:
        truths: with what the source index found.
        default_ef: recall of each query in the target index, with its own EF_RUNTIME.
        wide_ef: the same, with the wide EF_RUNTIME.
    """
    return {
        "recall@10": mean_recall(wide_ef),
        "source_recall@10": mean_recall([each.source_recall_wide_ef for each in truths]),
        "recall@10_default_ef": mean_recall(default_ef),
        "source_recall@10_default_ef": mean_recall([each.source_recall for each in truths]),
    }


def compare_recall(
    truths: Sequence[GroundTruth],
    default_ef: Sequence[float | None],
    wide_ef: Sequence[float | None],
    min_recall: float,
) -> dict[str, Any]:
    """Return the figures without queries for which the source index found documents that have no distance.

    Which documents such a vector displaces is chance, in both indexes. It also disturbs the graph of the index for
    other queries, so a loss counts only if it is beyond the sampling error.

    Args:
        truths: see :func:`recall_figures`.
        default_ef: see there.
        wide_ef: see there.
        min_recall: the share of the source index's recall that is required.

    Returns:
        Nothing if there are no such queries; else ``undefined_queries``, and ``compared`` with the figures of the
        others, the mean ``loss`` beyond what is allowed, and its ``standard_error``.
    """
    rows = [row for row, truth in enumerate(truths) if not truth.source_has_undefined]
    if len(rows) == len(truths):
        return {}
    kept = [truths[row] for row in rows]
    losses = [
        min_recall * before - now
        for truth, now in zip(kept, [wide_ef[row] for row in rows], strict=True)
        if now is not None and (before := truth.source_recall_wide_ef) is not None
    ]
    compared = {
        **recall_figures(kept, [default_ef[row] for row in rows], [wide_ef[row] for row in rows]),
        "loss": mean(losses) if losses else 0.0,
        "standard_error": stdev(losses) / len(losses) ** 0.5 if len(losses) > 1 else 1.0,
    }
    return {"undefined_queries": len(truths) - len(rows), "compared": compared}
