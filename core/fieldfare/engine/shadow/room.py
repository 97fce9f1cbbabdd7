"""Whether the server has room for a second index."""

from __future__ import annotations

from typing import Final

from fieldfare.engine.mode import Draft

__all__ = ["lack_of_room"]

MIB: Final = 1024 * 1024


def lack_of_room(draft: Draft) -> str | None:
    """Return why the server may run out of memory with two indexes; None if it may not, or if nobody can tell.

    The second index is taken to be as large as the first one.
    """
    limit, used = draft.server.capabilities.max_memory, draft.server.capabilities.used_memory
    stats = draft.snapshot.stats
    needed = int((stats.vector_index_size_mb + stats.other_memory_size_mb) * MIB)
    if not limit or used + needed <= limit:
        return None
    return (
        f"A second index needs about {needed / MIB:,.0f} MiB more, and the server has "
        f"{max(limit - used, 0) / MIB:,.0f} MiB left of maxmemory"
    )
