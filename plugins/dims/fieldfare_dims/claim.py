"""Whether a vector field can have other dims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.plan import Claim
from fieldfare_dims.parameters import TruncationParameters
from fieldfare_dims.patch_options import find_problem, read_truncation, renormalizes
from fieldfare_dims.recall_limit import check_recall
from fieldfare_dims.truncation import truncate_batch
from fieldfare_vectors.datatype import DATATYPES, INTEGERS
from fieldfare_vectors.sample import read_sample
from fieldfare_vectors.sample_warnings import find_duplicates, warn_of_notes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.changes import UpdateField
    from fieldfare.definition import Field
    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare_vectors.sample import Sample

__all__ = ["claim_dims", "parameters_of"]


def claim_dims(change: UpdateField, live: LiveIndex) -> Claim | None:
    """Claim a change of a vector field's dims. Fewer are supported; more are blocked.

    Returns:
        None if the change is about something else.
    """
    field = live.definition.find(change.name)
    if change.attribute != "dims" or field is None or not field.is_vector:
        return None
    refusal = next(_refusals(change, field, live), None)
    if refusal is not None:
        return refusal
    parameters = parameters_of(change, field, live)
    sample = read_sample(live, parameters.path, parameters.datatype, parameters.source)
    verdict, details = check_recall(parameters, sample, live)
    if verdict.refusal is not None:
        return Claim.blocked(verdict.refusal, workaround=verdict.workaround, details=details)
    return Claim.supported(
        rewrites_documents=True,
        lossy=True,
        warnings=[*_warnings(parameters), *verdict.warnings, *_sample_warnings(parameters, sample)],
        details=details,
    )


def parameters_of(change: UpdateField, field: Field, live: LiveIndex) -> TruncationParameters:
    """Return the parameters of the step for a change that was claimed as supported."""
    datatype = str(field.attrs["datatype"]).lower()
    renormalize = renormalizes(read_truncation(live.patch, field.name), datatype)
    return TruncationParameters.for_change(change, field, live.definition.storage, renormalize=renormalize)


def _refusals(change: UpdateField, field: Field, live: LiveIndex) -> Iterator[Claim]:
    """Yield the reasons to block the change, the most important first."""
    old, new = int(field.attrs["dims"]), change.new
    if type(new) is not int or new < 1:
        yield Claim.blocked(
            f"dims is a whole number, 1 or more, not {new!r}", workaround=f"choose 1 to {old - 1} in the patch"
        )
    elif new > old:
        yield Claim.blocked(
            f"vectors of {old} dims can be truncated but not extended to {new}: changing vector dimensions requires "
            "re-embedding",
            workaround="re-embed the documents with the new model and load them into a new index",
        )
    else:
        yield from _field_problems(new, field, live)
        yield from _other_readers(field, live)


def _field_problems(new: int, field: Field, live: LiveIndex) -> Iterator[Claim]:
    """Yield the reasons that the field itself gives to block fewer dims."""
    datatype = str(field.attrs["datatype"]).lower()
    metric = str(field.attrs.get("distance_metric", "l2")).lower()
    truncation = read_truncation(live.patch, field.name)
    problem = find_problem(field.name, truncation)
    if datatype not in {*DATATYPES, *INTEGERS}:
        yield Claim.blocked(f"Redis has no vector datatype {datatype!r}", workaround="correct the datatype first")
    elif problem is not None:
        yield Claim.blocked(problem, workaround="correct the patch")
    elif datatype in INTEGERS and (renormalizes(truncation, datatype) or (metric != "cosine" and not truncation)):
        yield Claim.blocked(
            f"{field.name!r} holds {datatype} codes, which cannot be renormalized, and {metric} compares lengths"
            if metric != "cosine"
            else f"{field.name!r} holds {datatype} codes, which cannot be renormalized",
            workaround="say truncation: {renormalize: false} in the patch, or convert to floats in a migration of "
            "its own first",
        )
    reduced = field.attrs.get("reduce")
    if reduced is not None and int(reduced) >= new:
        yield Claim.blocked(
            f"REDUCE {reduced} of {field.name!r} must be less than its new dims, {new}",
            workaround="choose a smaller reduce in a migration of its own first, or change the algorithm",
        )


def _other_readers(field: Field, live: LiveIndex) -> Iterator[Claim]:
    """Yield the other indexes and fields that read the vectors."""
    for index in live.overlapping_indexes:
        if any(each.path == field.path for each in index.fields):
            yield Claim.blocked(
                f"index {index.name!r} covers some of the same keys and reads {field.path!r} too: it would drop "
                "documents whose vectors are shorter",
                workaround="write the shorter vectors to a new field, and move every index over to it",
            )
    for other in live.definition.fields:
        if other.path == field.path and other.name != field.name:
            yield Claim.blocked(
                f"field {other.name!r} of this index reads {field.path!r} too: it would get shorter vectors",
                workaround=f"remove field {other.name!r} in a migration of its own first",
            )


def _warnings(parameters: TruncationParameters) -> Iterator[str]:
    yield (
        f"{parameters.field!r}: queries must be truncated to {parameters.target} dims too (fieldfare "
        "encode-query); an application that still sends longer vectors gets errors"
    )
    if not parameters.renormalize and parameters.metric != "cosine":
        yield (
            f"{parameters.field!r}: without renormalizing, vectors of length one become shorter, each by a "
            f"different factor; {parameters.metric} compares lengths too"
        )


def _sample_warnings(parameters: TruncationParameters, sample: Sample) -> tuple[str, ...]:
    """Truncate a sample, discard the result, and return the notes: one line for each kind."""
    notes = [note for batch in sample.batches for note in truncate_batch(parameters, batch).notes]
    return warn_of_notes([*notes, *find_duplicates(sample, parameters.path)], sample.document_count)
