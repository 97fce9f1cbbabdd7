"""Converting documents: their shadow fields become what the transforms make of the originals that they have now.

Before the switch shadow fields belong to the run: whatever an application writes there is replaced, unless that is the
new name of a field. After it, shadow fields that an application wrote stay.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import compress

from attrs import define, evolve, field

from fieldfare.backup import CONCURRENT_UPDATES
from fieldfare.definition import IndexDefinition
from fieldfare.documents import Batch, Column
from fieldfare.engine.index import wait_while_indexing
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.conversion import ShadowedDocuments, read_shadowed
from fieldfare.engine.shadow_fields.history import FieldHistory
from fieldfare.engine.shadow_pairs.synchronization import Synchronization
from fieldfare.engine.shadow_paths import moved_paths, shadow_paths
from fieldfare.server.guarded_write import GuardedWrite, write_guarded
from fieldfare.server.inspect import read_stats
from fieldfare.server.keys import iterate_keys
from fieldfare.server.search import find_indexed

__all__ = ["FieldSynchronization"]


@define
class FieldSynchronization(Synchronization[ShadowedDocuments]):
    """Converts what applications have written to originals.

    A shadow field is only written while its original is what it was made of, and while it holds what was read. Before
    the switch, it is removed from a document that has no original, and originals go to the backup first.

    Attributes:
        problems: reason → keys of documents that were not converted for it.
    """

    problems: defaultdict[str, list[bytes]] = field(init=False, factory=lambda: defaultdict(list))
    history: FieldHistory = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Know nothing yet."""
        self.history = FieldHistory(self.run)
        self.remembers = self.remembers and self.is_switched  # the backup has what is converted before the switch

    @property
    def counts(self) -> bool:
        """Whether documents are counted: before the switch, shadow fields belong to the run."""
        return self.is_switched

    def load(self, keys: Collection[bytes]) -> None:
        """Read from the backup what is known about documents."""
        self._load(keys)

    def find_theirs(self, found: ShadowedDocuments) -> Mapping[str, Collection[bytes]]:
        """Return path of a shadow field → the keys of documents that have it from an application.

        Args:
            found: documents whose history is loaded.
        """
        paths = shadow_paths(self.run.plan).items()
        return {new: set(compress(found.keys, self._are_theirs(found, old, new))) for old, new in paths}

    def follow_changes(self, keys: Collection[bytes]) -> None:
        """Convert documents among keys that anybody has changed; with a FILTER, only the index knows them."""
        self.problems.clear()
        if self.run.source.filter is not None and keys:
            keys = find_indexed(self.run.server, self.run.target.name, sorted(keys))
        super().follow_changes(keys)

    @property
    def _index(self) -> IndexDefinition:
        return self.run.target if self.is_switched else self.run.source

    def _comparing(self, activity: str) -> AbstractContextManager[None]:
        total = read_stats(self.run.server, self._index.name).num_docs
        return self.run.activity(activity, "Compare shadow fields with originals", total=total)

    def _every(self) -> Iterator[ShadowedDocuments]:
        run = self.run
        stats = wait_while_indexing(run, self._index.name)
        for keys in iterate_keys(run.server, self._index, stats, run.options.batch_size):
            yield self._read(keys)
            run.advance(len(keys))

    def _read(self, keys: Sequence[bytes]) -> ShadowedDocuments:
        found, problems = read_shadowed(self.run, keys)
        for reason, affected in problems.items():
            self.problems[reason].extend(affected)
        return found

    def _load(self, keys: Collection[bytes]) -> None:
        if self._paths_of_applications():
            super()._load(keys)

    def _undecided(self, found: ShadowedDocuments, outdated: Sequence[int]) -> list[int]:
        pairs = [(found.shadows[new], found.converted[new]) for new in self._paths_of_applications().values()]
        return [
            row
            for row in outdated
            if any(shadow[row] is not None and shadow[row] != converted[row] for shadow, converted in pairs)
        ]

    def _divide(self, outdated: ShadowedDocuments) -> tuple[ShadowedDocuments, ShadowedDocuments]:
        """Divide documents; each gets the shadow fields that it is to have as ``converted``."""
        paths = shadow_paths(self.run.plan)
        columns = {new: Column.of(self._wanted(outdated, old, new)) for old, new in paths.items()}
        wanted = evolve(outdated, converted=Batch(outdated.keys, columns))
        chosen = wanted.outdated()
        return wanted.select(chosen), wanted.select(sorted({*range(len(outdated.keys))}.difference(chosen)))

    def _wanted(self, found: ShadowedDocuments, path: str, shadow_path: str) -> Iterator[bytes | None]:
        """Yield what each document's shadow field is to hold."""
        columns = (self._are_theirs(found, path, shadow_path), found.shadows[shadow_path], found.converted[shadow_path])
        for is_theirs, shadow, converted in zip(*columns, strict=True):
            yield shadow if is_theirs else converted

    def _are_theirs(self, found: ShadowedDocuments, path: str, shadow_path: str) -> Iterator[bool]:
        """Yield whether an application wrote each document's shadow field."""
        may_be_theirs = path in self._paths_of_applications()
        columns = (found.originals[path], found.shadows[shadow_path], found.converted[shadow_path])
        for key, original, shadow, converted in zip(found.keys, *columns, strict=True):
            yield (
                may_be_theirs
                and shadow is not None
                and shadow != converted
                and ((self.is_switched and original is None) or self.history.is_theirs(path, key, original, shadow))
            )

    def _paths_of_applications(self) -> Mapping[str, str]:
        """Return path of an original → path of its shadow field, where an application may write the latter."""
        return shadow_paths(self.run.plan) if self.is_switched else moved_paths(self.run.plan)

    def _convert(self, chosen: ShadowedDocuments) -> tuple[Sequence[bytes], Sequence[bytes]]:
        run = self.run
        self.history.record_seen(chosen)
        if not self.is_switched:
            _save_originals(run, chosen.originals)
        run.check()
        write = GuardedWrite(chosen.converted, chosen.shadows, chosen.originals)
        result = write_guarded(run.server, run.source.storage, write, shadow_paths(run.plan))
        self.problems["vanished"].extend(result.vanished)
        self.problems["wrong type"].extend(result.wrong_type)
        others = {*result.vanished, *result.wrong_type, *result.changed}
        done = [row for row, key in enumerate(chosen.keys) if key not in others]
        self.history.record_written(chosen.select(done))
        return [chosen.keys[row] for row in done], result.changed

    def _summary(self) -> str:
        return f"converted: {self.converted}; written in the new form by applications, left alone: {self.left_alone}"


def _save_originals(run: ActiveRun, originals: Batch) -> None:
    columns = originals.columns.values()
    rows = [row for row in range(len(originals)) if any(column[row] is not None for column in columns)]
    if rows:
        with run.guard:
            run.store.append(CONCURRENT_UPDATES, originals.select(rows, originals.columns))
            run.store.sync()
