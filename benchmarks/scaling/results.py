"""The figures of a run of the benchmark, and the file that holds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from attrs import asdict, define, field, frozen
from cattrs import structure

from comparison.results import Machine

__all__ = ["ACTIVITIES", "Calibration", "Scaling", "Trial", "Usage", "read", "write"]

ACTIVITIES: Final = ("dump", "rewrite", "restore")


@frozen
class Usage:
    """What was busy, and for how long, during an activity.

    Attributes:
        seconds: how long it took.
        client: seconds of processor time of the command and of its workers.
        servers: the same of each node.
        disk: seconds for which the disk was busy.
        network_in: bytes that the nodes got.
        network_out: bytes that the nodes gave.
    """

    seconds: float
    client: float
    servers: list[float]
    disk: float
    network_in: int
    network_out: int

    def __add__(self, other: Usage) -> Usage:
        """Return what was used in both."""
        return Usage(
            self.seconds + other.seconds,
            self.client + other.client,
            [one + another for one, another in zip(self.servers, other.servers, strict=True)],
            self.disk + other.disk,
            self.network_in + other.network_in,
            self.network_out + other.network_out,
        )

    def __sub__(self, earlier: Usage) -> Usage:
        """Return what was used since then."""
        return Usage(
            self.seconds - earlier.seconds,
            self.client - earlier.client,
            [now - before for now, before in zip(self.servers, earlier.servers, strict=True)],
            self.disk - earlier.disk,
            self.network_in - earlier.network_in,
            self.network_out - earlier.network_out,
        )


@frozen
class Trial:
    """One migration and its rollback.

    Attributes:
        executor: ``threads``, ``processes`` or ``dask``.
        workers: how many.
        nodes: how many share the documents.
        documents: how many there are.
        dims: values of a vector.
        usage: activity → what was busy.
    """

    executor: str
    workers: int
    nodes: int
    documents: int
    dims: int
    usage: dict[str, Usage]

    @property
    def original_bytes(self) -> int:
        """Bytes of a vector before the migration, which halves them."""
        return 4 * self.dims


@frozen
class Calibration:
    """One worker process, with documents of one size.

    Attributes:
        nodes: how many share the documents.
        sampled: a sample of the documents was compared with the backup.
        compared: all of them were.
    """

    nodes: int
    sampled: Trial
    compared: Trial


@define
class Scaling:
    """All figures of one run.

    Attributes:
        date: the date of the start, in UTC.
        commit: the commit of fieldfare; ends with ``+`` if files differed from it.
        machine: where it was.
        server: the server's versions.
        delay: milliseconds from client to server, one way.
        calibration: what the model is fed with: for each number of nodes small documents, then large ones; none if the
            server is far away.
        trials: one for each executor, number of workers and number of nodes.
    """

    date: str
    commit: str
    machine: Machine
    server: str
    delay: float
    calibration: list[Calibration] = field(factory=list)
    trials: list[Trial] = field(factory=list)


def read(path: Path) -> Scaling:
    """Read a file that :func:`write` wrote."""
    return structure(json.loads(path.read_text(encoding="utf-8")), Scaling)


def write(scaling: Scaling, path: Path) -> None:
    """Write the figures as JSON."""
    path.write_text(f"{json.dumps(asdict(scaling), indent=1, ensure_ascii=False)}\n", encoding="utf-8")
