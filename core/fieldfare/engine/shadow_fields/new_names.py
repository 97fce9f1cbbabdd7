"""Values that documents have under the new name of a field before a run, or that applications write there during it.

A shadow field with a name of its own belongs to the run. The new name of a field may be an application's already: of
each value there it has to be known who wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator

from fieldfare.backup import PRESENT_VALUES, REPLACED_VALUES
from fieldfare.documents import Batch, Column, KeyCounter, Note
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.conversion import ShadowedDocuments, read_shadowed
from fieldfare.engine.shadow_paths import moved_paths
from fieldfare.errors import UnconvertibleDocuments

__all__ = ["back_up_new_names", "former_values"]

KEEP_OLD, KEEP_NEW = "keep-old", "keep-new"


def back_up_new_names(run: ActiveRun) -> None:
    """Save what documents have under the new names of fields, and stop if the user has not said what becomes of it.

    Raises:
        UnconvertibleDocuments: documents have both names, and the user did not choose which value is kept; or
            documents have the new name, and other steps of the plan rewrite the field.
    """
    moves = moved_paths(run.plan)
    both = {new: KeyCounter() for new in moves.values()}
    only = {new: KeyCounter() for new in moves.values()}
    with run.activity("dump", "Look for new names of fields", total=run.store.key_count):
        for keys in run.captured_keys():
            found, _ = read_shadowed(run, keys)
            for old, new in moves.items():
                outdated = [key for key, *pair in _values(found, old, new) if pair[1] != pair[2]]
                without = {key for key, *pair in _values(found, old, new) if pair[0] is None}
                only[new].add(key for key in outdated if key in without)
                both[new].add(key for key in outdated if key not in without)
            _save(run, found)
            run.advance(len(keys))
    _stop_on_problems(run, both, only)
    for old, new in moves.items():
        if both[new].count:
            kept = old if run.options.on_conflict == KEEP_OLD else new
            detail = f"the value of {kept!r} is kept; the backup has both"
            run.note([Note("both names", old, both[new].count, tuple(both[new].keys), detail=detail)])


def _values(found: ShadowedDocuments, old: str, new: str) -> Iterator[tuple[bytes, bytes | None, bytes, bytes | None]]:
    """Yield key, original, present value, and what the original becomes, of documents that have the new name."""
    columns = (found.originals[old], found.shadows[new], found.converted[new])
    for key, original, present, converted in zip(found.originals.keys, *columns, strict=True):
        if present is not None:
            yield key, original, present, converted


def _save(run: ActiveRun, found: ShadowedDocuments) -> None:
    """Save the values under new names: with ``keep-old`` as replaced, where there is an old value."""
    replaces = run.options.on_conflict == KEEP_OLD
    parts: dict[str, dict[str, list[bytes | None]]] = {PRESENT_VALUES: {}, REPLACED_VALUES: {}}
    for old, new in moved_paths(run.plan).items():
        pairs = list(zip(found.originals[old], found.shadows[new], strict=True))
        for tag, is_replaced in ((PRESENT_VALUES, False), (REPLACED_VALUES, True)):
            parts[tag][new] = [
                present if (replaces and original is not None) == is_replaced else None for original, present in pairs
            ]
    for tag, values in parts.items():
        columns = {new: Column.of(column) for new, column in values.items()}
        rows = [
            row for row in range(len(found.originals)) if any(column[row] is not None for column in values.values())
        ]
        if rows:
            run.store.append(tag, Batch(found.originals.keys, columns).select(rows, columns))


def _stop_on_problems(run: ActiveRun, both: dict[str, KeyCounter], only: dict[str, KeyCounter]) -> None:
    moves, choice = moved_paths(run.plan), run.options.on_conflict
    rewritten = {path for step in run.plan.steps if step.transforms and step.owner != "index" for path in step.fields}
    problems, is_unanswered = [], False
    for old, new in moves.items():
        both_names = f"{old!r} and {new!r} both exist in {both[new]}"
        if old in rewritten and only[new].count:
            problems.append(
                f"this plan rewrites {old!r} only, but {new!r} exists already in {only[new]}: use two plans"
            )
        if old in rewritten and both[new].count and choice == KEEP_NEW:
            problems.append(f"this plan rewrites {old!r} only, but {both_names}: keep the old value, or use two plans")
        if both[new].count and choice is None:
            is_unanswered = is_unanswered or not problems
            problems.append(both_names)
    if problems:
        advice = f"--on-conflict {KEEP_OLD} or --on-conflict {KEEP_NEW}" if is_unanswered else None
        raise UnconvertibleDocuments(problems, override=advice)


def former_values(run: ActiveRun) -> Iterator[Batch]:
    """Yield what documents had under new names before the run, by the paths of the shadow fields."""
    for tag in (PRESENT_VALUES, REPLACED_VALUES):
        yield from run.store.iter_batches(tag)
