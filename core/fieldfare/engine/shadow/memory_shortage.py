"""Whether the server has room for a second index, or for several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fieldfare.definition import Snapshot
from fieldfare.server import Server

__all__ = ["memory_shortage"]

MIB: Final = 1024 * 1024


def memory_shortage(server: Server, sources: Sequence[Snapshot]) -> str | None:
    """Return why the server may run out of memory with two indexes; None if it may not, or if nobody can tell.

    Each second index is taken to be as large as the first one.

    Args:
        server: where they live.
        sources: the indexes beside which others are built at the same time.
    """
    limit, used = server.capabilities.max_memory, server.capabilities.used_memory
    needed = int(sum(each.stats.vector_index_size_mb + each.stats.other_memory_size_mb for each in sources) * MIB)
    if not limit or used + needed <= limit:
        return None
    what = "A second index needs" if len(sources) == 1 else f"{len(sources)} second indexes at the same time need"
    return (
        f"{what} about {needed / MIB:,.0f} MiB more, and the server has "
        f"{max(limit - used, 0) / MIB:,.0f} MiB left of maxmemory"
    )
