"""Executing and undoing the step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from attrs import evolve

from fieldfare.definition import Storage
from fieldfare.documents import EXAMPLES, Note
from fieldfare.hooks.run import Run
from fieldfare.plan import Receipt, Step
from fieldfare_rename.document import MoveBatch, move_values, restore_originals
from fieldfare_rename.movement import Keep, Movement, Outcome
from fieldfare_rename.original import Original
from fieldfare_rename.rename import Rename, containers

__all__ = ["execute", "undo"]

_Originals: TypeAlias = Mapping[bytes, Original]
_Keys: TypeAlias = Sequence[bytes]

_NOTES: Final[Mapping[Outcome, tuple[str, str]]] = {
    Outcome.NO_VALUE: ("without the field", "nothing to rename"),
    Outcome.NEW_NAME_ONLY: ("new name only", "nothing to rename: the index reads the value that is there"),
    Outcome.NO_DOCUMENT: ("vanished", "deleted or expired since the run started"),
    Outcome.WRONG_TYPE: ("wrong type", "left as they are"),
    Outcome.BOTH: ("second name since the backup", "both names exist with different values: left as they are"),
    Outcome.NO_PARENT: ("no room since the backup", "the parent of the new name is not an object: left as they are"),
}
"""Notes about documents that were not renamed: kind, detail. The journal keeps the kinds: never change them."""


def execute(step: Step, run: Run) -> Receipt:
    """Move the value in every document, from where the last run stopped."""
    rename, storage = Rename.of(step), run.source.storage
    batches = ((batch, _forward_batch(rename, storage, *batch)) for batch in _batches(step, run))
    for (keys, originals), unmoved in move_values(run.server, storage, batches, run.lock):
        # a document with the new name only was renamed by an interrupted run, unless it was like that in the backup
        found = [
            (key, outcome)
            for key, outcome in unmoved
            if outcome is not Outcome.NEW_NAME_ONLY or (key in originals and originals[key].had_new_name_only)
        ]
        run.note(_notes(rename, found))
        run.done(keys)
    return Receipt(step.id, documents=run.document_count - _unrenamed_count(rename, run))


def undo(step: Step, run: Run) -> None:
    """Move every value back; restore both values of documents that had both names."""
    rename, storage = Rename.of(step), run.source.storage
    batches = ((batch, _backward_batch(rename, storage, *batch)) for batch in _batches(step, run))
    for (keys, originals), unmoved in move_values(run.server, storage, batches, run.lock):
        both = [original for original in originals.values() if original.keep_choice is not None]
        restore_originals(run.server, storage, both, rename.source, rename.target)
        run.note(_notes(rename, [each for each in unmoved if each[1] in {Outcome.BOTH, Outcome.NO_PARENT}]))
        run.advance(len(keys))


def _forward_batch(rename: Rename, storage: Storage, keys: _Keys, originals: _Originals) -> MoveBatch:
    plain = Movement(rename.source, rename.target, containers=containers(rename.source, rename.target, storage))
    chosen = {key: original.keep_choice for key, original in originals.items() if original.keep_choice is not None}
    yield plain, [key for key in keys if key not in chosen] if chosen else keys
    for keep in Keep:
        yield evolve(plain, keep=keep), [key for key, keep_choice in chosen.items() if keep_choice is keep]


def _backward_batch(rename: Rename, storage: Storage, keys: _Keys, originals: _Originals) -> MoveBatch:
    plain = Movement(rename.target, rename.source, containers=containers(rename.target, rename.source, storage))
    yield plain, [key for key in keys if key not in originals] if originals else keys
    created = containers(rename.source, rename.target, storage)
    for count in range(1, len(created) + 1):
        remove_if_empty = created[: -count - 1 : -1]
        keys_with_count = [key for key, original in originals.items() if original.created == b"%d" % count]
        yield evolve(plain, remove_if_empty=remove_if_empty), keys_with_count


def _batches(step: Step, run: Run) -> Iterator[tuple[_Keys, _Originals]]:
    """Yield batches of keys, each with its backed up documents by key."""
    for keys, batch in run.keys_with_originals(step):
        yield keys, {original.key: original for original in Original.from_batch(batch)}


def _notes(rename: Rename, found: Iterable[tuple[bytes, Outcome]]) -> list[Note]:
    keys: dict[Outcome, list[bytes]] = defaultdict(list)
    for key, outcome in found:
        keys[outcome].append(key)
    return [
        Note(kind, rename.old, len(keys[outcome]), tuple(keys[outcome][:EXAMPLES]), detail=detail)
        for outcome, (kind, detail) in _NOTES.items()
        if outcome in keys
    ]


def _unrenamed_count(rename: Rename, run: Run) -> int:
    """Return how many documents were not renamed, over all runs of the step."""
    kinds = {kind for kind, _ in _NOTES.values()}
    return sum(note.count for note in run.notes if note.field == rename.old and note.kind in kinds)
