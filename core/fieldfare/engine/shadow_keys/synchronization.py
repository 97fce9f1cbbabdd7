"""Copying documents to new keys: what applications write to old keys is copied, what they write to new ones stays.

It is the same before the switch and after it. Only a copy that is missing before the switch is made again: until then
queries find the documents under the old keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, auto
from typing import Final

from attrs import define, evolve, field

from fieldfare.documents import KeyCounter
from fieldfare.engine.concurrent.external_values import problem_notes
from fieldfare.engine.concurrent.updates import CONTENDED
from fieldfare.engine.copied_keys import Pair, pairs_of
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_keys.history import KeyHistory, PairState
from fieldfare.plan import Step
from fieldfare.server.inspect import index_exists
from fieldfare.server.key_copy import KeyCopy, copy_keys, hold_documents, read_states
from fieldfare.server.keys import iterate_scan

__all__ = ["KeySynchronization", "every_pair", "followed_prefixes", "live_index", "read_pairs"]

ATTEMPTS: Final = 20
"""How often a document is looked at again that an application writes between our look and our write."""


class Action(Enum):
    """What becomes of a pair."""

    NOTHING = auto()
    COPY = auto()
    """The new key becomes what the old one is; it is removed if the old one holds no document."""

    LEAVE = auto()
    """An application has written the new key."""

    UNDECIDED = auto()
    """What was there before has to be known."""


@define
class KeySynchronization:
    """Copies what applications have written to old keys, and leaves alone what they have written to new ones.

    Attributes:
        run: with a target.
        is_switched: whether some name leads to the target.
        remembers: whether the state of every pair that was looked at is kept in memory, for later changes.
        may_lack_copies: whether the server may have lost copies, so that a missing one says nothing.
        copied: documents that were copied, or whose copy was removed.
        left_alone: documents whose new key an application wrote.
    """

    run: ActiveRun
    is_switched: bool
    remembers: bool = False
    may_lack_copies: bool = False
    copied: KeyCounter = field(init=False, factory=KeyCounter)
    left_alone: KeyCounter = field(init=False, factory=KeyCounter)
    history: KeyHistory = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Know nothing yet."""
        self.history = KeyHistory(self.run)

    def compare_every(self) -> None:
        """Compare every document with its copy, and copy those that were written since."""
        undecided: list[Pair] = []
        for found in every_pair(self.run):
            undecided += self._copy_missing(found)
        self._decide(undecided)

    def follow(self, keys: Iterable[bytes], steps: Sequence[Step] = ()) -> Sequence[bytes]:
        """Copy some documents that may have been changed.

        Args:
            keys: old or new ones.
            steps: which of the plan's steps count; all if there are none.

        Returns:
            The old keys of documents that applications update faster than they can be copied.
        """
        pairs = pairs_of(self.run.plugins, self.run.plan, keys, steps=steps)
        undecided = self._copy_missing(read_pairs(self.run, pairs))
        return self._decide(undecided, is_loaded=self.remembers)

    def count_outdated(self) -> KeyCounter:
        """Count the documents that :meth:`compare_every` would copy. Changes nothing."""
        counted = KeyCounter()
        different = [pair for found in every_pair(self.run) for pair in found if not pair.is_equal]
        counted.add(pair.old for pair in self.outdated((pair.old, pair.new) for pair in different))
        return counted

    def outdated(self, pairs: Iterable[Pair]) -> Iterator[PairState]:
        """Yield those of some pairs that would be copied. Changes nothing."""
        every = list(pairs)
        if every:
            self.history.load({old for old, _ in every})
        for part in self._parts(every):
            yield from filter(self.is_outdated, read_pairs(self.run, part))

    def is_outdated(self, pair: PairState) -> bool:
        """Whether a pair would be copied; its history has to be loaded."""
        return self._action(pair) is Action.COPY

    def _copy_missing(self, found: Sequence[PairState]) -> list[Pair]:
        """Copy documents that have no copy yet; return those for which it has to be known what was there before."""
        if self.remembers:
            self.history.observe(pair for pair in found if pair.is_equal and pair.has_old)
            self.history.forget(pair.old for pair in found if pair.is_equal and not pair.has_old)
        missing = [pair for pair in found if self._quick_action(pair) is Action.COPY]
        if missing:
            self._carry_out(missing)
        return [(pair.old, pair.new) for pair in found if self._quick_action(pair) is Action.UNDECIDED]

    def _decide(self, pairs: Sequence[Pair], *, is_loaded: bool = False) -> Sequence[bytes]:
        if pairs and not is_loaded:
            self.history.load({old for old, _ in pairs})
        return [key for part in self._parts(pairs) for key in self._carry_out(read_pairs(self.run, part))]

    def _parts(self, pairs: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
        size = self.run.options.batch_size
        yield from (pairs[start : start + size] for start in range(0, len(pairs), size))

    def _carry_out(self, found: Sequence[PairState]) -> Sequence[bytes]:
        """Copy what is to be copied, of documents whose history is known as far as it matters."""
        every = [pair.old for pair in found]
        for _ in range(ATTEMPTS):
            actions = [(pair, self._action(pair)) for pair in found]
            alone = [pair for pair, action in actions if action is Action.LEAVE]
            self.history.record_seen(alone)
            self.left_alone.add(pair.old for pair in alone)
            chosen = [pair for pair, action in actions if action is Action.COPY]
            changed = self._copy(chosen) if chosen else set()
            again = [(pair.old, pair.new) for pair in found if pair.old in changed]
            if not again:
                break
            found = read_pairs(self.run, again)
        else:
            self.run.note(problem_notes({CONTENDED: [old for old, _ in again]}))
        if not self.remembers:
            self.history.forget(every)
        return [old for old, _ in again]

    def _copy(self, chosen: Sequence[PairState]) -> set[bytes]:
        """Copy documents, and return the old keys of those that were changed in between."""
        self.history.record_intention(chosen)
        self.run.check()
        copies = [KeyCopy(pair.old, pair.new, pair.old_state, pair.new_state) for pair in chosen]
        changed = copy_keys(self.run.server, self.run.source.storage, copies)
        done = [pair for pair in chosen if pair.old not in changed]
        self.history.record_copies(done)
        self.copied.add(pair.old for pair in done)
        return changed

    def _quick_action(self, pair: PairState) -> Action:
        """Return what becomes of a pair as far as its history does not matter."""
        if pair.is_equal:
            return Action.NOTHING
        if pair.has_old and not pair.has_new and (not self.is_switched or self.may_lack_copies):
            return Action.COPY
        return Action.UNDECIDED

    def _action(self, pair: PairState) -> Action:
        """Return what becomes of a pair, by what is known about it."""
        action, history = self._quick_action(pair), self.history
        if action is not Action.UNDECIDED:
            return action
        if not pair.has_new:
            return Action.LEAVE if history.was_copied(pair) else Action.COPY  # removed under its new key
        if not pair.has_old:
            return Action.COPY if history.is_copy(pair) else Action.LEAVE
        return Action.COPY if history.originals(pair) and not history.is_original(pair) else Action.LEAVE


def read_pairs(run: ActiveRun, pairs: Sequence[Pair]) -> list[PairState]:
    """Return what the keys of documents hold."""
    states = read_states(run.server, run.source.storage, [key for pair in pairs for key in pair])
    each = zip(pairs, states[::2], states[1::2], strict=True)
    return [PairState(old, new, old_state, new_state) for (old, new), old_state, new_state in each]


def every_pair(run: ActiveRun) -> Iterator[list[PairState]]:
    """Yield what the keys of all documents hold, a batch at a time; progress is reported.

    Applications delete old keys and write them again meanwhile, but not new ones that hold copies. So new keys come
    first: the pair of a copy is not missed.
    """
    for definition in (run.target, run.source):
        scanned = evolve(definition, name=live_index(run), filter=None)
        for keys in iterate_scan(run.server, scanned, run.options.batch_size):
            pairs = pairs_of(run.plugins, run.plan, keys)
            if definition is run.source:  # those with a new key have come before
                there = hold_documents(run.server, run.source.storage, [new for _, new in pairs])
                pairs = [pair for pair, is_there in zip(pairs, there, strict=True) if not is_there]
            yield read_pairs(run, pairs)
            run.advance(len(keys))


def followed_prefixes(run: ActiveRun) -> tuple[str, ...]:
    """Return the prefixes below which documents have their old and new keys."""
    return tuple(dict.fromkeys((*run.source.prefixes, *run.target.prefixes)))


def live_index(run: ActiveRun) -> str:
    """Return the name of an index of the migration that is there: in a cluster it tells which nodes have documents."""
    restored = run.journal.progress.restored_as
    names = (name for name in (run.target.name, run.source.name, restored) if name)
    return next((name for name in names if index_exists(run.server, name)), run.source.name)
