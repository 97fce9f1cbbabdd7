"""Options of the commands that make plans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from fieldfare.cli.options import file_option

__all__ = [
    "AcceptRecallLoss",
    "Aliases",
    "AllowDocumentExpiry",
    "LogicalRenames",
    "MinRecall",
    "Mode",
    "PlanOut",
    "Prefer",
]

PlanOut: TypeAlias = Annotated[Path, file_option("Write the plan here.", is_output=True)]
Aliases: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="An alias to keep, if Redis cannot list them (before 8.10). Repeatable.", metavar="NAME"),
]
Mode: TypeAlias = Annotated[
    Literal["auto", "alter", "shadow", "drop_recreate"] | None,  # ModeName, whose module costs start-up time
    typer.Option(
        "--mode",
        help="How to change the index. 'alter' adds fields to the live index, 'shadow' builds a new index beside it: "
        "with both, the index answers all the time. 'drop_recreate' drops it first. 'auto' takes the first mode that "
        "can do it. Default: the mode in the patch, or drop_recreate.",
    ),
]
LogicalRenames: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--logical-renames",
        help="Rename fields only in the index: documents keep their values under the old names.",
    ),
]
MinRecall: TypeAlias = Annotated[
    float,
    typer.Option(help="Minimum recall@10 that changed vectors must keep.", metavar="SHARE", min=0, max=1),
]
AcceptRecallLoss: TypeAlias = Annotated[
    bool, typer.Option("--accept-recall-loss", help="Plan a change even if it keeps less recall.")
]
AllowDocumentExpiry: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--allow-document-expiry", help="Make an index TEMPORARY: Redis deletes its documents when the index expires."
    ),
]
Prefer: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="The plugin to use if several plugins claim a change. Repeatable.", metavar="NAME"),
]
