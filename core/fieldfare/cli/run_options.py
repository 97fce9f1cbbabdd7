"""Options of the commands that carry a plan out, or roll it back."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from fieldfare.cli.options import writable_file
from fieldfare.hooks.run_defaults import Verify

__all__ = [
    "AllowOverflow",
    "BatchSize",
    "ConvertFirst",
    "Executor",
    "IndexTimeout",
    "IndexWorkers",
    "MaxLatency",
    "MaxRate",
    "OnConflict",
    "PauseFile",
    "ReconnectTimeout",
    "StallTimeout",
    "VerifyOption",
    "Workers",
]


def number_above_zero(value: float | None) -> float | None:
    """Refuse a limit that is not a number above 0.

    Raises:
        typer.BadParameter: it is not a number above 0.
    """
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter(f"{value:g} is not a number above 0")
    return value


def index_workers_choice(value: str | None) -> str | None:
    """Refuse a value that is not a number of index workers.

    Raises:
        typer.BadParameter: it is neither a number above 0 nor one of the words.
    """
    if value not in {None, "auto", "off"} and not (str(value).isdecimal() and int(str(value)) > 0):
        raise typer.BadParameter(f"{value!r} is neither a number above 0, nor 'auto', nor 'off'")
    return value


BatchSize: TypeAlias = Annotated[int, typer.Option(help="Documents per round trip.", metavar="N", min=1)]
Workers: TypeAlias = Annotated[
    int, typer.Option(help="How many workers share the documents of an index.", metavar="N", min=1)
]
Executor: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--executor",
        help="Who works on documents, in place of --workers: 'threads:N', 'processes:N' (of this machine), 'dask' (a "
        "cluster of this machine) or 'dask://HOST:PORT' (its scheduler).",
        metavar="SPEC",
    ),
]
ReconnectTimeout: TypeAlias = Annotated[
    float,
    typer.Option(
        "--reconnect-timeout",
        help="How long to retry while the server, or the storage of the backup, is unreachable (restart, failover), in "
        "seconds; 0 does not retry.",
        metavar="SECONDS",
        min=0,
    ),
]
IndexTimeout: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--index-timeout",
        help="How long to wait until a new index is ready, in seconds. Default: no limit.",
        metavar="SECONDS",
        min=0,
    ),
]
StallTimeout: TypeAlias = Annotated[
    float,
    typer.Option(
        "--stall-timeout",
        help="How long to wait for a new index that makes no progress, in seconds.",
        metavar="SECONDS",
        min=1,
    ),
]
IndexWorkers: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--index-workers",
        help="How many threads of the server build an index (search-workers, Redis 8): N, or with 'auto' the number of "
        "its cores. Afterwards the former number is restored. Default: 'off', no change.",
        metavar="N|auto|off",
        callback=index_workers_choice,
    ),
]
MaxRate: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--max-rate",
        help="Read or write no more documents per second than this.",
        metavar="DOCS_PER_S",
        callback=number_above_zero,
    ),
]
MaxLatency: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--max-latency",
        help="Slow down, then pause, while the server takes longer than this to answer a PING, in milliseconds.",
        metavar="MS",
        callback=number_above_zero,
    ),
]
PauseFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--pause-file", help="Pause while this file exists.", metavar="PATH", callback=writable_file),
]
VerifyOption: TypeAlias = Annotated[
    Verify,
    typer.Option(
        "--verify",
        help="How many rewritten documents are read back and compared with the backup. With 'full', documents "
        "that an application changed during the run are converted, too.",
    ),
]
ConvertFirst: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--force",
        help="If applications wrote old fields or keys since the last sync, convert or copy these first.",
    ),
]
AllowOverflow: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--allow-overflow",
        help="Continue if values are too large for the new datatype, are NaN, or all become zero under cosine.",
    ),
]
OnConflict: TypeAlias = Annotated[
    Literal["keep-old", "keep-new"] | None,
    typer.Option(
        help="Which value to keep if a document has a renamed field under both names. "
        "Default: these documents stop the run before anything is changed.",
    ),
]
