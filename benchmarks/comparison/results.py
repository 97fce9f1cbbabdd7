"""The figures of a comparison, and the file that holds them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from attrs import asdict, define, field, frozen
from cattrs import structure

__all__ = ["METRICS", "CaseResult", "Comparison", "Figures", "Machine", "read", "write"]

METRICS: Final = {
    "wall_seconds": "time",
    "outage_seconds": "outage",
    "cpu_seconds": "client CPU",
    "peak_mib": "peak memory",
    "server_seconds": "server CPU",
    "query_p99_ms": "p99 of queries",
}
"""Attributes of :class:`Figures`, and their names for readers. Less is better."""


@frozen
class Figures:
    """What one process took.

    Attributes:
        wall_seconds: from its start to its end.
        cpu_seconds: processor time of all its threads.
        peak_mib: the most memory that it had.
        server_seconds: processor time of the server meanwhile.
        outage_seconds: how long a client did not find all documents; None if that was not measured or had no end.
        query_p99_ms: milliseconds within which 99 of 100 queries of that client were answered in full; None if that
            was not measured.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    server_seconds: float
    outage_seconds: float | None = None
    query_p99_ms: float | None = None


@frozen
class Machine:
    """Where it was measured.

    Attributes:
        processor: the model.
        cores: as the system has them.
        memory_mib: all memory.
        file_system: the file system of the backups.
        python: the version.
        load_average: the load average of the last minute, at the start.
    """

    processor: str
    cores: int
    memory_mib: int
    file_system: str
    python: str
    load_average: float


@define
class CaseResult:
    """What one case took.

    Attributes:
        name: the name of the case.
        documents: all of them.
        baseline: the participant that ratios refer to; None if there is one only.
        runs: command → participant → figures of each round.
        server: the server's versions.
        build_seconds: how long the server took to build the target index, each round.
        floor: the seconds of each part of the hand-packed commands, each round.
        notes: what a reader should know.
    """

    name: str
    documents: int
    baseline: str | None
    runs: dict[str, dict[str, list[Figures]]]
    server: str = ""
    build_seconds: list[float] = field(factory=list)
    floor: list[dict[str, float]] = field(factory=list)
    notes: list[str] = field(factory=list)

    @property
    def participants(self) -> list[str]:
        """All participants; the baseline is the last."""
        return list(self.runs["plan"])

    def values(self, command: str, participant: str, metric: str) -> list[float]:
        """Return a figure of each round; an empty list if it is missing in one of them."""
        figures = [getattr(each, metric) for each in self.runs.get(command, {}).get(participant, [])]
        return [] if None in figures else figures

    def median(self, command: str, participant: str, metric: str) -> float | None:
        """Return the median of all rounds."""
        return _median(self.values(command, participant, metric))

    def ratio(self, command: str, participant: str, metric: str) -> float | None:
        """Return the median of the rounds' ratios: how many times as much the baseline took."""
        if self.baseline is None:
            return None
        ours = self.values(command, participant, metric)
        theirs = self.values(command, self.baseline, metric)
        pairs = list(zip(theirs, ours, strict=True)) if ours and theirs else []
        return _median([their / our for their, our in pairs]) if all(our for _, our in pairs) else None


@frozen
class Comparison:
    """All figures of one run.

    Attributes:
        date: the date of the start, in UTC.
        commit: the commit of fieldfare; ends with ``+`` if files differed from it.
        versions: distribution → version.
        machine: where it was.
        rounds: how often each case was run.
        embeddings: how many real ones there were.
        cases: what each took.
    """

    date: str
    commit: str
    versions: dict[str, str]
    machine: Machine
    rounds: int
    embeddings: int
    cases: list[CaseResult] = field(factory=list)


def read(path: Path) -> Comparison:
    """Read a file that :func:`write` wrote."""
    return structure(json.loads(path.read_text(encoding="utf-8")), Comparison)


def write(comparison: Comparison, path: Path) -> None:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(comparison), indent=1, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None
