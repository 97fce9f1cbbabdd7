"""What the two keys of a document held when a run last looked at them, or copied one to the other.

Applications may write both: old versions the old key, new ones the new key. Which of the two was written since the
last look decides whether a document is copied. Digests tell that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from attrs import define, field, frozen

from fieldfare.backup import SHADOW_STATES
from fieldfare.documents import Batch, Column
from fieldfare.engine.concurrent.known_states import STATE_SIZE, bounded
from fieldfare.engine.run import ActiveRun
from fieldfare.server.key_copy import GONE, OTHER_TYPE

__all__ = ["KeyHistory", "PairState"]

DIGEST_SIZE: Final = 8
"""Bytes of the digest of one key."""

ABSENT: Final = bytes(DIGEST_SIZE)
"""In place of the digest of a key that holds no document."""

COPIED: Final = b"\xfe" * DIGEST_SIZE
"""In place of the digest of an old key: the new key was made a copy."""

FORGOTTEN: Final = 2 * ABSENT
"""The state after the removal of a copy: what was known before says nothing of a new document."""

COLUMN: Final = "state"


@frozen
class PairState:
    """What the two keys of a document hold.

    Attributes:
        old: the old key.
        new: the new key.
        old_state: what the old key holds, as the server tells it.
        new_state: what the new key holds.
    """

    old: bytes
    new: bytes
    old_state: bytes
    new_state: bytes

    @property
    def has_old(self) -> bool:
        """Whether the old key holds a document."""
        return self.old_state not in {GONE, OTHER_TYPE}

    @property
    def has_new(self) -> bool:
        """Whether the new key holds anything."""
        return self.new_state != GONE

    @property
    def is_equal(self) -> bool:
        """Whether the new key is what the old one is."""
        return self.old_state == self.new_state if self.has_old else not self.has_new


@define
class KeyHistory:
    """Known states of pairs. Memory: about 200 bytes for each pair that it knows.

    Attributes:
        run: its backup holds what was seen and copied.
        states: old key → pairs of digests, one behind the other: of the old key, and of the new key beside it. Two
            equal ones: the document was to be copied. ``COPIED`` and the digest of a copy: it was copied.
    """

    run: ActiveRun
    states: dict[bytes, bytes] = field(init=False, factory=dict)

    def load(self, keys: Collection[bytes]) -> None:
        """Read from the backup what is known about documents with these old keys."""
        for batch in self.run.store.iter_batches(SHADOW_STATES):
            for key, state in zip(batch.keys, batch[COLUMN], strict=True):
                if key in keys and state is not None:
                    self._add(key, state)

    def observe(self, pairs: Iterable[PairState]) -> None:
        """Remember pairs whose new keys are as they should be, in memory alone; what was known before is of no use."""
        for pair in pairs:
            digest = _digest(pair.old_state)
            self.states[pair.old] = digest + digest + COPIED + digest

    def record_intention(self, pairs: Sequence[PairState]) -> None:
        """Remember that documents are about to be copied; it is on disk when this returns."""
        states = [(pair.old, 2 * _digest(pair.old_state)) for pair in pairs if pair.has_old]
        self._record(states, is_urgent=True)

    def record_copies(self, pairs: Sequence[PairState]) -> None:
        """Remember that documents were copied, and forget those whose copies were removed."""
        copied = [(pair.old, COPIED + _digest(pair.old_state)) for pair in pairs if pair.has_old]
        self._record(copied, is_urgent=False)
        self._record([(pair.old, FORGOTTEN) for pair in pairs if not pair.has_old], is_urgent=True)

    def record_copies_back(self, pairs: Sequence[PairState]) -> None:
        """Remember that old keys were made copies of the new ones; it is on disk when this returns."""
        self._record([(pair.old, 2 * _digest(pair.new_state)) for pair in pairs], is_urgent=True)

    def record_seen(self, pairs: Sequence[PairState]) -> None:
        """Remember pairs whose new keys are left alone; it is on disk when this returns."""
        self._record([(pair.old, _digest(pair.old_state) + _digest(pair.new_state)) for pair in pairs], is_urgent=True)

    def forget(self, keys: Iterable[bytes]) -> None:
        """Free the memory of documents with these old keys; the backup keeps what it holds."""
        for key in keys:
            self.states.pop(key, None)

    def originals(self, pair: PairState) -> set[bytes]:
        """Return digests of what the old key was when the new one was known to be as it is now."""
        now = _digest(pair.new_state)
        return {state[:DIGEST_SIZE] for state in self._known(pair) if state[DIGEST_SIZE:] == now} - {COPIED}

    def is_original(self, pair: PairState) -> bool:
        """Whether the old key is as it was when the new one was known to be as it is now."""
        return _digest(pair.old_state) in self.originals(pair)

    def is_copy(self, pair: PairState) -> bool:
        """Whether the new key is as a run has written it."""
        return 2 * _digest(pair.new_state) in self._known(pair)

    def was_copied(self, pair: PairState) -> bool:
        """Whether the old key is as it was when a run had copied it."""
        return COPIED + _digest(pair.old_state) in self._known(pair)

    def is_known_original(self, pair: PairState) -> bool:
        """Whether the old key is as a run has seen or copied it."""
        return _digest(pair.old_state) in {state[:DIGEST_SIZE] for state in self._known(pair)}

    def _known(self, pair: PairState) -> list[bytes]:
        known = self.states.get(pair.old, b"")
        return [known[place : place + STATE_SIZE] for place in range(0, len(known), STATE_SIZE)]

    def _record(self, states: Sequence[tuple[bytes, bytes]], *, is_urgent: bool) -> None:
        new = [(key, state) for key, state in states if not self._has(key, state)]
        if not new:
            return
        with self.run.guard:
            batch = Batch(tuple(key for key, _ in new), {COLUMN: Column.of(state for _, state in new)})
            self.run.store.append(SHADOW_STATES, batch)
            if is_urgent:
                self.run.store.sync()
        for key, state in new:
            self._add(key, state)
            if key in self.states:
                self.states[key] = bounded(self.states[key])

    def _has(self, key: bytes, state: bytes) -> bool:
        known = self.states.get(key, b"")
        return any(known[place : place + STATE_SIZE] == state for place in range(0, len(known), STATE_SIZE))

    def _add(self, key: bytes, states: bytes) -> None:
        for place in range(0, len(states), STATE_SIZE):
            state = states[place : place + STATE_SIZE]
            if state == FORGOTTEN:
                self.states.pop(key, None)
            elif state.startswith(COPIED):  # it was copied: the new key has been nothing else since
                self.states[key] = 2 * state[DIGEST_SIZE:] + state
            elif not self._has(key, state):
                self.states[key] = self.states.get(key, b"") + state


def _digest(state: bytes) -> bytes:
    if state == GONE:
        return ABSENT
    if state == OTHER_TYPE:
        return b"\xff" * DIGEST_SIZE
    return bytes.fromhex(state[: 2 * DIGEST_SIZE].decode())
