"""Synchronizing after the switch: what applications write to originals is converted, shadow fields of theirs stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import define, evolve, field

from fieldfare.documents import Column, KeyCounter
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.conversion import Conversion, ShadowedDocuments, convert, read_shadowed
from fieldfare.engine.shadow_fields.history import ShadowHistory
from fieldfare.engine.shadow_paths import shadow_paths
from fieldfare.server.inspect import read_stats
from fieldfare.server.keys import iterate_keys

__all__ = ["Synchronization"]


@define
class Synchronization:
    """Converts what applications have written to originals, and leaves alone what they have written to shadow fields.

    Attributes:
        run: whose names lead to the target.
        remembers: whether the state of every document that was looked at is kept in memory, for later changes.
        converted: documents that were converted.
        left_alone: documents with a shadow field that an application wrote.
        history: the history of the documents that were looked at.
    """

    run: ActiveRun
    remembers: bool = False
    converted: KeyCounter = field(init=False, factory=KeyCounter)
    left_alone: KeyCounter = field(init=False, factory=KeyCounter)
    history: ShadowHistory = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Know nothing yet."""
        self.history = ShadowHistory(self.run)

    def compare_every(self) -> None:
        """Compare every document, and convert those whose original was written since it was converted."""
        run, target = self.run, self.run.target
        stats = read_stats(run.server, target.name)
        undecided: list[bytes] = []
        with run.activity("sync", "Compare shadow fields with originals", total=stats.num_docs):
            for keys in iterate_keys(run.server, target, stats, run.options.batch_size):
                undecided += self._convert_missing(keys)
                run.advance(len(keys))
            self._decide(undecided)

    def convert_changes(self, keys: Sequence[bytes]) -> Conversion:
        """Convert some documents that may have been changed."""
        undecided = self._convert_missing(keys)
        return self._decide(undecided, is_loaded=self.remembers)

    def count_outdated(self) -> KeyCounter:
        """Count the documents that :meth:`compare_every` would convert. Changes nothing."""
        run, target = self.run, self.run.target
        stats, counted = read_stats(run.server, target.name), KeyCounter()
        outdated: list[bytes] = []
        with run.activity("sync", "Compare shadow fields with originals", total=stats.num_docs):
            for keys in iterate_keys(run.server, target, stats, run.options.batch_size):
                found, _ = read_shadowed(run, keys)
                outdated += [found.originals.keys[row] for row in found.outdated()]
                run.advance(len(keys))
        to_convert, _ = self.divide(outdated)
        counted.add(to_convert)
        return counted

    def divide(self, keys: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
        """Return those of some outdated documents that would be converted, and those that would be left alone."""
        self.history.load(set(keys))
        parts: tuple[list[bytes], list[bytes]] = ([], [])
        size = self.run.options.batch_size
        for start in range(0, len(keys), size):
            found, _ = read_shadowed(self.run, keys[start : start + size])
            for part, group in zip(parts, self._choose(found.select(found.outdated())), strict=True):
                part.extend(group.originals.keys)
        return parts

    def to_convert(self, found: ShadowedDocuments) -> set[bytes]:
        """Return the keys of documents that would be converted as they are; what was there before has to be loaded."""
        return set(self._choose(found.select(found.outdated()))[0].originals.keys)

    def _convert_missing(self, keys: Sequence[bytes]) -> list[bytes]:
        """Convert documents without shadow fields; return those for which it has to be known what was there before."""
        found, _ = read_shadowed(self.run, keys)
        outdated = found.outdated()
        if self.remembers:
            outdated_rows = set(outdated)
            known = [row for row in range(len(found.originals)) if row not in outdated_rows]
            self.history.observe(found.select(known))
        without = {
            found.originals.keys[row]
            for row in outdated
            if all(column[row] is None for column in found.shadows.columns.values())
        }
        if without:
            self._convert(sorted(without))
        return [key for row in outdated if (key := found.originals.keys[row]) not in without]

    def _decide(self, keys: Sequence[bytes], *, is_loaded: bool = False) -> Conversion:
        if not keys:
            return Conversion()
        if not is_loaded:
            self.history.load(set(keys))
        size = self.run.options.batch_size
        parts = [self._convert(keys[start : start + size]) for start in range(0, len(keys), size)]
        return Conversion(contended=[key for part in parts for key in part.contended])

    def _convert(self, keys: Sequence[bytes]) -> Conversion:
        result = convert(self.run, keys, self._choose_and_record)
        self.converted.add(result.converted)
        return result

    def _choose_and_record(self, found: ShadowedDocuments) -> ShadowedDocuments:
        chosen, alone = self._choose(found)
        for part in (chosen, alone):
            if part.originals.keys:
                self.history.record(part)
        self.left_alone.add(alone.originals.keys)
        return chosen

    def _choose(self, found: ShadowedDocuments) -> tuple[ShadowedDocuments, ShadowedDocuments]:
        """Return documents to convert, and those to leave alone, each with the shadow fields that they will have."""
        paths = shadow_paths(self.run.plan)
        columns = {new: Column.of(self._wanted(found, old, new)) for old, new in paths.items()}
        wanted = evolve(found, converted=evolve(found.converted, columns=columns))
        chosen = set(wanted.outdated())
        return wanted.select(sorted(chosen)), wanted.select(
            [row for row in range(len(found.originals)) if row not in chosen]
        )

    def _wanted(self, found: ShadowedDocuments, path: str, shadow_path: str) -> Iterator[bytes | None]:
        """Yield what each document's shadow field is to hold."""
        values = (found.originals[path], found.shadows[shadow_path], found.converted[shadow_path])
        for key, original, shadow, converted in zip(found.originals.keys, *values, strict=True):
            is_theirs = shadow is not None and (
                original is None or self.history.was_written_by_application(path, key, original, shadow)
            )
            yield shadow if is_theirs else converted
