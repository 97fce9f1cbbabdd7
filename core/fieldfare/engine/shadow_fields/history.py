"""What the originals and the shadow fields of documents were when a run last looked at them, or wrote them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from hashlib import blake2b

from attrs import define, field

from fieldfare.backup import CONCURRENT_UPDATES, REPLACED_VALUES, REWRITE
from fieldfare.definition import Storage
from fieldfare.documents import Batch, Column
from fieldfare.engine.shadow_fields.conversion import ShadowedDocuments, renamed
from fieldfare.engine.shadow_pairs.history import ABSENT, DIGEST_SIZE, STATE_SIZE, PairHistory
from fieldfare.engine.shadow_paths import shadow_paths
from fieldfare.server.json_numbers import parse_like_redis, round_trip_safe

__all__ = ["FieldHistory"]


@define
class FieldHistory(PairHistory[ShadowedDocuments]):
    """Known states of fields and their shadow fields; the name of a pair is the path of the original.

    A longer state ends with the digest of the server's processes: a run has written it. As long as these processes run,
    and no later state is known, a shadow field that is another one beside the same original is an application's.

    Attributes:
        written: path of an original → key of its document → the state that a run has written last.
    """

    written: defaultdict[str, dict[bytes, bytes]] = field(init=False, factory=lambda: defaultdict(dict))

    def load(self, keys: Collection[bytes]) -> None:
        """Read from the backup what is known about documents: what they were converted from and to, too."""
        store, paths = self.run.store, shadow_paths(self.run.plan)
        for tag in (REWRITE, CONCURRENT_UPDATES):
            for batch in store.iter_batches(tag):
                rows = [row for row, key in enumerate(batch.keys) if key in keys]
                if rows:
                    self.add(self._converted(batch.select(rows, list(paths))))
        for batch in store.iter_batches(REPLACED_VALUES):
            rows = [row for row, key in enumerate(batch.keys) if key in keys]
            self.add(self._replaced(batch.select(rows, batch.columns)))
        super().load(keys)

    def observe(self, found: ShadowedDocuments) -> None:
        """Remember documents whose shadow fields are as they should be."""
        states = self._digests(found.originals, found.shadows, is_written=True)
        for path, column in states.columns.items():
            self.states[path] |= {key: state for key, state in zip(states.keys, column, strict=True) if state}
            for key in states.keys:
                self.written[path].pop(key, None)

    def record_seen(self, found: ShadowedDocuments) -> None:
        """Remember that documents were seen, or are about to be written, with ``converted`` as their shadow fields."""
        self.record(self._digests(found.originals, found.converted, is_written=False))

    def record_written(self, found: ShadowedDocuments) -> None:
        """Remember that documents have ``converted`` as their shadow fields."""
        states = self._digests(found.originals, found.converted, is_written=False)
        columns = {
            path: Column.of(None if state is None else state + self._processes for state in column)
            for path, column in states.columns.items()
        }
        if self._processes:
            self.record(Batch(states.keys, columns), is_urgent=False)

    def record_converted(self, originals: Batch) -> None:
        """Remember originals that are about to be written, and what they become; it is on disk when this returns.

        Args:
            originals: by their paths; None for what is not written.
        """
        self._record_where_written(originals, self._converted(originals))

    def record_restored(self, originals: Batch, shadows: Batch) -> None:
        """Remember originals that are about to be written beside later shadow fields; it is on disk when this returns.

        Args:
            originals: by their paths; None for what is not written.
            shadows: what the shadow fields hold.
        """
        self._record_where_written(originals, self._digests(originals, shadows, is_written=True))

    def record_former(self, shadows: Batch) -> None:
        """Remember values from before the run that are about to be restored; it is on disk when this returns.

        Args:
            shadows: by the paths of the shadow fields; None for what is not restored.
        """
        self.record(self._replaced(shadows))

    def forget(self, keys: Collection[bytes]) -> None:
        """Free the memory of documents; the backup keeps what it holds."""
        super().forget(keys)
        for written in self.written.values():
            for key in keys:
                written.pop(key, None)

    def is_theirs(self, path: str, key: bytes, original: bytes | None, shadow: bytes) -> bool:
        """Whether an application wrote a shadow field that is not what its original, or its absence, becomes."""
        now = self._digest(original), self._digest(shadow)
        return self._replaces_written(path, key, b"".join(now)) or self.was_written_by_application(path, key, *now)

    def replaces_converted(self, path: str, key: bytes, original: bytes | None, shadow: bytes) -> bool:
        """Whether a run has written another shadow field beside the same original: then an application wrote this one.

        This is also true of a value that was there before the run, or that the run itself once wrote.
        """
        return self._replaces_written(path, key, self._digest(original) + self._digest(shadow))

    def is_latest(self, path: str, key: bytes, original: bytes | None, shadow: bytes, converted: bytes | None) -> bool:
        """Whether a shadow field that an application wrote is known to be newer than its original.

        It is, if a run has converted this very original to something else, or if it never was there with an original.

        Args:
            path: the path of the original.
            key: the key of the document.
            original: its value; None if it is absent.
            shadow: the value of its shadow field.
            converted: what the original becomes.
        """
        known = self.known(path, key)
        if original is None:
            now = self._digest(shadow)
            return all(state[:DIGEST_SIZE] == ABSENT for state in known if state[DIGEST_SIZE:] == now)
        return self._digest(original) + self._digest(converted, is_written=False) in known

    def _record_where_written(self, originals: Batch, states: Batch) -> None:
        columns = {
            path: Column.of(
                None if original is None else state for original, state in zip(originals[path], column, strict=True)
            )
            for path, column in states.columns.items()
        }
        rows = [row for row in range(len(states)) if any(column[row] is not None for column in columns.values())]
        self.record(Batch(states.keys, columns).select(rows, columns))

    def _is_news(self, name: str, key: bytes, state: bytes | None) -> bool:
        ends_written = state is not None and key in self.written[name] and not self._replaces_written(name, key, state)
        return super()._is_news(name, key, state) or ends_written

    def _add(self, name: str, key: bytes, state: bytes) -> None:
        """Remember a state; one that is not written yet ends what is known of the one before.

        A value of an application beside the same original does not.
        """
        if not self._replaces_written(name, key, state):
            self.written[name].pop(key, None)
        if state[STATE_SIZE:] == self._processes != b"":
            self.written[name][key] = state[:STATE_SIZE]
        super()._add(name, key, state[:STATE_SIZE])

    def _replaces_written(self, name: str, key: bytes, state: bytes) -> bool:
        """Whether a state has another shadow field than a run has written last, beside the same original."""
        written = self.written[name].get(key, b"")
        return written[:DIGEST_SIZE] == state[:DIGEST_SIZE] and written[DIGEST_SIZE:] != state[DIGEST_SIZE:STATE_SIZE]

    def _converted(self, originals: Batch) -> Batch:
        converted = renamed(self.run.transformed(originals), shadow_paths(self.run.plan))
        return self._digests(originals, converted, is_written=False)

    def _replaced(self, present: Batch) -> Batch:
        """Return values that the run replaces as states without an original: any original is newer."""
        columns = {
            old: Column.of(None if value is None else ABSENT + self._digest(value) for value in present[new])
            for old, new in shadow_paths(self.run.plan).items()
            if new in present.columns
        }
        return Batch(present.keys, columns)

    def _digests(self, originals: Batch, shadows: Batch, *, is_written: bool) -> Batch:
        """Return the states of documents, by the paths of the originals."""
        columns = {
            path: Column.of(
                self._digest(original) + self._digest(shadow, is_written=is_written)
                for original, shadow in zip(originals[path], shadows[shadow_path], strict=True)
            )
            for path, shadow_path in shadow_paths(self.run.plan).items()
        }
        return Batch(originals.keys, columns)

    def _digest(self, value: bytes | None, *, is_written: bool = True) -> bytes:
        """Return the digest of a value.

        Args:
            value: None if it is absent.
            is_written: whether Redis has spelled it; numbers of JSON change a little when it does.
        """
        if value is None:
            return ABSENT
        if self.run.source.storage is Storage.JSON:
            found = (
                json.loads(value) if is_written else json.loads(round_trip_safe(value), parse_float=parse_like_redis)
            )
            value = json.dumps(found).encode()
        return blake2b(value, digest_size=DIGEST_SIZE).digest()
