"""Copying documents to new keys: what applications write to old keys is copied, what they write to new ones stays.

It is the same before the switch and after it. Only a copy that is missing before the switch is made again: until then
queries find the documents under the old keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

from attrs import define, evolve, field

from fieldfare.definition import IndexDefinition
from fieldfare.engine.copied_keys import Pair, pairs_of
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_keys.history import KeyHistory, KeyPairs, PairState
from fieldfare.engine.shadow_pairs.synchronization import Synchronization, live_index
from fieldfare.plan import Step
from fieldfare.server.inspect import read_stats
from fieldfare.server.key_copy import KeyCopy, copy_keys, hold_documents, read_states
from fieldfare.server.keys import iterate_scan

__all__ = ["KeySynchronization", "every_pair", "pairs_of_new_keys", "pairs_of_old_keys", "read_pairs"]


@define
class KeySynchronization(Synchronization[KeyPairs]):
    """Copies what applications have written to old keys, and leaves alone what they have written to new ones.

    Attributes:
        may_lack_copies: whether the server may have lost copies, so that a missing one says nothing.
        steps: which of the plan's steps count; all if there are none.
    """

    may_lack_copies: bool = False
    steps: Sequence[Step] = ()
    history: KeyHistory = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Know nothing yet."""
        self.history = KeyHistory(self.run)

    def _comparing(self, activity: str) -> AbstractContextManager[None]:
        total = 2 * read_stats(self.run.server, live_index(self.run)).num_docs
        return self.run.activity(activity, "Compare copies with originals", total=total)

    def _every(self) -> Iterator[KeyPairs]:
        return every_pair(self.run)

    def _read(self, keys: Sequence[bytes]) -> KeyPairs:
        return read_pairs(self.run, pairs_of(self.run.plugins, self.run.plan, keys, steps=self.steps))

    def _undecided(self, found: KeyPairs, outdated: Sequence[int]) -> list[int]:
        return [row for row in outdated if not self._lacks_copy(found[row])]

    def _divide(self, outdated: KeyPairs) -> tuple[KeyPairs, KeyPairs]:
        chosen = {row for row, pair in enumerate(outdated) if self._is_to_copy(pair)}
        return outdated.select(sorted(chosen)), outdated.select(sorted({*range(len(outdated))} - chosen))

    def _convert(self, chosen: KeyPairs) -> tuple[Sequence[bytes], Sequence[bytes]]:
        """Make new keys what the old ones are; one is removed if the old one holds no document."""
        self.history.record_intention(chosen)
        self.run.check()
        copies = [KeyCopy(pair.old, pair.new, pair.old_state, pair.new_state) for pair in chosen]
        changed = copy_keys(self.run.server, self.run.source.storage, copies)
        done = KeyPairs(pair for pair in chosen if pair.old not in changed)
        self.history.record_copies(done)
        return done.keys, sorted(changed)

    def _summary(self) -> str:
        written = f"new keys written by applications, left alone: {self.left_alone}"
        return f"copied to their new keys: {self.converted}; {written}"

    def _lacks_copy(self, pair: PairState) -> bool:
        """Whether a copy is missing that no application can have removed."""
        return pair.has_old and not pair.has_new and (not self.is_switched or self.may_lack_copies)

    def _is_to_copy(self, pair: PairState) -> bool:
        """Whether a pair is to be made equal, by what is known about it; otherwise an application wrote the new key."""
        if not pair.has_new:
            return self._lacks_copy(pair) or not self.history.was_copied(pair)  # removed under its new key
        if not pair.has_old:
            return self.history.is_copy(pair)
        return not self.history.is_theirs(pair)


def read_pairs(run: ActiveRun, pairs: Iterable[Pair]) -> KeyPairs:
    """Return what the keys of documents hold."""
    pairs = list(pairs)
    states = read_states(run.server, run.source.storage, [key for pair in pairs for key in pair])
    each = zip(pairs, states[::2], states[1::2], strict=True)
    return KeyPairs(PairState(old, new, old_state, new_state) for (old, new), old_state, new_state in each)


def every_pair(run: ActiveRun) -> Iterator[KeyPairs]:
    """Yield what the keys of all documents hold, a batch at a time; progress is reported.

    New keys come first. Meanwhile applications may delete an old key and write it again, but they do not do this with a
    new key that holds a copy. So no pair that has a copy is missed.
    """
    yield from pairs_of_new_keys(run)
    yield from pairs_of_old_keys(run, without_new=True)


def pairs_of_new_keys(run: ActiveRun) -> Iterator[KeyPairs]:
    """Yield what both keys of documents hold that have a new key, as :func:`every_pair` does.

    A new key that an application deletes and writes again meanwhile may be missed.
    """
    for keys in _scanned(run, run.target):
        yield read_pairs(run, pairs_of(run.plugins, run.plan, keys))
        run.advance(len(keys))


def pairs_of_old_keys(run: ActiveRun, *, without_new: bool = False) -> Iterator[KeyPairs]:
    """Yield what both keys of documents hold that have an old key, as :func:`every_pair` does.

    Args:
        run: the run.
        without_new: whether to leave out documents with a new key.
    """
    for keys in _scanned(run, run.source):
        pairs = pairs_of(run.plugins, run.plan, keys)
        if without_new:
            there = hold_documents(run.server, run.source.storage, [new for _, new in pairs])
            pairs = [pair for pair, is_there in zip(pairs, there, strict=True) if not is_there]
        yield read_pairs(run, pairs)
        run.advance(len(keys))


def _scanned(run: ActiveRun, definition: IndexDefinition) -> Iterator[list[bytes]]:
    """Yield the keys below the prefixes of an index, which need not be there."""
    scanned = evolve(definition, name=live_index(run), filter=None)
    return iterate_scan(run.server, scanned, run.options.batch_size)
