"""Whether a conversion keeps enough recall to be planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from fieldfare_quantize.advice import MIN_RECALL, advise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare.live import LiveIndex
    from fieldfare_quantize.advice import Advice
    from fieldfare_quantize.conversion import Parameters
    from fieldfare_quantize.sample import Sample

__all__ = ["Verdict", "judge"]


@frozen(hash=False)
class Verdict:
    """What a prediction means for a plan.

    Attributes:
        details: the figures.
        warnings: what the user should know, if the conversion is planned.
        refusal: why it is not; None if it is.
        workaround: what to do instead.
    """

    details: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    refusal: str | None = None
    workaround: str | None = None


def judge(parameters: Parameters, sample: Sample, live: LiveIndex) -> Verdict:
    """Predict the recall of a conversion and compare it with what the user wants kept.

    With too few vectors for a recall@10 there is nothing to compare, and nothing is refused.
    """
    limit = float(live.options.get("min_recall", MIN_RECALL))
    documents = live.snapshot.stats.num_docs
    advice = advise(parameters, sample, live.server, documents=documents, min_recall=limit)
    target = parameters.target
    recall = advice.predictions[target].recall10
    if recall is None or recall >= limit:
        return Verdict(advice.details)
    said = (
        f"{parameters.field!r}: {target} would keep {recall:.3f} of the ten nearest neighbours (recall@10) under "
        f"{parameters.metric}, less than the {limit:g} that is wanted; predicted on {len(sample.vectors):,} vectors"
    )
    if live.options.get("accept_recall_loss"):
        return Verdict(advice.details, warnings=(said,))
    return Verdict(advice.details, refusal=said, workaround=_workaround(advice))


def _workaround(advice: Advice) -> str:
    accept = "plan with --accept-recall-loss"
    if advice.better is None:
        return f"keep the datatype, or {accept}"
    recall = advice.predictions[advice.better].recall10
    return f"choose {advice.better}, which keeps {recall:.3f}, or {accept}"
