"""Whether a vector field can have other dims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from fieldfare.plan import Claim
from fieldfare_dims.truncation import truncate_batch
from fieldfare_vectors.claim import block_other_readers, read_field_options
from fieldfare_vectors.datatype import DATATYPES, INTEGERS
from fieldfare_vectors.sample import draw_samples
from fieldfare_vectors.sample_warnings import warn_of_sample
from fieldfare_vectors.truncation_parameters import TruncationParameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.changes import UpdateField
    from fieldfare.definition import Field
    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare_vectors.sample import Sample

__all__ = ["claim_dims", "parameters_of"]

TRUNCATION: Final = "truncation"
"""What a patch says about a truncation: this key of an entry of ``update_fields``."""

RENORMALIZE: Final = "renormalize"
"""The only key below it."""


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
    samples = draw_samples(live, parameters.path, parameters.datatype, parameters.source)
    return next(filter(None, (_claim_on_sample(parameters, sample, live) for sample in samples)))


def _claim_on_sample(parameters: TruncationParameters, sample: Sample, live: LiveIndex) -> Claim | None:
    """Claim fewer dims if a sample shows that they keep enough; None if a larger sample has to decide."""
    from fieldfare_dims.recall_prediction import claim_recall  # noqa: PLC0415 - numpy costs start-up time

    notes = (note for batch in sample.batches for note in truncate_batch(parameters, batch).notes)
    noted = warn_of_sample(sample, parameters.path, notes)
    if noted and not sample.is_whole:
        return None
    claim = claim_recall(parameters, sample, live)
    if claim is None or not claim.is_supported:
        return claim
    warnings = (*_warnings(parameters), *claim.warnings, *noted)
    return evolve(claim, rewrites_documents=True, lossy=True, warnings=warnings)


def parameters_of(change: UpdateField, field: Field, live: LiveIndex) -> TruncationParameters:
    """Return the parameters of the step for a change that was claimed as supported."""
    datatype = str(field.attrs["datatype"]).lower()
    truncation = read_field_options(live.patch, field.name, TRUNCATION)
    return TruncationParameters(
        field=field.name,
        path=field.path,
        storage=live.definition.storage.value,
        datatype=datatype,
        source=int(field.attrs["dims"]),
        target=int(change.new or 0),
        metric=str(field.attrs.get("distance_metric", "l2")).lower(),
        # by default, floats are renormalized, and integers are not
        renormalize=bool(truncation.get(RENORMALIZE, datatype not in INTEGERS)),
    )


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
        yield from _field_problems(parameters_of(change, field, live), field, live)
        yield from block_other_readers(field, live, vectors="shorter vectors")


def _field_problems(parameters: TruncationParameters, field: Field, live: LiveIndex) -> Iterator[Claim]:
    """Yield the reasons that the field itself gives to block fewer dims."""
    datatype, metric, new = parameters.datatype, parameters.metric, parameters.target
    truncation = read_field_options(live.patch, field.name, TRUNCATION)
    unknown = sorted(set(truncation) - {RENORMALIZE})
    if datatype not in {*DATATYPES, *INTEGERS}:
        yield Claim.blocked(f"Redis has no vector datatype {datatype!r}", workaround="correct the datatype first")
    elif unknown:
        problem = f"truncation of {field.name!r} knows {RENORMALIZE}, not {', '.join(unknown)}"
        yield Claim.blocked(problem, workaround="correct the patch")
    elif not isinstance(truncation.get(RENORMALIZE, True), bool):
        problem = f"truncation of {field.name!r}: {RENORMALIZE} takes true or false, not {truncation[RENORMALIZE]!r}"
        yield Claim.blocked(problem, workaround="correct the patch")
    elif datatype in INTEGERS and (parameters.renormalize or (metric != "cosine" and not truncation)):
        yield Claim.blocked(
            f"{field.name!r} holds {datatype} codes, which cannot be renormalized"
            + ("" if metric == "cosine" else f", and {metric} compares lengths"),
            workaround="set truncation: {renormalize: false} in the patch, or convert to floats in a migration of "
            "its own first",
        )
    reduced = field.attrs.get("reduce")
    if reduced is not None and int(reduced) >= new:
        yield Claim.blocked(
            f"REDUCE {reduced} of {field.name!r} must be less than its new dims, {new}",
            workaround="choose a smaller reduce in a separate migration first, or change the algorithm",
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
