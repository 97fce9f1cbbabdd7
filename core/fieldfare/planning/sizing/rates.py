"""What the work on a document costs a worker, a server and the coordinator."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

__all__ = ["USUAL", "Cost", "Rates", "WorkRates"]


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
    verify: Cost = field(factory=Cost)
    measured: str = ""


def _work(worker: Cost, client: Cost, server: Cost, overhead: float) -> WorkRates:
    return WorkRates(worker, client, server, overhead)


USUAL: Final = Rates(
    dump=_work(Cost(10e-6, 5e-9), Cost(10e-6, 5e-9), Cost(2e-6, 1e-9), 50),
    rewrite=_work(Cost(10e-6, 5e-9), Cost(10e-6, 5e-9), Cost(5e-6, 2e-9), 400),
    restore=_work(Cost(10e-6, 5e-9), Cost(10e-6, 5e-9), Cost(5e-6, 2e-9), 250),
    compare=_work(Cost(10e-6, 5e-9), Cost(10e-6, 5e-9), Cost(2e-6, 1e-9), 50),
    list_key=3e-6,
    check_key=4e-6,
    verify=Cost(2e-6, 1e-9),
    measured="placeholder",
)
