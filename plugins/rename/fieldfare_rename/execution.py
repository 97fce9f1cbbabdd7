"""Carrying out the step, and taking it back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import evolve

from fieldfare.documents import EXAMPLES, Note
from fieldfare.engine.run import Run
from fieldfare.errors import BackupUnusable
from fieldfare.plan import Receipt, Step
from fieldfare_rename.document import move_values, restore_originals
from fieldfare_rename.movement import Keep, Movement, Outcome
from fieldfare_rename.original import Original
from fieldfare_rename.rename import Rename, containers

__all__ = ["execute", "undo"]

_NOTES: Final[Mapping[Outcome, tuple[str, str]]] = {
    Outcome.MISSING: ("without the field", "nothing to rename"),
    Outcome.DONE: ("new name only", "nothing to rename: the index reads what was there"),
    Outcome.VANISHED: ("vanished", "deleted or expired since the run began"),
    Outcome.WRONG_TYPE: ("wrong type", "left as they are"),
    Outcome.BOTH: ("second name since the backup", "both names are there with other values: left as they are"),
    Outcome.NO_ROOM: ("no room since the backup", "no object where the new name needs one: left as they are"),
}
"""What the report says of documents that were not renamed: kind of note, detail."""


def execute(step: Step, run: Run) -> Receipt:
    """Move the value in every document, from where the last attempt stopped."""
    rename, storage = Rename.of(step), run.source.storage
    plain = Movement(rename.source, rename.target, containers=containers(rename.source, rename.target, storage))
    record = run.journal.record(step.id)
    saved = _originals(step, run, record.completed_batches if record else 0)
    for keys, originals in zip(run.keys(step), saved, strict=True):
        groups: dict[Keep | None, list[bytes]] = defaultdict(list)
        for key in keys:
            groups[originals[key].kept if key in originals else None].append(key)
        found: dict[Outcome, list[bytes]] = defaultdict(list)
        for keep, members in groups.items():
            for key, outcome in zip(
                members, move_values(run.server, storage, members, evolve(plain, keep=keep)), strict=True
            ):
                found[_told(outcome, originals.get(key))].append(key)
        run.note(_notes(rename, found))
        run.done(keys)
    return Receipt(step.id, documents=run.journal.progress.documents - _left(rename, run))


def undo(step: Step, run: Run) -> None:
    """Move every value back, and put back both where both were there."""
    rename, storage = Rename.of(step), run.source.storage
    back = Movement(rename.target, rename.source, containers=containers(rename.target, rename.source, storage))
    created = containers(rename.source, rename.target, storage)
    for keys, originals in zip(run.store.iter_keys(), _originals(step, run, 0), strict=True):
        groups: dict[int, list[bytes]] = defaultdict(list)
        for key in keys:
            original = originals.get(key)
            if original is None or original.created is not None:
                groups[int(original.created or 0) if original else 0].append(key)
        found: dict[Outcome, list[bytes]] = defaultdict(list)
        for count, members in groups.items():
            leftovers = created[len(created) - count :][::-1]
            outcomes = move_values(run.server, storage, members, evolve(back, leftovers=leftovers))
            for key, outcome in zip(members, outcomes, strict=True):
                found[outcome].append(key)
        both = [original for original in originals.values() if original.kept is not None]
        restore_originals(run.server, storage, both, rename.source, rename.target)
        run.note(_notes(rename, {outcome: found[outcome] for outcome in (Outcome.BOTH, Outcome.NO_ROOM)}))
        run.advance(len(keys))


def _originals(step: Step, run: Run, start: int) -> Iterator[Mapping[bytes, Original]]:
    """Yield what was saved for each batch of keys, by key.

    Raises:
        BackupUnusable: there is not one batch of originals for each batch of keys.
    """
    if run.store.count(step.id) != run.store.key_batches:
        raise BackupUnusable(
            run.store.prefix,
            f"it has {run.store.count(step.id)} of {run.store.key_batches} batches of {step.id}",
        )
    for batch in run.store.iter_batches(step.id, start):
        yield {original.key: original for original in Original.from_batch(batch)}


def _told(outcome: Outcome, original: Original | None) -> Outcome:
    """Return what to tell: that only the new name is there means an earlier attempt, unless it was so before."""
    had_new_only = original is not None and original.only_new
    return Outcome.MOVED if outcome is Outcome.DONE and not had_new_only else outcome


def _notes(rename: Rename, found: Mapping[Outcome, Sequence[bytes]]) -> list[Note]:
    return [
        Note(kind, rename.old, len(found[outcome]), tuple(found[outcome][:EXAMPLES]), detail=detail)
        for outcome, (kind, detail) in _NOTES.items()
        if found.get(outcome)
    ]


def _left(rename: Rename, run: Run) -> int:
    """Return how many documents were not renamed, over all attempts."""
    kinds = {kind for kind, _ in _NOTES.values()}
    return sum(note.count for note in run.journal.progress.notes if note.field == rename.old and note.kind in kinds)
