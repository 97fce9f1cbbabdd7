"""Vectors of JSON documents: Redis itself converts their numbers to the datatype of the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.definition import Storage
from fieldfare.documents import Column
from fieldfare_quantize.conversion import ConversionParameters, note_values
from fieldfare_vectors.datatype import DATATYPES, INTEGERS
from fieldfare_vectors.recall_step import RecallParameters
from fieldfare_vectors.sample_warnings import ZEROS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fieldfare.documents import Batch, Note
    from fieldfare.hooks.run import Run
    from fieldfare.plan import Step

__all__ = ["batch_inspector", "check_json_vectors"]

NOTED_BY_REWRITE: Final = ("wrong length", ZEROS)
"""Kinds of notes that the step which rewrites the vectors writes too."""


def batch_inspector(step: Step, run: Run) -> Callable[[Batch], None] | None:
    """Return a function that notes the vectors that need attention in a batch, before anything is changed.

    Args:
        step: measures the recall of a change of datatype.
        run: gets the notes, and stops if one is blocking.

    Returns:
        None for hashes: the step that converts their vectors notes them.
    """
    parameters = RecallParameters.of(step)
    field = parameters.target_field(run.plan)
    if run.source.storage is not Storage.JSON or field is None:
        return None
    conversion, path = ConversionParameters.for_field(field), parameters.source_format(run.plan).path
    is_rewritten = parameters.is_rewritten(run.plan)

    def inspect_batch(batch: Batch) -> None:
        notes = check_json_vectors(conversion, run.transformed(batch) if is_rewritten else batch, path)
        run.note([note for note in notes if not (is_rewritten and note.kind in NOTED_BY_REWRITE)])

    return inspect_batch


def check_json_vectors(parameters: ConversionParameters, batch: Batch, path: str) -> Sequence[Note]:
    """Return notes on JSON documents whose numbers Redis cannot index as a vector of the target, or not safely.

    Args:
        parameters: the parameters of the conversion; its source is ignored.
        batch: documents with the column ``path``.
        path: where they have their vectors. ``null`` is not a vector and is not noted.
    """
    from fieldfare_quantize.codec import convert  # noqa: PLC0415 - numpy costs start-up time
    from fieldfare_vectors.json_arrays import parse_vectors  # noqa: PLC0415 - numpy costs start-up time

    target, dims = parameters.target, parameters.dims
    if target in INTEGERS:  # conversions from and to integers are blocked for JSON documents
        return ()
    rows, vectors = parse_vectors(batch[path], dims)
    others = {row for row, value in enumerate(batch[path]) if value not in (None, b"null")}.difference(rows)
    done = convert(Column(vectors.astype("<f8").tobytes(), (8 * dims,) * len(rows)), "float64", target, dims)
    beyond = (
        f"values beyond ±{DATATYPES[target].largest:g} become infinity in an index of {target}, which may leave other "
        "documents out of its results"
    )
    vectors_noted = note_values(parameters, batch.select(rows, ()), path, done, beyond)
    wrong = f"not the list of {dims} numbers of a vector: Redis will not index it"
    others_noted = batch.select(sorted(others), ()).note("wrong length", path, range(len(others)), detail=wrong)
    return (*vectors_noted.notes, *others_noted.notes)
