"""Converting back: what applications wrote in the new form goes to the originals, for the index that is restored."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from fieldfare.documents import Batch, Column
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.conversion import ShadowedDocuments, read_shadowed
from fieldfare.engine.shadow_fields.history import FieldHistory
from fieldfare.engine.shadow_fields.repeated_write import write_repeatedly
from fieldfare.engine.shadow_paths import shadow_paths
from fieldfare.server.guarded_write import GuardedWrite

__all__ = ["convert_back"]


def convert_back(
    run: ActiveRun, history: FieldHistory, keys_of: Mapping[str, Collection[bytes]]
) -> tuple[Collection[bytes], Collection[bytes]]:
    """Write to originals what applications wrote to shadow fields after these were last converted.

    Args:
        run: the rollback.
        history: the history of these documents; it knows afterwards what was written.
        keys_of: path of an original → keys of documents with a shadow field that an application wrote.

    Returns:
        The keys of documents whose originals were written; and of those with a value that has no way back, or whose
        original an application wrote, too.
    """
    paths = shadow_paths(run.plan)
    converted, left = set[bytes](), set[bytes]()

    def decide(keys: Sequence[bytes]) -> GuardedWrite:
        found, _ = read_shadowed(run, keys)
        for each in (converted, left):
            each.difference_update(keys)
        back = run.transformed_back(Batch(found.keys, {old: found.shadows[new] for old, new in paths.items()}))
        columns, written = {}, {}
        for old, new in paths.items():
            values: list[bytes | None] = [None] * len(found.keys)
            for row, is_newer in _rows_of_applications(history, found, old, new):
                key = found.keys[row]
                if key in keys_of[old]:
                    values[row] = back[old][row] if is_newer else None
                    (left if values[row] is None else converted).add(key)
            written[old] = Column.of(values)
            columns[old] = Column.of(
                now if value is None else value for now, value in zip(found.originals[old], values, strict=True)
            )
        history.record_converted(Batch(found.keys, written))  # what an application writes after that is newer
        return GuardedWrite(Batch(found.keys, columns), before=found.originals, guards=found.shadows)

    keys = sorted(set[bytes]().union(*keys_of.values()))
    _, contended = write_repeatedly(run, keys, decide, {new: old for old, new in paths.items()})
    left.update(contended)
    return converted - left, left


def _rows_of_applications(
    history: FieldHistory, found: ShadowedDocuments, old: str, new: str
) -> Iterator[tuple[int, bool]]:
    """Yield the documents with a value that an application wrote, and whether it wrote that after the original."""
    columns = (found.keys, found.originals[old], found.shadows[new], found.converted[new])
    for row, (key, original, shadow, converted) in enumerate(zip(*columns, strict=True)):
        if shadow is None or shadow == converted:
            continue
        if history.is_theirs(old, key, original, shadow):
            yield row, history.is_latest(old, key, original, shadow, converted)
