"""Whether a vector field can have other dims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.plan import Claim
from fieldfare_dims.advice import judge
from fieldfare_dims.truncation import Parameters, truncate_batch
from fieldfare_dims.wish import problem, read_wish, renormalizes
from fieldfare_vectors.datatype import DATATYPES, INTEGERS
from fieldfare_vectors.hygiene import duplicates, tell
from fieldfare_vectors.sample import read_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.changes import UpdateField
    from fieldfare.definition import Field
    from fieldfare.live import LiveIndex
    from fieldfare_vectors.sample import Sample

__all__ = ["claim_dims", "parameters_of"]


def claim_dims(change: UpdateField, live: LiveIndex) -> Claim | None:
    """Claim a change of a vector field's dims: fewer can be had, more cannot.

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
    verdict, details = judge(parameters, sample, live)
    if verdict.refusal is not None:
        return Claim.blocked(verdict.refusal, workaround=verdict.workaround, details=details)
    return Claim.supported(
        rewrites_documents=True,
        lossy=True,
        warnings=[*_warnings(parameters), *verdict.warnings, *_survey(parameters, sample)],
        details=details,
    )


def parameters_of(change: UpdateField, field: Field, live: LiveIndex) -> Parameters:
    """Return what has to be cut for a change that was claimed as supported."""
    datatype = str(field.attrs["datatype"]).lower()
    renormalize = renormalizes(read_wish(live.patch, field.name), datatype)
    return Parameters.for_change(change, field, live.definition.storage, renormalize=renormalize)


def _refusals(change: UpdateField, field: Field, live: LiveIndex) -> Iterator[Claim]:
    """Give what stands in the way, the most telling first."""
    old, new = int(field.attrs["dims"]), change.new
    if type(new) is not int or new < 1:
        yield Claim.blocked(
            f"dims is a whole number, 1 or more, not {new!r}", workaround=f"choose 1 to {old - 1} in the patch"
        )
    elif new > old:
        yield Claim.blocked(
            f"vectors of {old} dims can be cut but not extended to {new}: changing vector dimensions requires "
            "re-embedding",
            workaround="re-embed the documents with the new model and load them into a new index",
        )
    else:
        yield from _unfit(new, field, live)
        yield from _other_readers(field, live)


def _unfit(new: int, field: Field, live: LiveIndex) -> Iterator[Claim]:
    """Give what about the field itself stands in the way of fewer dims."""
    datatype = str(field.attrs["datatype"]).lower()
    metric = str(field.attrs.get("distance_metric", "l2")).lower()
    wish = read_wish(live.patch, field.name)
    wrong = problem(field.name, wish)
    if datatype not in {*DATATYPES, *INTEGERS}:
        yield Claim.blocked(f"Redis has no vector datatype {datatype!r}", workaround="correct the datatype first")
    elif wrong is not None:
        yield Claim.blocked(wrong, workaround="correct the patch")
    elif datatype in INTEGERS and (renormalizes(wish, datatype) or (metric != "cosine" and not wish)):
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
            f"REDUCE {reduced} of {field.name!r} must be less than its dims, and they shall be {new}",
            workaround="choose a smaller reduce in a migration of its own first, or change the algorithm",
        )


def _other_readers(field: Field, live: LiveIndex) -> Iterator[Claim]:
    """Give who else reads the vectors that would be cut."""
    for neighbour in live.neighbours:
        if any(each.path == field.path for each in neighbour.fields):
            yield Claim.blocked(
                f"index {neighbour.name!r} covers some of the same keys and reads {field.path!r} too: it would drop "
                "documents whose vectors are shorter",
                workaround="write the shorter vectors to a new field, and move every index over to it",
            )
    for other in live.definition.fields:
        if other.path == field.path and other.name != field.name:
            yield Claim.blocked(
                f"field {other.name!r} of this index reads {field.path!r} too: it would be fed shorter vectors",
                workaround=f"remove field {other.name!r} in a migration of its own first",
            )


def _warnings(parameters: Parameters) -> Iterator[str]:
    yield (
        f"{parameters.field!r}: queries must be cut to {parameters.target} dims too (fieldfare encode-query); "
        "an application that goes on sending longer vectors gets errors"
    )
    if not parameters.renormalize and parameters.metric != "cosine":
        yield (
            f"{parameters.field!r}: without renormalizing, vectors of length one are shorter than that afterwards, "
            f"each by another share; {parameters.metric} compares lengths too"
        )


def _survey(parameters: Parameters, sample: Sample) -> tuple[str, ...]:
    """Cut a sample, throw the result away, and tell what there was to note; one line a kind."""
    notes = [note for batch in sample.batches for note in truncate_batch(parameters, batch).notes]
    return tell([*notes, *duplicates(sample, parameters.path)], sample.documents)
