"""Warnings about the vectors of a sample: one line for each kind of note."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zlib import crc32

from fieldfare.documents import KeyCounter, Note

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy.typing import NDArray

    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare_vectors.sample import Sample

__all__ = [
    "NO_COSINE",
    "ZEROS",
    "count_vectors_that_hide_others",
    "warn_of_sample",
    "warn_without_vectors",
]

NO_COSINE: Final = "has no cosine: Redis turns it into NaN, and may leave other documents out of its results"
"""The end of messages about a vector of zeros."""

ZEROS: Final = "all zeros"
"""The kind of notes on vectors of zeros; written under cosine only."""

HIDING_KINDS: Final = ("NaN", "infinity", "underflow", "zero after truncation", "nothing left")
"""Kinds of notes on vectors that can hide others if they are blocking. Version 0.1 wrote the last one."""


def count_vectors_that_hide_others(notes: Iterable[Note], path: str) -> int:
    """Count the vectors that can hide others from every query, even where an index compares all vectors."""
    return sum(
        note.count
        for note in notes
        if note.field == path and (note.kind == ZEROS or (note.blocking and note.kind in HIDING_KINDS))
    )


def warn_without_vectors(sample: Sample, live: LiveIndex, path: str) -> tuple[str, ...]:
    """Return a warning if an index has documents and no sampled one has a vector."""
    if len(sample.vectors) or not live.snapshot.stats.num_docs:
        return ()
    missing = f"one vector of {sample.vectors.shape[1]} values in {path!r}"
    return (f"none of the documents has {missing}: recall is not predicted or measured",)


def warn_of_sample(sample: Sample, path: str, notes: Iterable[Note]) -> tuple[str, ...]:
    """Return one line for each kind of note, and one for vectors that several documents have.

    Args:
        sample: the documents.
        path: the path of their vectors.
        notes: on these documents.
    """
    by_kind: dict[str, Note] = {}
    for note in (*notes, *_duplicates(sample, path)):
        earlier = by_kind.get(note.kind)
        by_kind[note.kind] = earlier.merged(note) if earlier else note
    return tuple(_line(note, sample.document_count) for note in by_kind.values())


def _duplicates(sample: Sample, path: str) -> tuple[Note, ...]:
    """Note the documents that have the same vector as an earlier one of the sample."""
    by_checksum: dict[int, list[int]] = {}
    duplicates = KeyCounter()
    for row in _suspects(sample.vectors):
        key, content = sample.keys[row], sample.vectors[row].tobytes()
        others = by_checksum.setdefault(crc32(content), [])
        if any(sample.vectors[other].tobytes() == content for other in others):
            duplicates.add([key])
        else:
            others.append(row)
    if not duplicates.count:
        return ()
    detail = "the same vector as another document's: queries find them in any order"
    return (Note("duplicate", path, duplicates.count, tuple(duplicates.keys), detail=detail),)


def _suspects(vectors: NDArray[Any]) -> list[int]:
    """Return the rows that may be equal to another row: the sum of their bits is."""
    import numpy as np  # noqa: PLC0415 - numpy costs start-up time

    sums = vectors.view(f"=u{vectors.itemsize}").sum(axis=1, dtype=np.uint64)
    _, place, counts = np.unique(sums, return_inverse=True, return_counts=True)
    rows: list[int] = np.flatnonzero(counts[place] > 1).tolist()
    return rows


def _line(note: Note, documents: int) -> str:
    keys = ", ".join(key.decode("utf-8", "backslashreplace") for key in note.keys)
    line = f"{note.kind} in {note.field!r} of {note.count:,} of {documents:,} sampled documents ({keys}): {note.detail}"
    return f"{line}; apply stops unless --allow-{note.allow} is given" if note.blocking else line
