"""Vectors of JSON documents, whose numbers Redis itself makes another datatype of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.definition import Storage
from fieldfare.documents import Column
from fieldfare_quantize.conversion import OVERFLOW, Parameters
from fieldfare_quantize.fate import faint, vanished
from fieldfare_vectors.datatype import DATATYPES, INTEGERS
from fieldfare_vectors.hygiene import NO_COSINE, ZEROS
from fieldfare_vectors.parameters import Parameters as Measured

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fieldfare.documents import Batch, Note
    from fieldfare.engine.run import Run
    from fieldfare.plan import Step

__all__ = ["look_at_numbers", "looker"]

TOLD: Final = ("wrong length", ZEROS)
"""What is told by whoever rewrites the vectors first."""


def looker(step: Step, run: Run) -> Callable[[Batch], None] | None:
    """Return what notes the vectors of each batch that need attention, before anything is changed.

    Args:
        step: measures the recall of a change of datatype.
        run: takes the notes, and stops if one is blocking.

    Returns:
        None where the plan converts the vectors itself, and notes them then.
    """
    measured = Measured.of(step)
    field = measured.target_field(run.plan)
    if run.source.storage is not Storage.JSON or field is None:
        return None
    path, is_rewritten = measured.vectors(run.plan).path, measured.is_rewritten(run.plan)

    def look(batch: Batch) -> None:
        found = look_at_numbers(Parameters.unchanged(field), run.transformed(batch) if is_rewritten else batch, path)
        run.note([note for note in found if not (is_rewritten and note.kind in TOLD)])

    return look


def look_at_numbers(parameters: Parameters, batch: Batch, path: str) -> Sequence[Note]:
    """Note the JSON documents whose numbers are no vector of the target, or become one that does harm.

    Redis itself converts them when it indexes them.

    Args:
        parameters: of the conversion; its source is not looked at.
        batch: documents with the column ``path``.
        path: where they have their vectors. ``null`` is none, and nothing to speak of.
    """
    from fieldfare_quantize.codec import convert  # noqa: PLC0415 - numpy costs start-up time
    from fieldfare_vectors.arrays import parse  # noqa: PLC0415 - numpy costs start-up time

    target, dims = parameters.target, parameters.dims
    if target in INTEGERS:  # nobody converts such an index to anything
        return ()
    rows, vectors = parse(batch[path], dims)
    others = {row for row, value in enumerate(batch[path]) if value not in (None, b"null")}.difference(rows)
    done = convert(Column(vectors.astype("<f8").tobytes(), (8 * dims,) * len(rows)), "float64", target, dims)
    is_cosine = parameters.metric == "cosine"
    beyond = f"values beyond ±{DATATYPES[target].largest:g} become infinity in an index of {target}"
    batch = batch.select(range(len(batch)), [path])
    for kind, found, detail in (
        ("overflow", done.overflow, f"{beyond}, which may leave other documents out of its answers"),
        ("underflow", done.underflow if is_cosine else (), f"{vanished(target)} and {NO_COSINE}"),
    ):
        batch = batch.note(kind, path, [rows[row] for row in found], blocking=True, allow=OVERFLOW, detail=detail)
    for kind, found, detail in (
        (ZEROS, done.zero if is_cosine else (), f"a vector of zeros {NO_COSINE}"),
        ("subnormal", done.subnormal, faint(target)),
        ("underflow", () if is_cosine else done.underflow, vanished(target)),
    ):
        batch = batch.note(kind, path, [rows[row] for row in found], detail=detail)
    detail = f"not the list of {dims} numbers of a vector: Redis will not index it"
    return batch.note("wrong length", path, sorted(others), detail=detail).notes
