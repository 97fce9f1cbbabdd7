"""What a sample of the documents says about a conversion, before anything is planned to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare_quantize.conversion import Parameters, convert_batch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fieldfare.documents import Note
    from fieldfare.live import LiveIndex

__all__ = ["SAMPLE_LIMIT", "survey"]

SAMPLE_LIMIT: Final = 1000
"""How many documents are looked at."""


def survey(parameters: Parameters, live: LiveIndex) -> tuple[str, ...]:
    """Convert a sample, throw the result away, and tell what there was to note; one line a kind."""
    batches = [convert_batch(parameters, batch) for batch in live.sample([parameters.path], SAMPLE_LIMIT)]
    documents = sum(map(len, batches))
    notes = _merged(note for batch in batches for note in batch.notes)
    return tuple(_line(note, documents) for note in notes)


def _merged(notes: Iterable[Note]) -> list[Note]:
    by_kind: dict[str, Note] = {}
    for note in notes:
        known = by_kind.get(note.kind)
        by_kind[note.kind] = known.merged(note) if known else note
    return list(by_kind.values())


def _line(note: Note, documents: int) -> str:
    keys = ", ".join(key.decode("utf-8", "backslashreplace") for key in note.keys)
    line = f"{note.kind} in {note.field!r} of {note.count:,} of {documents:,} sampled documents ({keys}): {note.detail}"
    return f"{line}; apply stops unless --allow-{note.allow} is given" if note.blocking else line
