"""Documents that were given another vector while a run was under way: they are neighbours of others than they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.backup import LATE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from fieldfare.engine.run import Run

__all__ = ["written_since"]


def written_since(run: Run, path: str, keys: Collection[bytes], moved: Callable[[bytes], bytes]) -> set[bytes]:
    """Return those of some documents of which the backup holds a newer vector than the first one.

    Args:
        run: its backup is read.
        path: of the vectors, before the run.
        keys: of documents, as they are now.
        moved: what becomes of a key.
    """
    newer: set[bytes] = set()
    for batch in run.store.iter_batches(LATE):
        if path in batch.columns:
            pairs = zip(batch.keys, batch[path], strict=True)
            newer.update(key for old, value in pairs if value is not None and (key := moved(old)) in keys)
    return newer
