"""What a sample of the documents says about a conversion, before anything is planned to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.documents import EXAMPLES, Note
from fieldfare_quantize.conversion import Parameters, convert_batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fieldfare_quantize.sample import Sample

__all__ = ["survey"]


def survey(parameters: Parameters, sample: Sample) -> tuple[str, ...]:
    """Convert a sample, throw the result away, and tell what there was to note; one line a kind."""
    notes = [note for batch in sample.batches for note in convert_batch(parameters, batch).notes]
    documents = sample.documents
    return tuple(_line(note, documents) for note in (*_merged(notes), *_duplicates(parameters, sample)))


def _merged(notes: Iterable[Note]) -> list[Note]:
    by_kind: dict[str, Note] = {}
    for note in notes:
        known = by_kind.get(note.kind)
        by_kind[note.kind] = known.merged(note) if known else note
    return list(by_kind.values())


def _duplicates(parameters: Parameters, sample: Sample) -> Iterator[Note]:
    seen: set[bytes] = set()
    keys = []
    for key, vector in zip(sample.keys, sample.vectors, strict=True):
        value = vector.tobytes()
        if value in seen:
            keys.append(key)
        seen.add(value)
    if keys:
        detail = "the same vector as another document's: queries find them in any order"
        yield Note("duplicate", parameters.path, len(keys), tuple(keys[:EXAMPLES]), detail=detail)


def _line(note: Note, documents: int) -> str:
    keys = ", ".join(key.decode("utf-8", "backslashreplace") for key in note.keys)
    line = f"{note.kind} in {note.field!r} of {note.count:,} of {documents:,} sampled documents ({keys}): {note.detail}"
    return f"{line}; apply stops unless --allow-{note.allow} is given" if note.blocking else line
