"""Executing, verifying and undoing the step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from fieldfare.documents import EXAMPLES, KeyCounter, Note
from fieldfare.errors import FieldfareError
from fieldfare.hooks.run import Run
from fieldfare.plan import Receipt, Step
from fieldfare_prefix.existing_keys import existing_keys
from fieldfare_prefix.move import Move, Pair
from fieldfare_prefix.rename import share_slot

__all__ = ["TargetKeysExist", "execute", "undo", "verify"]

ATTEMPTS: Final = 3
"""How often a key is moved that exists and was not moved, because another client wrote it in between."""

MISSING: Final = "vanished"
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
        missing, conflicts = _move_keys(run, move.forward_pairs(keys))
        if conflicts:
            raise TargetKeysExist(conflicts)
        run.note(_notes(MISSING, step, missing, "deleted or expired before they were moved"))
        run.done(keys)
    captured = sum(len(move.keys_to_move(keys)) for keys in run.captured_keys())
    not_moved = sum(note.count for note in run.notes if (note.kind, note.field) == (MISSING, step.params["old"]))
    return Receipt(step.id, documents=captured - not_moved)


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
        _, conflicts = _move_keys(run, move.backward_pairs(keys))
        detail = f"both are kept; the one below {step.params['new']!r} was not moved back"
        run.note(_notes("exists under both names", step, [old for _, old in conflicts], detail))
        run.advance(len(keys))


def _move_keys(run: Run, pairs: Sequence[Pair]) -> tuple[list[bytes], list[Pair]]:
    """Move keys through ``fieldfare_move_keys``, on any topology. Keys that were moved before are left alone.

    Returns:
        The keys that were not moved; every other key exists under its new name only. First the old names of keys that
        no longer exist, then the pairs whose new name belongs to another key; both of its keys are unchanged.

    Raises:
        FieldfareError: no plugin can move these keys, or they cannot be moved at all.
        InvalidHookResult: a plugin did not answer for each key.
    """
    missing: list[bytes] = []
    conflicts: list[Pair] = []
    left = list(pairs)
    for _ in range(ATTEMPTS):
        unmoved = _unmoved(run, left)
        existing = existing_keys(run.server, [name for pair in unmoved for name in pair])
        missing += (old for old, new in unmoved if old not in existing and new not in existing)
        conflicts += (pair for pair in unmoved if existing.issuperset(pair))
        left = [(old, new) for old, new in unmoved if old in existing and new not in existing]
        if not left:
            return missing, conflicts
    raise FieldfareError(f"cannot move existing keys: {len(left):,}, such as {left[0][0]!r}")


def _unmoved(run: Run, pairs: Sequence[Pair]) -> list[Pair]:
    """Move keys, those that stay in their slot apart from the others; return the pairs that were not moved."""
    groups: dict[bool, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[run.server.capabilities.cluster and share_slot(pair)].append(pair)
    return [
        pair for group in groups.values() for pair, moved in zip(group, run.move_keys(group), strict=True) if not moved
    ]


def _notes(kind: str, step: Step, keys: Sequence[bytes], detail: str) -> list[Note]:
    return [Note(kind, step.params["old"], len(keys), tuple(keys[:EXAMPLES]), detail=detail)] if keys else []
