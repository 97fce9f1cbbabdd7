"""Carrying out the step, checking it, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence

from fieldfare.documents import EXAMPLES, Note
from fieldfare.engine.run import Run
from fieldfare.errors import FieldfareError
from fieldfare.plan import Receipt, Step
from fieldfare_prefix.carry import carry
from fieldfare_prefix.move import Move, Pair
from fieldfare_prefix.presence import present
from fieldfare_prefix.tally import Tally

__all__ = ["NamesTaken", "execute", "undo", "verify"]

VANISHED = "vanished"


class NamesTaken(FieldfareError):
    """New names were taken after everything had been looked at.

    Attributes:
        pairs: names before and after.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = tuple(pairs)
        found = Tally()
        found.add(pairs)
        super().__init__(
            f"the new names of {found} were taken meanwhile; both keys are as they were. "
            "Delete or rename the one that does not belong there"
        )


def execute(step: Step, run: Run) -> Receipt:
    """Move the captured keys, from where the journal says that the step stopped.

    Raises:
        NamesTaken: something has got a new name since they were looked at; such keys keep their old one.
        FieldfareError: the server refused, or no plugin can move these keys.
    """
    move = Move.of(step)
    for keys in run.keys(step):
        outcome = carry(run, move.there(keys))
        if outcome.doubled:
            raise NamesTaken(outcome.doubled)
        run.note(_notes(VANISHED, step, outcome.vanished, "gone when it was their turn to move"))
        run.done(keys)
    captured = sum(len(move.taken(keys)) for keys in run.store.iter_keys())
    vanished = sum(note.count for note in run.journal.progress.notes if _is_about(note, VANISHED, step))
    return Receipt(step.id, documents=captured - vanished)


def verify(step: Step, run: Run) -> bool:
    """Whether no key has nothing but its old name.

    A key that has both was written under its old name again; that is noted.
    """
    move = Move.of(step)
    for keys in run.store.iter_keys():
        again = present(run.server, move.taken(keys))
        moved = present(run.server, [new for _, new in move.there(again)])
        if len(moved) < len(again):
            return False
        detail = "both are kept; the one with the old name is in no index"
        run.note(_notes("written under the old name again", step, sorted(again), detail))
    return True


def undo(step: Step, run: Run) -> None:
    """Move the captured keys back. Keys that have their old name already are left alone.

    Where there is something under both names, which one is wanted is not for us to say: both stay, and
    are noted.

    Raises:
        FieldfareError: the server refused, or no plugin can move these keys.
    """
    move = Move.of(step)
    for keys in run.store.iter_keys():
        outcome = carry(run, move.back(keys))
        detail = f"both are kept; the one below {step.params['new']!r} was not moved back"
        run.note(_notes("there under both names", step, [old for _, old in outcome.doubled], detail))
        run.advance(len(keys))


def _notes(kind: str, step: Step, keys: Sequence[bytes], detail: str) -> list[Note]:
    return [Note(kind, step.params["old"], len(keys), tuple(keys[:EXAMPLES]), detail=detail)] if keys else []


def _is_about(note: Note, kind: str, step: Step) -> bool:
    return (note.kind, note.field) == (kind, step.params["old"])
