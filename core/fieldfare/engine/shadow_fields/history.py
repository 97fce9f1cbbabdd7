"""What the originals and the shadow fields of documents were when a run last looked at them, or wrote them.

After the switch both are written by applications: by old versions the original, by new ones the shadow field. Which
of the two was written since the last look decides whether a document is converted. Digests tell that.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from hashlib import blake2b
from typing import Final

from attrs import define, field

from fieldfare.backup import CONCURRENT_UPDATES, REPLACED_VALUES, REWRITE, SHADOW_STATES
from fieldfare.definition import Storage
from fieldfare.documents import Batch, Column
from fieldfare.engine.concurrent.known_states import STATE_SIZE, bounded
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.conversion import ShadowedDocuments, renamed
from fieldfare.engine.shadow_paths import shadow_paths
from fieldfare.server.json_numbers import parse_like_redis, round_trip_safe

__all__ = ["ShadowHistory"]

DIGEST_SIZE: Final = 8
"""Bytes of the digest of one value."""

ABSENT: Final = bytes(DIGEST_SIZE)
"""In place of the digest of a value that is not there."""


@define
class ShadowHistory:
    """Known states of documents: pairs of an original and a shadow field that were there together, or were to be.

    Memory: about 200 bytes for each document that it knows.

    Attributes:
        run: its backup holds what it converted.
        states: path of an original → key → digests of its known states, one behind the other.
    """

    run: ActiveRun
    states: dict[str, dict[bytes, bytes]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Know nothing."""
        self.states = {path: {} for path in shadow_paths(self.run.plan)}

    def load(self, keys: Collection[bytes]) -> None:
        """Read from the backup what is known about documents: what they were converted from and to."""
        store = self.run.store
        for tag in (REWRITE, CONCURRENT_UPDATES):
            for batch in store.iter_batches(tag):
                rows = [row for row, key in enumerate(batch.keys) if key in keys]
                if rows:
                    self._add(self._converted(batch.select(rows, list(self.states))))
        for batch in store.iter_batches(REPLACED_VALUES):
            rows = [row for row, key in enumerate(batch.keys) if key in keys]
            self._add(self._replaced(batch.select(rows, batch.columns)))
        for batch in store.iter_batches(SHADOW_STATES):
            rows = [row for row, key in enumerate(batch.keys) if key in keys]
            self._add(batch.select(rows, batch.columns))

    def observe(self, found: ShadowedDocuments) -> None:
        """Remember the states of documents whose shadow fields are as they should be, in memory alone.

        What was known about them before is no longer of use.
        """
        for path, key, state in _values(self._digests(found.originals, found.shadows, is_written=True)):
            self.states[path][key] = state

    def record(self, found: ShadowedDocuments) -> None:
        """Remember that documents were seen, or are about to be written, with ``converted`` as their shadow fields.

        It is on disk when this returns.
        """
        states = self._digests(found.originals, found.converted, is_written=False)
        rows = [row for row, key in enumerate(states.keys) if not self._knows(states, row, key)]
        if not rows:
            return
        states = states.select(rows, states.columns)
        with self.run.guard:
            self.run.store.append(SHADOW_STATES, states)
            self.run.store.sync()
        self._add(states)
        for path, key, _ in _values(states):
            self.states[path][key] = bounded(self.states[path][key])

    def was_written_by_application(self, path: str, key: bytes, original: bytes | None, shadow: bytes) -> bool:
        """Whether a shadow field is not to be replaced by what its original becomes.

        It is replaced if it is as a run knows it, and its original is another one now.

        Args:
            path: the path of the original.
            key: the key of the document.
            original: its value; None if it is absent.
            shadow: the value of its shadow field, which is not what the original becomes.
        """
        now = self._digest(shadow)
        known = _split(self.states[path].get(key, b""))
        originals = {state[:DIGEST_SIZE] for state in known if state[DIGEST_SIZE:] == now}
        return not originals or self._digest(original) in originals

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
        known = _split(self.states[path].get(key, b""))
        if original is None:
            now = self._digest(shadow)
            return all(state[:DIGEST_SIZE] == ABSENT for state in known if state[DIGEST_SIZE:] == now)
        return self._digest(original) + self._digest(converted, is_written=False) in known

    def _converted(self, originals: Batch) -> Batch:
        converted = renamed(self.run.transformed(originals), shadow_paths(self.run.plan))
        return self._digests(originals, converted, is_written=False)

    def _replaced(self, present: Batch) -> Batch:
        """Return values that the run replaces as states without an original: any original is newer."""
        new_paths = shadow_paths(self.run.plan)
        columns = {
            old: Column.of(None if value is None else ABSENT + self._digest(value) for value in present[new_paths[old]])
            for old in self.states
            if new_paths[old] in present.columns
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

    def _knows(self, states: Batch, row: int, key: bytes) -> bool:
        return all(column[row] in _split(self.states[path].get(key, b"")) for path, column in states.columns.items())

    def _add(self, states: Batch) -> None:
        for path, key, state in _values(states):
            known = self.states[path].get(key, b"")
            if state not in _split(known):
                self.states[path][key] = known + state


def _split(known: bytes) -> list[bytes]:
    return [known[place : place + STATE_SIZE] for place in range(0, len(known), STATE_SIZE)]


def _values(states: Batch) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield the states of documents that a batch holds."""
    columns: Mapping[str, Column] = states.columns
    for path, column in columns.items():
        for key, state in zip(states.keys, column, strict=True):
            if state is not None:
                yield path, key, state
