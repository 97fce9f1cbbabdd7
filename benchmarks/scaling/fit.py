"""What the model is fed with: from trials of one worker with documents of two sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from fieldfare.planning.sizing import Cost, Deployment, Rates, Workload, WorkRates, size_run
from scaling.results import ACTIVITIES, Scaling, Trial, Usage

__all__ = ["fit", "predict"]

DIGITS: Final = 3


def fit(scaling: Scaling, *, cluster: bool) -> Rates:
    """Return the rates that both sizes follow: the number of small documents matters, and the bytes of large ones.

    Args:
        scaling: with calibrations.
        cluster: whether there are several nodes.
    """
    small, large = (each for each in scaling.calibration if (each.nodes > 1) is cluster)
    place = f"{scaling.machine.processor}, Python {scaling.machine.python}, {scaling.date[:10]}"
    servers = f"{large.nodes} nodes" if cluster else "one node"
    measured = f"measured with one worker process and {servers} on the same machine ({place})"

    def cost(take: Callable[[Mapping[str, Usage]], float], *, compared: bool = False) -> Cost:
        trials = [each.compared if compared else each.sampled for each in (small, large)]
        first, second = (take(each.usage) / each.documents for each in trials)
        sizes = [each.original_bytes for each in trials]
        byte = max((second - first) / (sizes[1] - sizes[0]), 0.0)
        return Cost(_rounded(max(first - byte * sizes[0], 0.0)), _rounded(byte))

    def work(name: str, values: Callable[[Trial], float], side: str, *, compared: bool = False) -> WorkRates:
        trial = large.compared if compared else large.sampled
        usage = trial.usage[name]
        got = usage.network_in if side == "in" else usage.network_out
        return WorkRates(
            cost(lambda each: each[name].seconds, compared=compared),
            cost(lambda each: each[name].client, compared=compared),
            cost(lambda each: sum(each[name].servers), compared=compared),
            _rounded(max(got / trial.documents - values(trial), 0.0)),
        )

    last = large.sampled
    return Rates(
        dump=work("dump", lambda trial: trial.original_bytes, "out"),
        rewrite=work("rewrite", lambda trial: trial.original_bytes / 2, "in"),
        restore=work("restore", lambda trial: trial.original_bytes, "in"),
        compare=work("catch_up", lambda trial: trial.original_bytes / 2, "out", compared=True),
        list_key=_rounded(last.usage["enumerate"].seconds / last.documents),
        check_key=_rounded(last.usage["catch_up"].seconds / last.documents),
        verify=cost(lambda each: each["verify"].seconds),
        measured=measured,
    )


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def predict(scaling: Scaling, trial: Trial) -> dict[str, float]:
    """Return what the model says of a trial: activity → seconds. Clients and servers share the cores."""
    if not scaling.calibration:
        return {}
    load = Workload(trial.documents, trial.original_bytes, trial.original_bytes / 2, 0.0)
    deployment = Deployment(
        trial.workers,
        trial.nodes,
        scaling.machine.cores,
        is_one_process=trial.executor == "threads",
        servers_share_cores=True,
    )
    sizing = size_run(load, deployment, fit(scaling, cluster=trial.nodes > 1))
    return {part.name: part.seconds for part in (*sizing.apply, *sizing.rollback) if part.name in ACTIVITIES}
