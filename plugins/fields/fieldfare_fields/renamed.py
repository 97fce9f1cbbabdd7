"""Calling the index something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.plan import Claim

if TYPE_CHECKING:
    from fieldfare.changes import RenameIndex
    from fieldfare.live import LiveIndex

__all__ = ["claim_renamed"]


def claim_renamed(change: RenameIndex, live: LiveIndex) -> Claim:
    """Claim another name for the index. Whether that name is free, the planner asks the server."""
    through = f" or through {', '.join(map(repr, live.snapshot.aliases))}" if live.snapshot.aliases else ""
    return Claim.supported(
        warnings=[f"Queries reach the index as {change.new!r}{through} from then on, no longer as {change.old!r}"]
    )
