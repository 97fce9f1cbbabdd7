"""The tables of the documentation, made of the JSON file."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Final

from comparison.markdown import make_table, write_between
from fieldfare.planning.forecast import GRAPH_SECONDS, PLAIN_SECONDS
from fieldfare.planning.sizing import Deployment, Part, Rates, Sizing, Workload, size_run
from fieldfare.support.units import bytes_text, rough_seconds
from scaling.fit import fit, predict
from scaling.results import ACTIVITIES, Scaling, Trial, Usage

__all__ = ["BEGIN", "END", "make_section", "write_section"]

BEGIN: Final = "<!-- figures of benchmarks/workers.py -->"
END: Final = "<!-- end of figures of benchmarks/workers.py -->"
TITLES: Final = {"dump": "back up", "rewrite": "rewrite", "restore": "restore"}

BUSY: Final = "\n**Other programs were running: these figures are only a trial.**\n"

DOCUMENTS: Final = 1_000_000_000
DIMS: Final = 768
NODES: Final = 100
WORKERS: Final = (10, 50, 100, 200, 400)

GRAPHS: Final = {
    "FLAT": 0.0,
    "HNSW": GRAPH_SECONDS * (DIMS / 384) ** 0.5 * math.log(DOCUMENTS / NODES) / math.log(20_000),
}
"""Algorithm → seconds in which a node adds a vector to its graph: as usual for 20,000 vectors, longer for more."""


def write_section(scaling: Scaling, path: Path) -> None:
    """Write the tables between the marks of a page.

    Raises:
        SystemExit: the page has no marks.
    """
    write_between(path, BEGIN, END, make_section(scaling))


def make_section(scaling: Scaling) -> str:
    """Return all tables, and where they were measured."""
    machine, trial = scaling.machine, scaling.trials[0]
    busy = BUSY if machine.load_average > machine.cores / 2 else ""
    header = ["nodes", "executor", *TITLES.values()]
    throughput = make_table(header, [_throughput(scaling, each) for each in scaling.trials])
    usage = make_table(header, [_usage(scaling, each) for each in scaling.trials])
    size = f"{trial.documents:,} documents of {trial.dims} float32 values that become float16"
    measured = (
        f"{throughput}\n{usage}\n{size}; commit {scaling.commit}, {scaling.date} UTC;\n"
        f"{scaling.server}; Python {machine.python}; {machine.cores} cores of {machine.processor}, "
        f"{machine.memory_mib:,} MiB;\nbackups on {machine.file_system}; load average {machine.load_average} at the "
        f"start.\n{busy}"
    )
    if not scaling.calibration:
        return measured
    title = f"### What of {DOCUMENTS:,} documents on {NODES} nodes?"
    return f"{measured}\n{title}\n\n{_read_off(fit(scaling, cluster=True))}"


def _read_off(rates: Rates) -> str:
    """Return what the model says of a size that this machine cannot hold."""
    runs = [_size(rates, workers, index) for index in GRAPHS.values() for workers in WORKERS]
    titles = [part.title for part in runs[0].apply]
    rows = [
        [
            algorithm,
            f"{workers}",
            *(rough_seconds(part.seconds) for part in run.apply),
            rough_seconds(run.seconds),
            rough_seconds(run.downtime_seconds),
        ]
        for run, (algorithm, workers) in zip(runs, product(GRAPHS, WORKERS), strict=True)
    ]
    table = make_table(["index", "workers", *titles, "whole run", "downtime"], rows)
    last = runs[-1]
    limits = make_table(
        ["with 400 workers, HNSW", "limited by", "more workers gain nothing from", "storage", "network of a node"],
        [_limit(part) for part in (*last.apply, *last.rollback)],
    )
    fewest = [f"{run.fewest_workers} ({name})" for name, run in zip(GRAPHS, runs[:: len(WORKERS)], strict=True)]
    enough = f"For a run that takes a tenth longer than the fastest, so many workers are enough: {', '.join(fewest)}."
    return f"{table}\n{enough}\n\n{limits}"


def _limit(part: Part) -> list[str]:
    storage, network = part.storage_written + part.storage_read, max(part.network_in, part.network_out) / NODES
    return [
        part.title,
        part.limit.value,
        "-" if part.enough_workers is None else f"{part.enough_workers:,}",
        *(f"{bytes_text(each / part.seconds)}/s" if each else "-" for each in (storage, network)),
    ]


def _size(rates: Rates, workers: int, index_seconds: float) -> Sizing:
    load = Workload(DOCUMENTS, 4 * DIMS, 2 * DIMS, PLAIN_SECONDS + index_seconds)
    return size_run(load, Deployment(workers, NODES), rates)


def _throughput(scaling: Scaling, trial: Trial) -> list[str]:
    said = predict(scaling, trial)
    return [str(trial.nodes), f"{trial.executor}:{trial.workers}", *(_rate(trial, name, said) for name in ACTIVITIES)]


def _rate(trial: Trial, name: str, said: dict[str, float]) -> str:
    seconds = trial.usage[name].seconds
    rate = f"{trial.documents / seconds:,.0f}"
    return (
        rate if name not in said else f"{rate} ({trial.documents / said[name]:,.0f}, {seconds / said[name] - 1:+.0%})"
    )


def _usage(scaling: Scaling, trial: Trial) -> list[str]:
    shown = [_shares(scaling, trial.usage[name]) for name in ACTIVITIES]
    return [str(trial.nodes), f"{trial.executor}:{trial.workers}", *shown]


def _shares(scaling: Scaling, usage: Usage) -> str:
    shares = {
        "cores": (usage.client + sum(usage.servers)) / usage.seconds / scaling.machine.cores,
        "node": max(usage.servers) / usage.seconds,
        "disk": usage.disk / usage.seconds,
    }
    busiest = max(shares, key=shares.__getitem__)
    shown = {name: f"{name} {value:.0%}" for name, value in shares.items()}
    return ", ".join(f"**{text}**" if name == busiest else text for name, text in shown.items())
