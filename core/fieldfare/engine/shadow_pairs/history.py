"""What both places of a pair held when a run last looked at them, or wrote one of them.

Applications may write both: old versions the original, new ones the copy. Which of the two was written since the last
look decides whether a document is converted. Digests tell that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Collection
from hashlib import blake2b
from typing import Final, Generic

from attrs import define, field

from fieldfare.backup import SHADOW_STATES
from fieldfare.documents import Batch
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_pairs.pairs import Found

__all__ = ["ABSENT", "DIGEST_SIZE", "STATE_SIZE", "PairHistory"]

DIGEST_SIZE: Final = 8
"""Bytes of the digest of one place."""

STATE_SIZE: Final = 2 * DIGEST_SIZE
"""Bytes of a state: the digests of an original and of its copy."""

ABSENT: Final = bytes(DIGEST_SIZE)
"""In place of the digest of what is not there."""

FIRST: Final = 4
LATEST: Final = 28
MOST: Final = 64
"""How many states of a pair are in memory; of more, the first and the latest ones stay."""


@define
class PairHistory(ABC, Generic[Found]):
    """Known states of pairs: an original and a copy that were there together, or were to be.

    Memory: about 200 bytes for each pair that it knows.

    Attributes:
        run: its backup holds what it has seen and written.
        states: name of a pair → key of its document → known states, one behind the other.
    """

    run: ActiveRun
    states: defaultdict[str, dict[bytes, bytes]] = field(init=False, factory=lambda: defaultdict(dict))
    _processes: bytes = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Ask who is the server: after a restart it may have an older copy beside a newer original."""
        ids = self.run.server.run_ids()
        self._processes = blake2b("".join(ids).encode(), digest_size=DIGEST_SIZE).digest() if all(ids) else b""

    def load(self, keys: Collection[bytes]) -> None:
        """Read from the backup what is known about documents."""
        for batch in self.run.store.iter_batches(SHADOW_STATES):
            self.add(batch.select([row for row, key in enumerate(batch.keys) if key in keys], batch.columns))

    @abstractmethod
    def observe(self, found: Found) -> None:
        """Remember documents whose copies are as they should be, in memory alone.

        What was known about them before is no longer of use.
        """

    @abstractmethod
    def record_seen(self, found: Found) -> None:
        """Remember documents whose copies are left alone; it is on disk when this returns."""

    def forget(self, keys: Collection[bytes]) -> None:
        """Free the memory of documents; the backup keeps what it holds."""
        for known in self.states.values():
            for key in keys:
                known.pop(key, None)

    def known(self, name: str, key: bytes) -> list[bytes]:
        """Return the known states of a pair."""
        known = self.states[name].get(key, b"")
        return [known[place : place + STATE_SIZE] for place in range(0, len(known), STATE_SIZE)]

    def was_written_by_application(self, name: str, key: bytes, original: bytes, copy: bytes) -> bool:
        """Whether a copy is not to be replaced by what its original becomes.

        It is replaced if it is as a run knows it, and its original is another one now. What is no longer known
        counts as written by an application.

        Args:
            name: the name of the pair.
            key: the key of the document.
            original: the digest of the original.
            copy: the digest of the copy, which is not what the original becomes.
        """
        originals = {state[:DIGEST_SIZE] for state in self.known(name, key) if state[DIGEST_SIZE:] == copy}
        return not originals or original in originals

    def record(self, states: Batch, *, is_urgent: bool = True) -> None:
        """Remember states of documents, by the names of pairs.

        They are on disk when this returns, if it is urgent.
        """
        columns = states.columns.items()
        rows = [
            row
            for row, key in enumerate(states.keys)
            if any(self._is_news(name, key, column[row]) for name, column in columns)
        ]
        if not rows:
            return
        states = states.select(rows, states.columns)
        with self.run.guard:
            self.run.store.append(SHADOW_STATES, states)
            if is_urgent:
                self.run.store.sync()
        self.add(states)
        for name in states.columns:
            known = self.states[name]
            known |= {key: _bounded(known[key]) for key in states.keys if key in known}

    def add(self, states: Batch) -> None:
        """Remember states of documents, in memory alone."""
        for name, column in states.columns.items():
            for key, state in zip(states.keys, column, strict=True):
                if state is not None:
                    self._add(name, key, state)

    def _is_news(self, name: str, key: bytes, state: bytes | None) -> bool:
        return state not in self.known(name, key)

    def _add(self, name: str, key: bytes, state: bytes) -> None:
        if state not in self.known(name, key):
            self.states[name][key] = self.states[name].get(key, b"") + state


def _bounded(known: bytes) -> bytes:
    """Return known states without those between the first and the latest ones if there are many."""
    if len(known) <= MOST * STATE_SIZE:
        return known
    return known[: FIRST * STATE_SIZE] + known[-LATEST * STATE_SIZE :]
