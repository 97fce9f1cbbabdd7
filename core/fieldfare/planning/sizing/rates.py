"""What the work on a document costs a worker, a server and the coordinator."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from attrs import frozen
from cattrs import structure

__all__ = ["Cost", "Rates", "WorkRates", "usual_rates"]


@frozen
class Cost:
    """A cost that grows with the number of documents and with the bytes of their originals.

    Attributes:
        document: for each document.
        byte: for each byte of its originals.
    """

    document: float = 0.0
    byte: float = 0.0

    def of(self, original_bytes: float) -> float:
        """Return the cost of one document with so many bytes of originals."""
        return self.document + self.byte * original_bytes


@frozen
class WorkRates:
    """What one kind of work costs.

    Attributes:
        worker: seconds that a worker takes which has the server for itself.
        client: seconds of processor time of workers.
        server: seconds of processor time of the node that has the document.
        network_overhead: bytes of keys and commands per document, besides values.
    """

    worker: Cost
    client: Cost
    server: Cost
    network_overhead: float = 0.0


@frozen
class Rates:
    """What all work costs.

    Attributes:
        dump: reading originals, rehearsing the transforms, writing the backup.
        rewrite: reading the backup, transforming, writing where documents have their originals.
        restore: writing originals where documents have what the run wrote.
        compare: reading documents and comparing them with the backup.
        list_key: seconds in which the coordinator lists one key.
        check_key: seconds in which the coordinator checks, after the build, that the document of a key is there.
        verify: seconds in which the coordinator reads and checks the backup before a rollback.
        measured: where and when, in one line.
    """

    dump: WorkRates
    rewrite: WorkRates
    restore: WorkRates
    compare: WorkRates
    list_key: float
    check_key: float
    verify: Cost
    measured: str


@cache
def usual_rates(nodes: int) -> Rates:
    """Return the rates that ``benchmarks/workers.py`` has measured and written to ``rates.json``.

    Args:
        nodes: how many there are; in a cluster a worker sends each document to its node, and takes longer for it.
    """
    text = files("fieldfare.planning.sizing").joinpath("rates.json").read_text(encoding="utf-8")
    return structure(json.loads(text)["cluster" if nodes > 1 else "one node"], Rates)
