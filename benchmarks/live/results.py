"""The figures of a run under load, and the file that holds them."""

from __future__ import annotations

import json
from pathlib import Path

from attrs import asdict, define, field, frozen
from cattrs import structure

from comparison.results import Machine

__all__ = ["CaseResult", "Figures", "ZeroDowntime", "read", "write"]


@frozen
class Figures:
    """What clients saw during a part of a migration.

    Attributes:
        seconds: how long the part took.
        queries: that were running.
        errors: how many of these failed.
        empty: how many of these had no result.
        p50_ms: half of the queries took no longer.
        p99_ms: 99 of 100 took no longer.
        longest_ms: none took longer.
        late_ms: by which the clients were late at most: the processors were busy.
    """

    seconds: float
    queries: int
    errors: int
    empty: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    late_ms: float


@define
class CaseResult:
    """What clients saw of one migration.

    Attributes:
        name: the name of the case.
        documents: at its start.
        parts: ``before``, ``plan``, ``apply``, ``switch`` (a part of ``apply``), ``finalize``, ``after``, ``rollback``
            and ``back``, as far as there are such.
        outage_seconds: from the first failed or empty query to the next one that succeeds, in all.
        writes: that clients made meanwhile: documents were added, updated and deleted.
        write_errors: writes that failed.
        not_found: how many documents that they left the index does not find at the end.
        back_ms: from the start of the move back to its end, for a rollback before ``finalize``.
        stale: documents that the new index reads otherwise than they were written, at the end; None if it reads the
            same values as the old one.
        recall: recall@10 of the new index against exact answers over what was written, at the end; None likewise.
        writes_per_second: how many documents the clients wrote per second; None in a file of an earlier version.
    """

    name: str
    documents: int
    parts: dict[str, Figures]
    outage_seconds: float
    writes: int
    write_errors: int
    not_found: int
    back_ms: float | None = None
    stale: int | None = None
    recall: float | None = None
    writes_per_second: float | None = None


@frozen
class ZeroDowntime:
    """All figures of one run.

    Attributes:
        date: the date of the start, in UTC.
        commit: the commit of fieldfare; ends with ``+`` if files differed from it.
        machine: where it was.
        server: the server's versions.
        dims: values of an embedding.
        embeddings: how many real ones there were; further ones are weighted means of two of them.
        cases: one for each migration.
    """

    date: str
    commit: str
    machine: Machine
    server: str
    dims: int
    embeddings: int
    cases: list[CaseResult] = field(factory=list)


def read(path: Path) -> ZeroDowntime:
    """Read a file that :func:`write` wrote."""
    return structure(json.loads(path.read_text(encoding="utf-8")), ZeroDowntime)


def write(run: ZeroDowntime, path: Path) -> None:
    """Write the figures as JSON."""
    path.write_text(f"{json.dumps(asdict(run), indent=1, ensure_ascii=False)}\n", encoding="utf-8")
