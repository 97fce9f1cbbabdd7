"""Renaming the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.plan import Claim

if TYPE_CHECKING:
    from fieldfare.changes import RenameIndex
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["claim_rename_index"]


def claim_rename_index(change: RenameIndex, live: LiveIndex) -> Claim:
    """Claim a new name for the index. The planner checks on the server that the name is free."""
    aliases = f" or through {', '.join(map(repr, live.snapshot.aliases))}" if live.snapshot.aliases else ""
    reached = f"After the migration queries reach the index as {change.new!r}{aliases}"
    return Claim.supported(warnings=[f"{reached}, no longer as {change.old!r}"])
