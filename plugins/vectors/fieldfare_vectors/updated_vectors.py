"""Documents whose vector an application overwrote during a run: their true neighbours are others now."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from fieldfare.hooks.run import Run

__all__ = ["find_updated_vectors"]


def find_updated_vectors(run: Run, path: str, keys: Collection[bytes], new_key: Callable[[bytes], bytes]) -> set[bytes]:
    """Return the keys of documents of which the backup has a second, newer vector.

    Args:
        run: its backup is read.
        path: of the vectors, before the run.
        keys: the documents to look for, by their keys now.
        new_key: gives the key that a captured document has now.
    """
    updated: set[bytes] = set()
    for batch in run.concurrent_updates():
        if path in batch.columns:
            pairs = zip(batch.keys, batch[path], strict=True)
            updated.update(key for old, value in pairs if value is not None and (key := new_key(old)) in keys)
    return updated
