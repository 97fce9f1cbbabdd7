"""Executing, verifying and undoing the step."""

from __future__ import annotations

from collections.abc import Sequence

from fieldfare.documents import EXAMPLES, KeyCounter, Note
from fieldfare.errors import FieldfareError
from fieldfare.hooks.run import Run
from fieldfare.plan import Receipt, Step
from fieldfare_prefix.existing_keys import existing_keys
from fieldfare_prefix.key_mover import move_keys
from fieldfare_prefix.move import Move, Pair

__all__ = ["TargetKeysExist", "execute", "undo", "verify"]

MISSING = "vanished"
"""The note about keys that were deleted or expired before they were moved. Journals of older versions hold it, too."""


class TargetKeysExist(FieldfareError):
    """Another client created new keys after all of them had been checked.

    Attributes:
        pairs: old and new names.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = tuple(pairs)
        existing = KeyCounter()
        existing.add(map(b" -> ".join, pairs))
        super().__init__(
            f"another client created the new key during the run: {existing}. Both keys are unchanged. "
            "Delete or rename the one that does not belong to the index"
        )


def execute(step: Step, run: Run) -> Receipt:
    """Move the captured keys, from where the journal says that the step stopped.

    Raises:
        TargetKeysExist: another client created a new key since the check; such keys keep their old name.
        FieldfareError: the server refused, or no plugin can move these keys.
    """
    move = Move.of(step)
    for keys in run.keys(step):
        outcome = move_keys(run, move.forward_pairs(keys))
        if outcome.conflicts:
            raise TargetKeysExist(outcome.conflicts)
        run.note(_notes(MISSING, step, outcome.missing, "deleted or expired before they were moved"))
        run.done(keys)
    captured = sum(len(move.keys_to_move(keys)) for keys in run.captured_keys())
    missing = sum(note.count for note in run.notes if (note.kind, note.field) == (MISSING, step.params["old"]))
    return Receipt(step.id, documents=captured - missing)


def verify(step: Step, run: Run) -> bool:
    """Whether no key is left that exists only under its old name.

    If both keys exist, another client has written the old one again; that is noted.
    """
    move = Move.of(step)
    for keys in run.captured_keys():
        old_keys = existing_keys(run.server, move.keys_to_move(keys))
        new_keys = existing_keys(run.server, [new for _, new in move.forward_pairs(old_keys)])
        if len(new_keys) < len(old_keys):
            return False
        detail = "both are kept; the one with the old name is in no index"
        run.note(_notes("written under the old name again", step, sorted(old_keys), detail))
    return True


def undo(step: Step, run: Run) -> None:
    """Move the captured keys back. Keys that have their old name already are left alone.

    If both keys exist, both are kept and noted: only the user knows which one is right.

    Raises:
        FieldfareError: the server refused, or no plugin can move these keys.
    """
    move = Move.of(step)
    for keys in run.captured_keys():
        outcome = move_keys(run, move.backward_pairs(keys))
        detail = f"both are kept; the one below {step.params['new']!r} was not moved back"
        run.note(_notes("exists under both names", step, [old for _, old in outcome.conflicts], detail))
        run.advance(len(keys))


def _notes(kind: str, step: Step, keys: Sequence[bytes], detail: str) -> list[Note]:
    return [Note(kind, step.params["old"], len(keys), tuple(keys[:EXAMPLES]), detail=detail)] if keys else []
