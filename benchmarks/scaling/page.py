"""The tables of the documentation, made of the JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from comparison.markdown import make_table, write_between
from scaling.fit import predict
from scaling.results import ACTIVITIES, Scaling, Trial, Usage

__all__ = ["BEGIN", "END", "make_section", "write_section"]

BEGIN: Final = "<!-- figures of benchmarks/workers.py -->"
END: Final = "<!-- end of figures of benchmarks/workers.py -->"
TITLES: Final = {"dump": "back up", "rewrite": "rewrite", "restore": "restore"}
FULL: Final = 0.9
"""A resource that is busy for this share of the time is full."""

BUSY: Final = "\n**Other programs were running: these figures are only a trial.**\n"
"""Of how many workers each table row is."""


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
    return (
        f"{throughput}\n{usage}\n"
        f"{trial.documents:,} documents of {trial.dims} float32 values that become float16; commit {scaling.commit}, "
        f"{scaling.date} UTC;\n{scaling.server}; Python {machine.python}; {machine.cores} cores of {machine.processor}, "
        f"{machine.memory_mib:,} MiB;\nbackups on {machine.file_system}; load average {machine.load_average} at the "
        f"start.\n{busy}"
    )


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
        "cores": usage.machine / usage.seconds / scaling.machine.cores,
        "node": max(usage.servers) / usage.seconds,
        "disk": usage.disk / usage.seconds,
    }
    return ", ".join(
        f"**{name} {value:.0%}**" if value >= FULL else f"{name} {value:.0%}" for name, value in shares.items()
    )
