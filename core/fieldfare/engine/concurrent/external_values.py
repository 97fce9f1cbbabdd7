"""External values: values that neither a run nor its backup knows, because an application wrote them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from fieldfare.definition import Storage
from fieldfare.documents import EXAMPLES, Batch, Column, Note
from fieldfare.server.json_numbers import parse_like_redis, round_trip_safe

__all__ = ["equals_any", "external_notes", "external_values", "problem_notes"]


def external_values(storage: Storage, found: Batch, known: Sequence[Batch]) -> Batch:
    """Return the values of documents that are in none of the known batches.

    Args:
        storage: the storage of the documents; JSON is compared by meaning, for Redis spells it again.
        found: what was read.
        known: all with the same keys as each other, of which ``found`` has some, and with the same fields.

    Returns:
        Only the documents with such a value; their other values are missing.
    """
    if any(found.keys == batch.keys and found.columns == batch.columns for batch in known):
        return found.select([], found.columns)
    row_of = {key: row for row, key in enumerate(known[0].keys)}
    rows = [row_of[key] for key in found.keys]
    columns = {
        path: [
            None if equals_any(storage, value, [batch[path][row] for batch in known]) else value
            for value, row in zip(column, rows, strict=True)
        ]
        for path, column in found.columns.items()
    }
    external = Batch(found.keys, {path: Column.of(values) for path, values in columns.items()})
    some = [row for row in range(len(external)) if any(values[row] is not None for values in columns.values())]
    return external.select(some, external.columns)


def external_notes(kind: str, external: Batch, detail: str) -> list[Note]:
    """Return a note for each field that has external values."""
    notes = []
    for path, column in external.columns.items():
        keys = [key for key, value in zip(external.keys, column, strict=True) if value is not None]
        if keys:
            notes.append(Note(kind, path, len(keys), tuple(keys[:EXAMPLES]), detail=detail))
    return notes


def problem_notes(problems: Mapping[str, Sequence[bytes]]) -> list[Note]:
    """Return a note for each reason why documents could not be written."""
    return [
        Note(reason, "", len(keys), tuple(keys[:EXAMPLES]), detail="left as they are")
        for reason, keys in problems.items()
        if keys
    ]


def equals_any(storage: Storage, value: bytes | None, known: Sequence[bytes | None]) -> bool:
    """Whether a value equals one of these, by meaning where it is JSON; a missing value equals any."""
    if value is None or value in known:
        return True
    if storage is not Storage.JSON:
        return False
    found, texts = json.loads(value), [each for each in known if each is not None]
    if any(found == json.loads(each) for each in texts):
        return True
    # Redis cannot hold some numbers exactly, and stores others in their place
    return any(found == json.loads(round_trip_safe(each), parse_float=parse_like_redis) for each in texts)
