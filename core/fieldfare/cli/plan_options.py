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
    typer.Option(help="An alias to keep, where Redis cannot list them (before 8.10). Repeatable.", metavar="NAME"),
]
Mode: TypeAlias = Annotated[
    Literal["auto", "alter", "shadow", "drop_recreate"] | None,  # ModeName, whose module costs start-up time
    typer.Option(
        "--mode",
        help="How to change the index. 'alter' adds fields to it as it is, 'shadow' builds the new one beside it: with "
        "both it answers all the time. 'drop_recreate' drops it first. 'auto' takes the first that can do it. "
        "Left out, the one that the patch names, or else drop_recreate.",
    ),
]
LogicalRenames: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--logical-renames",
        help="Rename fields in the index alone: documents keep their values under the old names.",
    ),
]
MinRecall: TypeAlias = Annotated[
    float,
    typer.Option(help="The least recall@10 that changed vectors must keep.", metavar="SHARE", min=0, max=1),
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
    typer.Option(help="The plugin that carries out a change which another claims, too. Repeatable.", metavar="NAME"),
]
