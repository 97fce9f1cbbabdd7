"""The step ``dims.truncate``: its plan, and what it does to a batch of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import asdict

from fieldfare.plan import Step
from fieldfare_vectors.planned_truncation import TRUNCATE
from fieldfare_vectors.sample_warnings import NO_COSINE, ZEROS

if TYPE_CHECKING:
    from fieldfare.documents import Batch
    from fieldfare_dims.parameters import TruncationParameters

__all__ = ["plan_truncation", "truncate_batch"]

OVERFLOW: Final = "overflow"
"""Allows values that become, or are, no finite number (``--allow-overflow``)."""


def plan_truncation(parameters: TruncationParameters) -> Step:
    """Build the step that truncates a vector field in every document."""
    renormalized = ", and renormalize" if parameters.renormalize else ""
    return Step.rewrite(
        TRUNCATE,
        [parameters.path],
        params=asdict(parameters),
        summary=f"Truncate {parameters.field!r} from {parameters.source} to {parameters.target} dims{renormalized}",
    )


def truncate_batch(parameters: TruncationParameters, batch: Batch) -> Batch:
    """Truncate the vectors of a batch, and note the documents that need attention.

    Args:
        parameters: of the step.
        batch: documents with the column ``parameters.path``.

    Returns:
        The batch with that column truncated. Values that are no vector of ``parameters.source`` values stay as they
        are.
    """
    from fieldfare_dims.column_truncation import (  # noqa: PLC0415 - numpy costs start-up time
        truncate_arrays,
        truncate_bytes,
    )

    path, source, target = parameters.path, parameters.source, parameters.target
    done = (truncate_arrays if parameters.in_json else truncate_bytes)(parameters, batch[path])
    batch = batch.replace(path, done.column)
    unscaled = ", and the vector is truncated without being renormalized" if parameters.renormalize else ""
    is_cosine = parameters.metric == "cosine"
    zeros = f"the first {target} values are all zeros: the truncated vector has no direction"
    for kind, rows, detail in (
        ("NaN", done.nan, f"not a number stays not a number{unscaled}"),
        ("infinity", done.infinite, f"infinity stays infinity{unscaled}"),
        (
            "overflow",
            done.overflow,
            f"renormalized, a value is too large for {parameters.datatype}: it becomes the largest value",
        ),
        # Redis divides by the length: such a vector becomes NaN in the index, and disturbs the results of all queries
        ("zero after truncation", done.underflow if is_cosine else (), f"{zeros}, and no cosine"),
    ):
        batch = batch.note(kind, path, rows, blocking=True, allow=OVERFLOW, detail=detail)
    expected = f"the list of {source} numbers" if parameters.in_json else f"the {source * parameters.width} bytes"
    for kind, rows, detail in (
        (ZEROS, done.zero if is_cosine else (), f"a vector of zeros {NO_COSINE}"),
        ("zero after truncation", () if is_cosine else done.underflow, zeros),
        ("truncated already", done.already_truncated, f"it has {target} values already: it stays as it is"),
        (
            "wrong length",
            done.wrong_length,
            f"not {expected} of a vector: it stays as it is, and Redis will not index it",
        ),
    ):
        batch = batch.note(kind, path, rows, detail=detail)
    return batch
