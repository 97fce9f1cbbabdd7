"""Options of several commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from fieldfare.cli.options import file_option

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

State: TypeAlias = Annotated[Path, file_option("The state file of the batch.")]
AcceptDataLoss: TypeAlias = Annotated[
    bool,
    typer.Option("--accept-data-loss", help="Accept steps that lose information, such as float32 to float16."),
]
BatchReportOut: TypeAlias = Annotated[
    Path | None,
    file_option(
        "Write the batch report here; as a page for a browser, if FILE ends with .html. Default: batch_report.yaml "
        "beside the state file.",
        is_output=True,
    ),
]
