"""Options of ``fieldfare estimate`` that say how large a run is, and what it has at its disposal."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from fieldfare.cli.run_options import number_above_zero

__all__ = ["Documents", "NetworkRate", "Nodes", "StorageLatency", "StorageRate", "WorkerCount"]

Documents: TypeAlias = Annotated[
    int | None,
    typer.Option(
        help="Estimate for so many documents of the same kind. Default: as many as when the plan was made.",
        metavar="N",
        min=1,
    ),
]
WorkerCount: TypeAlias = Annotated[
    int | None,
    typer.Option("--workers", help="How many workers --executor has, if its name does not tell.", metavar="N", min=1),
]
Nodes: TypeAlias = Annotated[
    int | None,
    typer.Option(
        help="With --executor: how many primaries share the documents. Default: 1.",
        metavar="N",
        min=1,
    ),
]
StorageRate: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="With --executor: megabytes per second that the storage of the backup takes or gives, for all workers "
        "together. Default: no limit.",
        metavar="MB_PER_S",
        callback=number_above_zero,
    ),
]
StorageLatency: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="With --executor: milliseconds that a storage such as S3 takes for a request. Default: the backup is in a "
        "directory.",
        metavar="MS",
        callback=number_above_zero,
    ),
]
NetworkRate: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="With --executor: megabytes per second between one node and the workers, in each direction. Default: no "
        "limit.",
        metavar="MB_PER_S",
        callback=number_above_zero,
    ),
]
