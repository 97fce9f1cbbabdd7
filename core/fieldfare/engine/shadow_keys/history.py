"""What the two keys of a document held when a run last looked at them, or copied one to the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, frozen

from fieldfare.documents import Batch, Column
from fieldfare.engine.shadow_pairs.history import ABSENT, DIGEST_SIZE, STATE_SIZE, PairHistory
from fieldfare.server.key_copy import GONE, OTHER_TYPE

__all__ = ["KeyHistory", "KeyPairs", "PairState"]

COPIED: Final = b"\xfe" * DIGEST_SIZE
"""In place of the digest of an old key: the new key was made a copy."""

OUTDATED: Final = b"\xfd" * DIGEST_SIZE
"""In place of the digest of an old key: the new key was this earlier, and is again if a restart has lost the rest."""

FORGOTTEN: Final = 2 * ABSENT
"""The state after the removal of a copy: what was known before says nothing of a new document."""

NAME: Final = "state"
"""The one pair of each document."""


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

    @property
    def old_digest(self) -> bytes:
        """The digest of what the old key holds."""
        return _digest(self.old_state)

    @property
    def new_digest(self) -> bytes:
        """The digest of what the new key holds."""
        return _digest(self.new_state)


class KeyPairs(tuple[PairState, ...]):
    """Documents with what their two keys hold."""

    __slots__ = ()

    @property
    def keys(self) -> Sequence[bytes]:
        """The old keys, which name the documents."""
        return [pair.old for pair in self]

    def outdated(self) -> list[int]:
        """Return the documents whose new key is not what the old one is."""
        return [row for row, pair in enumerate(self) if not pair.is_equal]

    def select(self, rows: Sequence[int]) -> KeyPairs:
        """Return some of the documents."""
        return KeyPairs(self[row] for row in rows)


@define
class KeyHistory(PairHistory[KeyPairs]):
    """Known states of old keys, and of new keys beside them.

    Two equal digests: the document was to be copied. ``COPIED`` and the digest of a copy: it was copied. Two other
    digests: an application wrote the new key, which was left alone. The last two end with the digest of the server's
    processes. As long as these run, what the new key was earlier is of no use.
    """

    def observe(self, found: KeyPairs) -> None:
        """Remember pairs whose new keys are as they should be; on disk are those without both keys."""
        for pair in found:
            if pair.has_old:
                self._add(NAME, pair.old, COPIED + pair.old_digest + self._processes)
        self.record(_batch([(pair.old, FORGOTTEN) for pair in found if not pair.has_old]), is_urgent=False)

    def record_intention(self, pairs: Iterable[PairState]) -> None:
        """Remember that documents are about to be copied; it is on disk when this returns."""
        self.record(_batch([(pair.old, 2 * pair.old_digest) for pair in pairs if pair.has_old]))

    def record_copies(self, pairs: Sequence[PairState]) -> None:
        """Remember that documents were copied, and forget those whose copies were removed."""
        copied = [(pair.old, COPIED + pair.old_digest + self._processes) for pair in pairs if pair.has_old]
        self.record(_batch(copied), is_urgent=False)
        self.record(_batch([(pair.old, FORGOTTEN) for pair in pairs if not pair.has_old]))

    def record_copies_back(self, pairs: Iterable[PairState]) -> None:
        """Remember that old keys were made copies of the new ones; it is on disk when this returns."""
        self.record(_batch([(pair.old, 2 * pair.new_digest) for pair in pairs]))

    def record_seen(self, found: KeyPairs) -> None:
        """Remember pairs whose new keys are left alone."""
        self.record(_batch([(pair.old, pair.old_digest + pair.new_digest + self._processes) for pair in found]))

    def is_theirs(self, pair: PairState) -> bool:
        """Whether an application wrote the new key, which is not what the old one is."""
        return self.was_written_by_application(NAME, pair.old, pair.old_digest, pair.new_digest)

    def is_copy(self, pair: PairState) -> bool:
        """Whether the new key is as a run has written it."""
        return pair.new_state != OTHER_TYPE and 2 * pair.new_digest in self.known(NAME, pair.old)

    def is_outdated_copy(self, pair: PairState) -> bool:
        """Whether the new key is as it was earlier: a restarted server has lost what was written to it."""
        is_known = OUTDATED + pair.new_digest in self.known(NAME, pair.old)
        return is_known and pair.has_old and not self.is_theirs(pair)

    def was_copied(self, pair: PairState) -> bool:
        """Whether the old key is as it was when a run had copied it, or left alone that the new key was removed."""
        known = self.known(NAME, pair.old)
        return COPIED + pair.old_digest in known or pair.old_digest + ABSENT in known

    def is_known_original(self, pair: PairState) -> bool:
        """Whether the old key is as a run has seen or copied it."""
        return pair.old_digest in {state[:DIGEST_SIZE] for state in self.known(NAME, pair.old)}

    def _is_news(self, name: str, key: bytes, state: bytes | None) -> bool:
        if state is None or _is_intention(state):
            return super()._is_news(name, key, state)
        return self.known(name, key)[-1:] != [state[:STATE_SIZE]]

    def _add(self, name: str, key: bytes, state: bytes) -> None:
        if state == FORGOTTEN:
            self.states[name].pop(key, None)
        elif _is_intention(state):
            super()._add(name, key, state)
        else:
            states = [state[:STATE_SIZE]]
            if state.startswith(COPIED):
                states.insert(0, 2 * state[DIGEST_SIZE:STATE_SIZE])
            if state[STATE_SIZE:] != self._processes:
                states = [*(OUTDATED + each[DIGEST_SIZE:] for each in self.known(name, key)), *states]
            self.states[name][key] = b"".join(dict.fromkeys(states))


def _is_intention(state: bytes) -> bool:
    return state != FORGOTTEN and state[:DIGEST_SIZE] == state[DIGEST_SIZE:]


def _batch(states: Sequence[tuple[bytes, bytes]]) -> Batch:
    return Batch(tuple(key for key, _ in states), {NAME: Column.of(state for _, state in states)})


def _digest(state: bytes) -> bytes:
    if state == GONE:
        return ABSENT
    if state == OTHER_TYPE:
        return b"\xff" * DIGEST_SIZE
    return bytes.fromhex(state[: 2 * DIGEST_SIZE].decode())
