"""Whether a vector field can have another datatype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from fieldfare.definition import Algorithm, Field, Storage
from fieldfare.plan import Claim
from fieldfare.server.capabilities import VECTOR_DATATYPES, show
from fieldfare_quantize.conversion import Parameters
from fieldfare_quantize.datatype import DATATYPES, is_lossless
from fieldfare_quantize.sample import read_sample
from fieldfare_quantize.survey import survey
from fieldfare_quantize.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.changes import UpdateField
    from fieldfare.live import LiveIndex

__all__ = ["claim_datatype", "parameters_of"]

SVS_DATATYPES: Final = ("float16", "float32")
"""https://redis.io/docs/latest/develop/ai/search-and-query/vectors/#svs-vamana-index"""


def claim_datatype(change: UpdateField, live: LiveIndex) -> Claim | None:
    """Claim a change of a vector field's datatype, as supported or as blocked.

    Returns:
        None if the change is about something else.
    """
    field = live.definition.find(change.name)
    if change.attribute != "datatype" or field is None or not field.is_vector:
        return None
    refusal = next(_refusals(change, field, live), None)
    if refusal is not None:
        return refusal
    parameters = parameters_of(change, field)
    if live.definition.storage is Storage.JSON:
        return Claim.supported(warnings=[_json_warning(parameters)])
    sample = read_sample(parameters, live)
    noted = survey(parameters, sample)
    if is_lossless(parameters.before, parameters.after):
        return Claim.supported(rewrites_documents=True, warnings=noted)
    verdict = judge(parameters, sample, live)
    if verdict.refusal is not None:
        return Claim.blocked(verdict.refusal, workaround=verdict.workaround, details=verdict.details)
    warnings = [_precision_warning(parameters), *verdict.warnings, *noted]
    return Claim.supported(rewrites_documents=True, lossy=True, warnings=warnings, details=verdict.details)


def parameters_of(change: UpdateField, field: Field) -> Parameters:
    """Return what has to be converted for a change that was claimed as supported."""
    return evolve(Parameters.unchanged(field), source=str(change.old).lower(), target=str(change.new).lower())


def _refusals(change: UpdateField, field: Field, live: LiveIndex) -> Iterator[Claim]:
    """Give what stands in the way, the most telling first."""
    target = str(change.new).lower()
    yield from _codec_refusals(str(change.old).lower(), target, live)
    if not live.server.indexes(target):
        yield Claim.blocked(_too_old(target, live), workaround="update the server, or choose a datatype that it knows")
    if str(field.attrs.get("algorithm", "")).upper() == Algorithm.SVS_VAMANA and target not in SVS_DATATYPES:
        yield Claim.blocked(
            f"SVS-VAMANA indexes {' and '.join(SVS_DATATYPES)} only, not {target}",
            workaround="change the algorithm to HNSW or FLAT in the same patch, or choose one of these datatypes",
        )
    if live.definition.storage is Storage.HASH:
        yield from _other_readers(field, target, live)


def _codec_refusals(source: str, target: str, live: LiveIndex) -> Iterator[Claim]:
    for datatype in (source, target):
        if datatype not in VECTOR_DATATYPES:
            yield Claim.blocked(
                f"Redis has no vector datatype {datatype!r}", workaround=f"choose one of {', '.join(DATATYPES)}"
            )
    for datatype in (target, source):
        if datatype not in DATATYPES:
            reason = f"{datatype} needs a codec that is calibrated on the vectors, and there is none yet"
            yield Claim.blocked(
                reason if live.server.indexes(target) else f"{reason}; besides, {_too_old(target, live)}",
                workaround="float16 and bfloat16 take half the memory of float32",
            )


def _other_readers(field: Field, target: str, live: LiveIndex) -> Iterator[Claim]:
    """Give who else reads the bytes that would be rewritten."""
    for neighbour in live.neighbours:
        if any(each.path == field.path for each in neighbour.fields):
            yield Claim.blocked(
                f"index {neighbour.name!r} covers some of the same keys and reads {field.path!r} too: "
                f"drop_recreate would feed {target} bytes to it",
                workaround="write the new vectors to a new field, and move every index over to it",
            )
    for other in live.definition.fields:
        if other.path == field.path and other.name != field.name:
            yield Claim.blocked(
                f"field {other.name!r} of this index reads {field.path!r} too: it would be fed {target} bytes",
                workaround=f"remove field {other.name!r} in a migration of its own first",
            )


def _too_old(datatype: str, live: LiveIndex) -> str:
    return (
        f"this server cannot index {datatype} vectors: it has search {show(live.server.search_version)}, "
        f"and {datatype} needs search {show(VECTOR_DATATYPES[datatype])} or newer"
    )


def _precision_warning(parameters: Parameters) -> str:
    before, after = parameters.before, parameters.after
    return (
        f"{parameters.field!r}: {after.name} keeps about {after.digits} significant digits ({before.name}: "
        f"{before.digits}) of values up to ±{after.largest:g}"
    )


def _json_warning(parameters: Parameters) -> str:
    line = f"{parameters.field!r}: JSON documents keep their numbers; the index alone holds {parameters.target}"
    if is_lossless(parameters.before, parameters.after):
        return line
    return f"{line}, with about {parameters.after.digits} significant digits up to ±{parameters.after.largest:g}"
