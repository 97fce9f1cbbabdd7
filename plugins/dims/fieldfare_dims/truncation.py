"""The step ``dims.truncate``: its plan, what it needs, and what it does to a batch of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import asdict

from fieldfare.plan import Estimate, MigrationPlan, Step
from fieldfare_vectors.estimate import estimate_rewrite
from fieldfare_vectors.sample_warnings import NO_COSINE, ZEROS
from fieldfare_vectors.truncation_parameters import TRUNCATE, TruncationParameters

if TYPE_CHECKING:
    from fieldfare.documents import Batch

__all__ = ["estimate_truncations", "plan_truncation", "truncate_batch"]

OVERFLOW: Final = "overflow"
"""Allows values that become, or are, no finite number (``--allow-overflow``)."""

JSON_NUMBER_BYTES: Final = 20
"""Bytes of a number as JSON text, with sign, point and comma."""


def plan_truncation(parameters: TruncationParameters) -> Step:
    """Build the step that truncates a vector field in every document."""
    renormalized = ", and renormalize" if parameters.renormalize else ""
    return Step.rewrite(
        TRUNCATE,
        [parameters.path],
        params=asdict(parameters),
        summary=f"Truncate {parameters.field!r} from {parameters.source} to {parameters.target} dims{renormalized}",
    )


def estimate_truncations(plan: MigrationPlan) -> Estimate | None:
    """Estimate the truncations of a plan from its documents, dims and widths; None if it has none."""
    estimates = [_estimate(step, plan) for step in plan.steps if step.kind == TRUNCATE]
    return Estimate.total(estimates) if estimates else None


def _estimate(step: Step, plan: MigrationPlan) -> Estimate:
    parameters, documents = TruncationParameters.of(step), plan.source.stats.num_docs
    source, target = parameters.source, parameters.target
    bytes_per_dim = documents * (JSON_NUMBER_BYTES if parameters.in_json else parameters.width)
    uncounted = " (JSON documents get shorter too; how much is not counted)" if parameters.in_json else ""
    return estimate_rewrite(
        step,
        plan,
        before=bytes_per_dim * source,
        after=bytes_per_dim * target,
        memory_delta=documents * (target - source) * parameters.width,
        line=f"Vector field {parameters.field!r}: {source} -> {target} dims, {parameters.datatype}{uncounted}",
    )


def truncate_batch(parameters: TruncationParameters, batch: Batch) -> Batch:
    """Truncate the vectors of a batch, and note the documents that need attention.

    Args:
        parameters: the parameters of the step.
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
        ("NaN", done.nan, f"NaN stays NaN{unscaled}"),
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
        ("truncated already", done.already_rewritten, f"it has {target} values already: it stays as it is"),
        (
            "wrong length",
            done.wrong_length,
            f"not {expected} of a vector: it stays as it is, and Redis will not index it",
        ),
    ):
        batch = batch.note(kind, path, rows, detail=detail)
    return batch
