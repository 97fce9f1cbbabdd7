"""Measure a migration and its rollback with several executors, numbers of workers and nodes, and what is full then.

Beside each figure is what the model of ``fieldfare estimate --executor`` says. It is fed with what one worker process
needs on one node, and in a cluster, for documents of two sizes; so every other row is a prediction. Clients and servers
share the processors of this machine: run this when it is otherwise idle.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, Final

from attrs import asdict
from rich.console import Console

from comparison.machine import describe_machine, describe_server, read_commit
from fieldfare.api import MigrationPlanner
from scaling.fit import fit
from scaling.measure import executor_named, migrate
from scaling.nodes import INDEX, Loaded, loaded_nodes
from scaling.page import make_section, write_section
from scaling.results import Calibration, Scaling, Trial, read, write

PATCH: Final = {"version": 1, "changes": {"update_fields": [{"name": "vec", "attrs": {"datatype": "float16"}}]}}
SMALL: Final = 96
"""Values of the vectors of small documents."""

CALIBRATED: Final = (1, 3)
"""How many nodes the model gets to know."""

DATA: Final = "workers.json"
PAGE: Final = "many-machines.md"
RATES: Final = Path(__file__).parents[1] / "core/fieldfare/planning/sizing/rates.json"
"""What the model is fed with."""


def main() -> None:
    """Measure, or read a file, and write the tables, JSON and page."""
    chosen = parse_arguments()
    scaling = read(chosen.read) if chosen.read is not None else measure(chosen)
    Console(width=160).print(make_section(scaling), markup=False)
    if chosen.out is not None:
        write(scaling, chosen.out / DATA)
        write_section(scaling, chosen.out / PAGE)
        if scaling.calibration:
            RATES.write_text(f"{json.dumps(rates_of(scaling), indent=1)}\n", encoding="utf-8")


def rates_of(scaling: Scaling) -> dict[str, Any]:
    """Return what the model is fed with."""
    return {name: asdict(fit(scaling, cluster=cluster)) for name, cluster in (("one node", False), ("cluster", True))}


def measure(chosen: argparse.Namespace) -> Scaling:
    """Run everything that was chosen."""
    scaling = Scaling(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        commit=read_commit(),
        machine=describe_machine(),
        server="",
        delay=chosen.delay,
    )
    if not chosen.delay:
        sizes = product(CALIBRATED, (SMALL, chosen.dims))
        scaling.calibration = [calibrate(nodes, chosen.documents, dims) for nodes, dims in sizes]
    for nodes in chosen.nodes:
        with loaded_nodes(nodes, chosen.documents, chosen.dims, chosen.delay) as loaded:
            scaling.server = describe_server(loaded.server)
            for spec in chosen.executors:
                kind, _, workers = spec.partition(":")
                found = [
                    try_once(loaded, kind, int(workers), nodes, chosen.documents, chosen.dims)
                    for _ in range(chosen.rounds)
                ]
                scaling.trials.append(best_of(found))
    return scaling


def calibrate(nodes: int, documents: int, dims: int) -> Calibration:
    """Measure one worker process."""
    with loaded_nodes(nodes, documents, dims) as loaded:
        sampled, compared = (
            try_once(loaded, "processes", 1, nodes, documents, dims, verify=verify) for verify in ("sample", "full")
        )
    return Calibration(nodes, sampled, compared)


def try_once(  # noqa: PLR0913, PLR0917 - what a trial is
    loaded: Loaded, kind: str, workers: int, nodes: int, documents: int, dims: int, verify: str = "sample"
) -> Trial:
    """Migrate and roll back once."""
    sys.stderr.write(f"{kind}:{workers}, {nodes} nodes, {documents:,} x {dims}, verify {verify}\n")
    plan = MigrationPlanner().create_plan_from_patch(INDEX, schema_patch=PATCH, server=loaded.server)
    with executor_named(kind, workers, loaded.url) as spec:
        usage = migrate(loaded.server, loaded.pids, plan, spec, verify=verify)
    return Trial(kind, workers, nodes, documents, dims, usage)


def best_of(trials: list[Trial]) -> Trial:
    """Return a trial with the shortest time of each activity."""
    first = trials[0]
    usage = {name: min((each.usage[name] for each in trials), key=lambda one: one.seconds) for name in first.usage}
    return Trial(first.executor, first.workers, first.nodes, first.documents, first.dims, usage)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = [f"{kind}:{workers}" for kind in ("threads", "processes", "dask") for workers in (1, 2, 4)]
    parser.add_argument("--documents", type=int, default=60_000)
    parser.add_argument("--dims", type=int, default=768)
    parser.add_argument("--delay", type=float, default=0, help="milliseconds from client to server, one way")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--executors", nargs="+", default=every, help="threads:N, processes:N, dask:N")
    parser.add_argument(
        "--out", type=Path, help=f"directory for {DATA}, with the page {PAGE}; the model gets the rates"
    )
    parser.add_argument("--read", type=Path, help="make all output of this JSON file, without measuring")
    return parser.parse_args()


if __name__ == "__main__":
    main()
