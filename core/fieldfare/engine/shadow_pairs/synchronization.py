"""Keeping pairs equal: what applications write to originals is converted, copies of theirs stay."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Final, Generic

from attrs import define, field

from fieldfare.documents import KeyCounter
from fieldfare.engine.concurrent.external_values import problem_notes
from fieldfare.engine.concurrent.updates import CONTENDED
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_pairs.history import PairHistory
from fieldfare.engine.shadow_pairs.pairs import Found
from fieldfare.report import Finding, Severity
from fieldfare.server.change_follower import ChangeFollower
from fieldfare.server.inspect import index_exists

__all__ = ["ATTEMPTS", "Synchronization", "live_index"]

ATTEMPTS: Final = 20
"""How often a document is looked at again that an application writes between our look and our write."""


@define
class Synchronization(ABC, Generic[Found]):
    """Converts what applications have written to originals, and leaves alone what they have written to copies.

    Attributes:
        run: with a target.
        is_switched: whether some name leads to the target.
        remembers: whether the state of every document that was looked at is kept in memory, for later changes.
        converted: documents that were converted.
        left_alone: documents with a copy that an application wrote.
        contended: the keys of documents that applications updated faster than they could be converted when they were
            last looked at.
        history: the history of the documents that were looked at.
    """

    run: ActiveRun
    is_switched: bool = True
    remembers: bool = False
    converted: KeyCounter = field(init=False, factory=KeyCounter)
    left_alone: KeyCounter = field(init=False, factory=KeyCounter)
    contended: set[bytes] = field(init=False, factory=set)
    history: PairHistory[Found] = field(init=False)

    @property
    def counts(self) -> bool:
        """Whether documents are counted."""
        return True

    def start_follower(self) -> ChangeFollower:
        """Follow what is changed in documents from now on."""
        run = self.run
        prefixes = tuple(dict.fromkeys((*run.source.prefixes, *run.target.prefixes)))
        return ChangeFollower.start(run.server, live_index(run), prefixes)

    def compare_every(self, activity: str = "sync") -> None:
        """Compare every document, and convert those whose original was written since it was converted."""
        with self._comparing(activity):
            self._decide([key for found in self._every() for key in self._convert_simple(found)])

    def follow(self, keys: Collection[bytes]) -> Sequence[bytes]:
        """Convert documents that may have been changed.

        Returns:
            The keys of documents of which it had to be known who wrote what, and that applications update faster than
            they can be converted.
        """
        undecided = list[bytes]()
        for part in self._parts(keys):
            left = self._convert_simple(self._read(part))
            self.contended.difference_update({*part}.difference(left))
            undecided += left
        return self._decide(undecided, is_loaded=self.remembers)

    def follow_changes(self, keys: Collection[bytes]) -> None:
        """Convert documents among keys that anybody has changed."""
        self.follow(sorted(keys))

    def settle(self, keys: Collection[bytes], finish: Callable[[Found], Collection[bytes]]) -> None:
        """Convert documents, and have finished what is as it should be, until no document is left.

        Args:
            keys: the keys of the documents; this has to remember them.
            finish: takes documents, and returns the keys of those that were changed meanwhile.
        """
        self._load(keys)
        for _ in range(ATTEMPTS):
            if not keys:
                return
            self.follow(keys)
            again = list[bytes]()
            for part in self._parts(keys):
                found = self._read(part)
                outdated = set(self._divided(found)[0].keys)
                settled = [row for row, key in enumerate(found.keys) if key not in outdated]
                again += {*outdated, *finish(found.select(settled))}
            keys = sorted(again)
        self.run.note(problem_notes({CONTENDED: list(keys)}))

    def count_outdated(self) -> KeyCounter:
        """Count the documents that :meth:`compare_every` would convert. Changes nothing."""
        counted = KeyCounter()
        with self._comparing("sync"):
            outdated = [key for found in self._every() for key in found.select(found.outdated()).keys]
        for chosen, _ in self.divide(outdated):
            counted.add(chosen.keys)
        return counted

    def divide(self, keys: Collection[bytes]) -> Iterator[tuple[Found, Found]]:
        """Yield those of some documents that would be converted, and those that would be left alone."""
        self._load(keys)
        yield from (self._divided(self._read(part)) for part in self._parts(keys))

    def note_contended(self) -> None:
        """Note the documents that are not converted, after the last look at them."""
        self.run.note(problem_notes({CONTENDED: sorted(self.contended)}))

    def finding(self) -> Finding:
        """Return how many documents were converted, and how many applications have written in the new form."""
        data = {"converted": self.converted.count, "left_alone": self.left_alone.count} if self.counts else {}
        detail = self._summary() if self.counts else "the names still lead to the source"
        return Finding("sync", passed=True, severity=Severity.INFO, detail=detail, data=data)

    def _convert_simple(self, found: Found) -> list[bytes]:
        """Convert what is outdated in any case; return the documents of which it has to be known who wrote what.

        Documents that were changed meanwhile are among these.
        """
        outdated = found.outdated()
        if self.remembers:
            self.history.observe(found.select(sorted({*range(len(found.keys))}.difference(outdated))))
        undecided = set(self._undecided(found, outdated))
        simple = found.select([row for row in outdated if row not in undecided])
        changed = self._attempt(simple) if simple.keys else ()
        self._forget(simple.keys)
        return [*(found.keys[row] for row in sorted(undecided)), *changed]

    def _decide(self, keys: Sequence[bytes], *, is_loaded: bool = False) -> Sequence[bytes]:
        """Convert documents by what was there before; return those that applications change all the time."""
        if not is_loaded:
            self._load(keys)
        contended = list[bytes]()
        for part in self._parts(keys):
            left = part
            for _ in range(ATTEMPTS):
                again = self._attempt(self._read(left)) if left else ()
                self.contended.difference_update(left)
                self.contended.update(again)
                left = again
            contended += left
            self._forget(part)
        return contended

    def _attempt(self, found: Found) -> Sequence[bytes]:
        """Convert documents whose history is known as far as it matters; return those that were changed meanwhile."""
        chosen, alone = self._divided(found)
        self.history.record_seen(alone)
        done, changed = self._convert(chosen) if chosen.keys else ((), ())
        if self.counts:
            self.left_alone.add(alone.keys)
            self.converted.add(done)
        return changed

    def _divided(self, found: Found) -> tuple[Found, Found]:
        """Return the outdated documents that would be converted, and those that would be left alone."""
        return self._divide(found.select(found.outdated()))

    def _load(self, keys: Collection[bytes]) -> None:
        if keys:
            self.history.load(set(keys))

    def _forget(self, keys: Collection[bytes]) -> None:
        if not self.remembers:
            self.history.forget(keys)

    def _parts(self, keys: Collection[bytes]) -> Iterator[Sequence[bytes]]:
        every, size = list(keys), self.run.options.batch_size
        yield from (every[start : start + size] for start in range(0, len(every), size))

    @abstractmethod
    def _comparing(self, activity: str) -> AbstractContextManager[None]:
        """Report that every document is compared."""

    @abstractmethod
    def _every(self) -> Iterator[Found]:
        """Yield all documents, a batch at a time; progress is reported."""

    @abstractmethod
    def _read(self, keys: Sequence[bytes]) -> Found:
        """Read documents."""

    @abstractmethod
    def _undecided(self, found: Found, outdated: Sequence[int]) -> list[int]:
        """Return those of the outdated documents that may be left alone, by what was there before."""

    @abstractmethod
    def _divide(self, outdated: Found) -> tuple[Found, Found]:
        """Divide outdated documents by what is known about them."""

    @abstractmethod
    def _convert(self, chosen: Found) -> tuple[Sequence[bytes], Sequence[bytes]]:
        """Convert documents that are as they were read; return their keys, and those of the changed ones."""

    @abstractmethod
    def _summary(self) -> str:
        """Return a sentence on what was converted, and left alone."""


def live_index(run: ActiveRun) -> str:
    """Return the name of an index of the migration that is there: in a cluster it tells which nodes have documents."""
    restored = run.journal.progress.restored_as
    names = (name for name in (run.target.name, run.source.name, restored) if name)
    return next((name for name in names if index_exists(run.server, name)), run.source.name)
