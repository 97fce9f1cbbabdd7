"""Options of several commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from fieldfare.cli.options import writable_file

__all__ = [
    "DEFAULT_BATCH_PLAN",
    "DEFAULT_REPORTS",
    "DEFAULT_STATE",
    "AcceptDataLoss",
    "BatchReportOut",
    "State",
]

DEFAULT_BATCH_PLAN: Final = Path("batch_plan.yaml")
DEFAULT_REPORTS: Final = Path("reports")
DEFAULT_STATE: Final = Path("batch_state.yaml")


State: TypeAlias = Annotated[Path, typer.Option(help="The state file of the batch.", metavar="FILE", dir_okay=False)]
AcceptDataLoss: TypeAlias = Annotated[
    bool,
    typer.Option("--accept-data-loss", help="Accept steps that lose information, such as float32 to float16."),
]
BatchReportOut: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Write the batch report here. Default: batch_report.yaml beside the state file.",
        metavar="FILE",
        dir_okay=False,
        callback=writable_file,
    ),
]
