"""Removing old keys when a run is finalized, after their values are in the backup; and restoring them on a rollback."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final

from fieldfare.backup import REMOVED_ORIGINALS
from fieldfare.documents import EXAMPLES, KeyCounter, Note
from fieldfare.engine.copied_keys import pairs_of
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_keys.history import KeyHistory, KeyPairs, PairState
from fieldfare.engine.shadow_keys.synchronization import (
    KeySynchronization,
    pairs_of_new_keys,
    pairs_of_old_keys,
    read_pairs,
)
from fieldfare.engine.shadow_keys.values import DUMP, EXPIRES, save_values, saved_values
from fieldfare.server.key_copy import GONE, restore_keys, unlink_keys

__all__ = ["remove_old_keys", "restore_old_keys"]

DELETED: Final = "deleted under the new key"
"""The kind of notes about documents that have no new key any more."""


def remove_old_keys(run: ActiveRun) -> int:
    """Remove the old keys of documents; the values are saved first.

    What an application has written to an old key in the meantime is copied before.

    Returns:
        How many keys were removed.
    """
    removed = 0

    def remove(found: Sequence[PairState]) -> set[bytes]:
        """Remove old keys that are as they were read; return the others."""
        nonlocal removed
        state_of = {pair.old: pair.old_state for pair in found if pair.has_old}
        others: set[bytes] = set()
        for keys in save_values(run, list(state_of), REMOVED_ORIGINALS):
            run.check()
            others |= unlink_keys(run.server, run.source.storage, [(key, state_of[key]) for key in keys])
        removed += len(state_of) - len(others)
        return others

    later: set[bytes] = set()
    # the second scan finds old keys whose new ones were away for a moment during the first one
    for found in chain(pairs_of_new_keys(run), pairs_of_old_keys(run)):
        later |= remove([pair for pair in found if pair.is_equal])
        later.update(pair.old for pair in found if pair.has_old and not pair.is_equal)
    KeySynchronization(run, is_switched=True, remembers=True).settle(sorted(later), remove)
    return removed


def restore_old_keys(run: ActiveRun) -> int:
    """Restore removed old keys of documents that have their new keys.

    A document that was deleted under its new key is not created again; it is noted, and its value stays in the backup.

    Returns:
        How many keys were restored.
    """
    restored, deleted, seen = 0, KeyCounter(), set[bytes]()
    for batch in saved_values(run):
        row_of = {key: row for row, key in enumerate(batch.keys)}
        found = read_pairs(run, pairs_of(run.plugins, run.plan, batch.keys))
        missing = [pair for pair in found if pair.old in row_of and pair.old_state == GONE]
        deleted.add(pair.old for pair in missing if not pair.has_new and pair.old not in seen)
        seen.update(pair.old for pair in missing if not pair.has_new)
        run.check()
        values = [
            (pair.old, batch[DUMP][row_of[pair.old]] or b"", int(batch[EXPIRES][row_of[pair.old]] or 0))
            for pair in missing
            if pair.has_new
        ]
        restored += restore_keys(run.server, run.source.storage, values)
        # a new key that differs from its old one by now was written last
        again = read_pairs(run, [(pair.old, pair.new) for pair in missing if pair.has_new])
        KeyHistory(run).record_seen(KeyPairs(pair for pair in again if pair.has_old and not pair.is_equal))
        run.advance(len(batch))
    if deleted.count:
        detail = f"not created again; the values are in the backup as {REMOVED_ORIGINALS!r}"
        run.note([Note(DELETED, "", deleted.count, tuple(deleted.keys[:EXAMPLES]), detail=detail)])
    return restored
