"""Undoing copies of documents: what applications wrote to new keys goes to the old ones, and the copies are removed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final

from attrs import define, field

from fieldfare.backup import OVERWRITTEN
from fieldfare.documents import EXAMPLES, KeyCounter, Note
from fieldfare.engine.concurrent.external_values import problem_notes
from fieldfare.engine.concurrent.updates import CONTENDED
from fieldfare.engine.copied_keys import Pair
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_keys.history import KeyHistory, PairState
from fieldfare.engine.shadow_keys.synchronization import every_pair, pairs_of_new_keys, read_pairs
from fieldfare.engine.shadow_keys.values import save_values
from fieldfare.engine.shadow_pairs.synchronization import ATTEMPTS
from fieldfare.server.key_copy import GONE, OTHER_TYPE, KeyCopy, copy_keys, unlink_keys

__all__ = ["copy_back", "remove_copies"]

BOTH: Final = "exists under both keys"
"""The kind of notes about documents of which applications have written both keys."""

DELETED: Final = "deleted under the new key"
"""The kind of notes about documents whose new key was removed by an application, and whose old key stays."""


def copy_back(run: ActiveRun) -> int:
    """Copy what applications wrote to new keys to the old ones; nothing is removed.

    Returns:
        How many documents were copied.
    """
    back = _BackCopy(run, removes=False)
    back.settle_all()
    _note(run, DELETED, back.deleted, "the old one stays")
    return back.copied


def remove_copies(run: ActiveRun) -> int:
    """Remove the copies of documents; what applications wrote to new keys goes to the old ones first.

    A document of which applications have written both keys keeps both, and is noted.

    Returns:
        How many new keys were removed.
    """
    back = _BackCopy(run, removes=True)
    back.settle_all()
    _note(run, BOTH, back.both, "applications wrote both, and both stay; the new one is in no index")
    return back.removed


def _note(run: ActiveRun, kind: str, documents: KeyCounter, detail: str) -> None:
    if documents.count:
        run.note([Note(kind, "", documents.count, tuple(documents.keys[:EXAMPLES]), detail=detail)])


@define
class _BackCopy:
    """Copies documents back to their old keys.

    Attributes:
        run: the rollback.
        removes: whether new keys are removed.
        copied: documents that were copied to their old keys.
        removed: new keys that were removed.
        both: documents of which applications have written both keys.
        deleted: documents whose new key an application has removed.
    """

    run: ActiveRun
    removes: bool
    copied: int = 0
    removed: int = 0
    both: KeyCounter = field(init=False, factory=KeyCounter)
    deleted: KeyCounter = field(init=False, factory=KeyCounter)
    _history: KeyHistory = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Know nothing yet."""
        self._history = KeyHistory(self.run)

    def settle_all(self) -> None:
        """Settle every document that has a new key: copy it back, remove its copy, or note it.

        New keys that are removed are looked for twice: one that an application deletes and writes again meanwhile may
        be missed once.
        """
        undecided: dict[Pair, None] = {}
        without: list[Pair] = []
        every = (
            chain(pairs_of_new_keys(self.run), pairs_of_new_keys(self.run)) if self.removes else every_pair(self.run)
        )
        for found in every:
            without += [] if self.removes else [(pair.old, pair.new) for pair in found if not pair.has_new]
            equal = [pair for pair in found if pair.has_new and pair.is_equal]
            changed = self._remove(equal)
            others = [pair for pair in found if pair.has_new and (not pair.is_equal or pair.new in changed)]
            undecided |= {(pair.old, pair.new): None for pair in others}
        self._history.load({old for old, _ in (*undecided, *without)})
        size = self.run.options.batch_size
        for start in range(0, len(without), size):
            self._note_deleted(without[start : start + size])
        pairs = list(undecided)
        for start in range(0, len(pairs), size):
            self._settle(pairs[start : start + size])

    def _settle(self, pairs: Sequence[Pair]) -> None:
        for _ in range(ATTEMPTS):
            found = [pair for pair in read_pairs(self.run, pairs) if pair.has_new]
            copies = [pair for pair in found if pair.is_equal or self._is_copy(pair)]
            theirs = [pair for pair in found if pair not in copies]
            both = [pair for pair in theirs if self._is_written_twice(pair)]
            chosen = [pair for pair in theirs if pair not in both]
            again = self._remove(copies) | self._copy(chosen)
            pairs = [pair for pair in pairs if pair[1] in again or (self.removes and pair in _keys(chosen))]
            if not pairs:
                self.both.add(pair.old for pair in both)
                return
            self.both.add(pair.old for pair in both if (pair.old, pair.new) not in pairs)
        self.run.note(problem_notes({CONTENDED: [old for old, _ in pairs]}))

    def _is_copy(self, pair: PairState) -> bool:
        return self._history.is_copy(pair) or self._history.is_outdated_copy(pair)

    def _is_written_twice(self, pair: PairState) -> bool:
        """Whether an application has written the old key, too, or the new one holds no document."""
        if pair.new_state == OTHER_TYPE:
            return True
        return pair.old_state != GONE and not self._history.is_known_original(pair)

    def _note_deleted(self, pairs: Sequence[Pair]) -> None:
        """Note documents that an application has deleted under their new keys; the old ones stay."""
        found = read_pairs(self.run, pairs)
        self.deleted.add(pair.old for pair in found if not pair.has_new and self._history.was_copied(pair))

    def _copy(self, pairs: Sequence[PairState]) -> set[bytes]:
        """Copy new keys to old ones, whose values are saved before; return the new keys that were changed since."""
        if not pairs:
            return set()
        for _ in save_values(self.run, [pair.old for pair in pairs if pair.has_old], OVERWRITTEN):
            self.run.check()
        copies = [KeyCopy(pair.new, pair.old, pair.new_state, pair.old_state) for pair in pairs]
        changed = copy_keys(self.run.server, self.run.source.storage, copies)
        self._history.record_copies_back([pair for pair in pairs if pair.new not in changed])
        self.copied += len(pairs) - len(changed)
        return changed

    def _remove(self, pairs: Sequence[PairState]) -> set[bytes]:
        """Remove new keys that are as they were read; return the others."""
        if not self.removes or not pairs:
            return set()
        self.run.check()
        keys = [(pair.new, pair.new_state) for pair in pairs]
        changed = unlink_keys(self.run.server, self.run.source.storage, keys)
        self.removed += len(pairs) - len(changed)
        return changed


def _keys(pairs: Sequence[PairState]) -> set[Pair]:
    return {(pair.old, pair.new) for pair in pairs}
