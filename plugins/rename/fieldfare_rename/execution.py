"""Carrying out the step, and taking it back."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, TypeAlias

from attrs import evolve

from fieldfare.definition import Storage
from fieldfare.documents import EXAMPLES, Note
from fieldfare.engine.run import Run
from fieldfare.errors import BackupUnusable
from fieldfare.plan import Receipt, Step
from fieldfare_rename.document import Work, move_values, restore_originals
from fieldfare_rename.movement import Keep, Movement, Outcome
from fieldfare_rename.original import Original
from fieldfare_rename.rename import Rename, containers

__all__ = ["execute", "undo"]

_Originals: TypeAlias = Mapping[bytes, Original]
_Keys: TypeAlias = Sequence[bytes]

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
    record = run.journal.record(step.id)
    batches = zip(run.keys(step), _originals(step, run, record.completed_batches if record else 0), strict=True)
    for keys, originals, others in _move(run, batches, partial(_forth, rename, storage)):
        # that only the new name is there means an earlier attempt, unless it was so before
        found = [each for each in others if each[1] is not Outcome.DONE or _had_new_only(originals.get(each[0]))]
        run.note(_notes(rename, found))
        run.done(keys)
    return Receipt(step.id, documents=run.journal.progress.documents - _left(rename, run))


def undo(step: Step, run: Run) -> None:
    """Move every value back, and put back both where both were there."""
    rename, storage = Rename.of(step), run.source.storage
    batches = zip(run.store.iter_keys(), _originals(step, run, 0), strict=True)
    for keys, originals, others in _move(run, batches, partial(_back, rename, storage)):
        both = [original for original in originals.values() if original.kept is not None]
        restore_originals(run.server, storage, both, rename.source, rename.target)
        run.note(_notes(rename, [each for each in others if each[1] in {Outcome.BOTH, Outcome.NO_ROOM}]))
        run.advance(len(keys))


def _move(
    run: Run, batches: Iterable[tuple[_Keys, _Originals]], work: Callable[[_Keys, _Originals], Work]
) -> Iterator[tuple[_Keys, _Originals, list[tuple[bytes, Outcome]]]]:
    """Carry out the work of each batch; yield the batch, and the documents whose value was not moved."""
    under_way: deque[tuple[_Keys, _Originals]] = deque()

    def works() -> Iterator[Work]:
        for keys, originals in batches:
            under_way.append((keys, originals))
            yield work(keys, originals)

    for others in move_values(run.server, run.source.storage, works()):
        yield (*under_way.popleft(), others)


def _forth(rename: Rename, storage: Storage, keys: _Keys, originals: _Originals) -> Work:
    plain = Movement(rename.source, rename.target, containers=containers(rename.source, rename.target, storage))
    chosen = {key: original.kept for key, original in originals.items() if original.kept is not None}
    yield plain, [key for key in keys if key not in chosen] if chosen else keys
    for keep in Keep:
        yield evolve(plain, keep=keep), [key for key, kept in chosen.items() if kept is keep]


def _back(rename: Rename, storage: Storage, keys: _Keys, originals: _Originals) -> Work:
    plain = Movement(rename.target, rename.source, containers=containers(rename.target, rename.source, storage))
    yield plain, [key for key in keys if key not in originals] if originals else keys
    created = containers(rename.source, rename.target, storage)
    for count in range(1, len(created) + 1):
        leftovers = created[: -count - 1 : -1]
        members = [key for key, original in originals.items() if original.created == b"%d" % count]
        yield evolve(plain, leftovers=leftovers), members


def _originals(step: Step, run: Run, start: int) -> Iterator[_Originals]:
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


def _had_new_only(original: Original | None) -> bool:
    return original is not None and original.only_new


def _notes(rename: Rename, found: Iterable[tuple[bytes, Outcome]]) -> list[Note]:
    keys: dict[Outcome, list[bytes]] = defaultdict(list)
    for key, outcome in found:
        keys[outcome].append(key)
    return [
        Note(kind, rename.old, len(keys[outcome]), tuple(keys[outcome][:EXAMPLES]), detail=detail)
        for outcome, (kind, detail) in _NOTES.items()
        if outcome in keys
    ]


def _left(rename: Rename, run: Run) -> int:
    """Return how many documents were not renamed, over all attempts."""
    kinds = {kind for kind, _ in _NOTES.values()}
    return sum(note.count for note in run.journal.progress.notes if note.field == rename.old and note.kind in kinds)
