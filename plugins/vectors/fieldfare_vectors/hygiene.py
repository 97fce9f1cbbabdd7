"""What a sample of vectors looks like, told in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.documents import EXAMPLES, Note

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fieldfare.live import LiveIndex
    from fieldfare_vectors.sample import Sample

__all__ = ["NO_COSINE", "ZEROS", "count_hiding", "duplicates", "tell", "unseen"]

NO_COSINE: Final = "has no cosine, so Redis makes NaN of it, and may leave other documents out of its answers"
"""Said of a vector of zeros."""

ZEROS: Final = "all zeros"
"""The kind of notes on vectors of zeros, which are there under cosine only."""

HIDING: Final = ("NaN", "infinity", "underflow", "nothing left")
"""Kinds of notes on vectors that can hide others, where they stop a run: the last two do so under cosine."""


def count_hiding(notes: Iterable[Note], path: str) -> int:
    """Count the documents whose vectors can hide others from every query, even where all vectors are compared."""
    about = (note for note in notes if note.field == path)
    return sum(note.count for note in about if note.kind == ZEROS or (note.blocking and note.kind in HIDING))


def unseen(sample: Sample, live: LiveIndex, path: str) -> tuple[str, ...]:
    """Say so if an index has documents and not one vector could be looked at."""
    if len(sample.vectors) or not live.snapshot.stats.num_docs:
        return ()
    wanted = f"one vector of {sample.vectors.shape[1]} values in {path!r}"
    return (f"none of the documents has {wanted}: recall is neither predicted nor measured",)


def duplicates(sample: Sample, path: str) -> tuple[Note, ...]:
    """Note the documents whose vector another one has too; the first of them is not counted."""
    seen: set[bytes] = set()
    keys = []
    for key, vector in zip(sample.keys, sample.vectors, strict=True):
        value = vector.tobytes()
        if value in seen:
            keys.append(key)
        seen.add(value)
    if not keys:
        return ()
    detail = "the same vector as another document's: queries find them in any order"
    return (Note("duplicate", path, len(keys), tuple(keys[:EXAMPLES]), detail=detail),)


def tell(notes: Iterable[Note], documents: int) -> tuple[str, ...]:
    """Return one line for each kind of note.

    Args:
        notes: on the sampled documents.
        documents: how many were sampled.
    """
    by_kind: dict[str, Note] = {}
    for note in notes:
        known = by_kind.get(note.kind)
        by_kind[note.kind] = known.merged(note) if known else note
    return tuple(_line(note, documents) for note in by_kind.values())


def _line(note: Note, documents: int) -> str:
    keys = ", ".join(key.decode("utf-8", "backslashreplace") for key in note.keys)
    line = f"{note.kind} in {note.field!r} of {note.count:,} of {documents:,} sampled documents ({keys}): {note.detail}"
    return f"{line}; apply stops unless --allow-{note.allow} is given" if note.blocking else line
