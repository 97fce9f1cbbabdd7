"""Running the transforms of rewrite steps over a batch: the same in planning, in the rehearsal and in the rewrite."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import evolve

from fieldfare.definition import Storage
from fieldfare.documents import MISSING, Batch, Column
from fieldfare.errors import InvalidHookResult, PluginBroken, PluginError
from fieldfare.hooks.manager import naming
from fieldfare.support.error_text import describe_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.hooks.manager import Plugins
    from fieldfare.plan import Step

__all__ = ["transformed", "transformed_back"]

TRANSFORM: Final = "fieldfare_transform"
TRANSFORM_BACK: Final = "fieldfare_transform_back"


def transformed(plugins: Plugins, storage: Storage, steps: Sequence[Step], batch: Batch) -> Batch:
    """Return what documents become.

    Args:
        plugins: who transforms.
        storage: how the documents are stored.
        steps: rewrite steps, in order.
        batch: documents with all fields of these steps.

    Raises:
        PluginBroken: a transform raised; names the document.
        InvalidHookResult: it returned other documents or other fields than it got.
    """
    for step in steps:
        rows = _rows_with(batch, step.fields)
        part = batch.select(rows, step.fields) if len(rows) < len(batch) else _only(batch, step.fields)
        if not part.keys:
            continue
        result = _transform(plugins, step, part)
        problem = _problem(storage, part, result)
        if problem is not None:
            raise InvalidHookResult(step.owner, TRANSFORM, problem)
        batch = _merged(batch, rows, result)
    return batch


def transformed_back(plugins: Plugins, storage: Storage, steps: Sequence[Step], batch: Batch) -> Batch:
    """Return what values in the new form were in the old one; None where no step can tell, or one fails.

    Args:
        plugins: who transform.
        storage: how the documents are stored.
        steps: rewrite steps, in order.
        batch: documents with all fields of these steps, in the new form.
    """
    for step in reversed(steps):
        rows = _rows_with(batch, step.fields)
        part = batch.select(rows, step.fields)
        if part.keys:
            batch = _merged(batch, rows, _transform_back(plugins, storage, step, part))
    return evolve(batch, notes=())


def _transform_back(plugins: Plugins, storage: Storage, step: Step, part: Batch) -> Batch:
    """Return a batch in the old form; where it fails, document by document."""
    nothing = Batch(part.keys, dict.fromkeys(part.columns, Column.of([None] * len(part))))
    try:
        result = plugins.call(step.owner, TRANSFORM_BACK, step=step, batch=part)
        if isinstance(result, Batch) and _problem(storage, part, result) is None:
            return result
    except PluginError:
        pass
    else:
        if result is None:
            return nothing
    if len(part) == 1:
        return nothing
    rows = [_transform_back(plugins, storage, step, part.select([row], step.fields)) for row in range(len(part))]
    columns = {path: Column.of(each[path][0] for each in rows) for path in part.columns}
    return Batch(part.keys, columns)


def _transform(plugins: Plugins, step: Step, part: Batch) -> Batch:
    try:
        result: Batch = plugins.call_required(step.owner, TRANSFORM, Batch, step=step, batch=part)
    except PluginBroken as error:
        reason = f"{error.reason} for {_failing_document(plugins, step, part)}"
        raise PluginBroken(step.owner, reason, has_traceback=True) from error.__cause__
    for column in result.columns.values():
        if isinstance(column, Column):
            column.make_within(partial(naming, step.owner, TRANSFORM))
    return result


def _failing_document(plugins: Plugins, step: Step, part: Batch) -> str:
    """Name the document for which a transform raises: the batch is halved until one is left."""
    while len(part) > 1:
        middle = len(part) // 2
        halves = (part.select(range(middle), step.fields), part.select(range(middle, len(part)), step.fields))
        failing = next((half for half in halves if _raises(plugins, step, half)), None)
        if failing is None:
            return f"{len(part)} documents together, the first is {_show(part.keys[0])}"
        part = failing
    return _show(part.keys[0])


def _raises(plugins: Plugins, step: Step, part: Batch) -> bool:
    try:
        plugins.call(step.owner, TRANSFORM, step=step, batch=part)
    except PluginBroken:
        return True
    except PluginError:
        return False
    return False


def _show(key: bytes) -> str:
    return key.decode("utf-8", "backslashreplace")


def _problem(storage: Storage, part: Batch, result: Batch) -> str | None:
    """Return what a transform did that it must not; what passes here can be written."""
    if result.keys != part.keys or set(result.columns) != set(part.columns):
        return "it changed which documents or fields there are"
    for path, column in result.columns.items():
        if not isinstance(column, Column):
            return f"it gave the values of {path!r} as {describe_result(column)}, and not as a Column"
        before = part[path]
        if len(column) != len(before):
            return f"it gave {len(column)} values of {path!r} for {len(before)} documents"
        if column is before or column == before or (storage is Storage.HASH and _has_no_new(before, column)):
            continue
        for key, old, new in zip(part.keys, before, column, strict=True):
            document = _show(key)
            if old is None and new is not None:
                return f"it gave a value to {path!r} of {document}, which has no such field"
            if storage is Storage.JSON and new is not None and new != old and not _is_json(new):
                return f"its value for {path!r} of {document} is not JSON"
    return None


def _has_no_new(before: Column, after: Column) -> bool:
    """Whether every document that has a value had one; lengths tell that without a look at the values."""
    return all(old != MISSING or new == MISSING for old, new in zip(before.lengths, after.lengths, strict=True))


def _is_json(value: bytes) -> bool:
    try:
        json.loads(value, parse_constant=_refuse)
    except ValueError:
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _rows_with(batch: Batch, fields: Sequence[str]) -> list[int]:
    columns = [batch[name] for name in fields]
    if any(MISSING not in column.lengths for column in columns):
        return list(range(len(batch)))
    return [row for row in range(len(batch)) if any(column.lengths[row] != MISSING for column in columns)]


def _only(batch: Batch, fields: Sequence[str]) -> Batch:
    return Batch(batch.keys, {name: batch[name] for name in fields})


def _merged(batch: Batch, rows: Sequence[int], part: Batch) -> Batch:
    columns = dict(batch.columns)
    for name, column in part.columns.items():
        if len(rows) == len(batch):
            columns[name] = column
        else:
            values = list(batch[name])
            for row, value in zip(rows, column, strict=True):
                values[row] = value
            columns[name] = type(column).of(values)
    return evolve(batch, columns=columns, notes=(*batch.notes, *part.notes))
