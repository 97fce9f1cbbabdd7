"""Hook implementations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fieldfare.hooks.markers import hookimpl

if TYPE_CHECKING:
    from fieldfare.hooks.run import Run


@hookimpl(trylast=True)
def fieldfare_move_keys(pairs: Sequence[tuple[bytes, bytes]], run: Run) -> Sequence[bool] | None:
    """Move keys whose old and new name lie in different slots; a plugin for a special topology is asked first."""
    if not run.server.capabilities.cluster:
        return None
    from fieldfare_cluster.transfer import transfer  # noqa: PLC0415 - start-up time

    return transfer(run.server, pairs)
