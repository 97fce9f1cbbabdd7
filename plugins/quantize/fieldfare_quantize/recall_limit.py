"""Whether a conversion keeps enough recall to be planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare_quantize.advice import advise
from fieldfare_vectors.recall_limit import check_predicted_recall, min_recall_of, recall_after_previous_changes

if TYPE_CHECKING:
    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare_quantize.advice import Advice
    from fieldfare_quantize.conversion import ConversionParameters
    from fieldfare_vectors.recall_limit import RecallVerdict
    from fieldfare_vectors.sample import Sample

__all__ = ["check_recall"]


def check_recall(parameters: ConversionParameters, sample: Sample, live: LiveIndex) -> tuple[RecallVerdict, Advice]:
    """Predict the recall that a conversion keeps and compare it with the required one."""
    min_recall, before = min_recall_of(live.options), recall_after_previous_changes(live, parameters.field)
    advice = advise(
        parameters,
        sample,
        live.server,
        storage=live.definition.storage,
        documents=live.snapshot.stats.num_docs,
        min_recall=min_recall,
        before=before,
    )
    target = parameters.target
    recall = advice.predictions[target].recall10
    together = None if recall is None else recall * before
    previous = f", and earlier changes {before:.3f}: {together or 0:.3f} together" if before < 1 else ""
    complaint = (
        f"{parameters.field!r}: {target} would keep {recall or 0:.3f} of the ten nearest neighbours (recall@10) under "
        f"{parameters.metric}{previous}, less than the required {min_recall:g}; predicted on "
        f"{len(sample.vectors):,} vectors"
    )
    return check_predicted_recall(together, live.options, complaint=complaint, better=_suggest_datatype(advice)), advice


def _suggest_datatype(advice: Advice) -> str:
    if advice.better is None:
        return "keep the datatype"
    return f"choose {advice.better}, which keeps {advice.predictions[advice.better].recall10:.3f}"
