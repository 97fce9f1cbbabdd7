"""Whether a conversion keeps enough recall to be planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare_quantize.advice import advise
from fieldfare_vectors import verdict
from fieldfare_vectors.verdict import kept_before, min_recall_of

if TYPE_CHECKING:
    from fieldfare.live import LiveIndex
    from fieldfare_quantize.advice import Advice
    from fieldfare_quantize.conversion import Parameters
    from fieldfare_vectors.sample import Sample
    from fieldfare_vectors.verdict import Verdict

__all__ = ["judge"]


def judge(parameters: Parameters, sample: Sample, live: LiveIndex) -> tuple[Verdict, Advice]:
    """Predict the recall of a conversion and compare it with what the user wants kept."""
    limit, before = min_recall_of(live.options), kept_before(live, parameters.field)
    advice = advise(
        parameters,
        sample,
        live.server,
        storage=live.definition.storage,
        documents=live.snapshot.stats.num_docs,
        min_recall=limit,
        before=before,
    )
    target = parameters.target
    recall = advice.predictions[target].recall10
    together = None if recall is None else recall * before
    made = f", and earlier changes {before:.3f}: {together or 0:.3f} together" if before < 1 else ""
    said = (
        f"{parameters.field!r}: {target} would keep {recall or 0:.3f} of the ten nearest neighbours (recall@10) under "
        f"{parameters.metric}{made}, less than the {limit:g} that is wanted; predicted on "
        f"{len(sample.vectors):,} vectors"
    )
    return verdict.judge(together, live.options, said=said, better=_better(advice)), advice


def _better(advice: Advice) -> str:
    if advice.better is None:
        return "keep the datatype"
    return f"choose {advice.better}, which keeps {advice.predictions[advice.better].recall10:.3f}"
