"""Options that several of the commands share."""

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


State: TypeAlias = Annotated[
    Path, typer.Option(help="The record of how far the batch got.", metavar="FILE", dir_okay=False)
]
AcceptDataLoss: TypeAlias = Annotated[
    bool,
    typer.Option("--accept-data-loss", help="Go on although steps lose information, as from float32 to float16."),
]
BatchReportOut: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Write the batch report here. Left out, batch_report.yaml beside the state.",
        metavar="FILE",
        dir_okay=False,
        callback=writable_file,
    ),
]
