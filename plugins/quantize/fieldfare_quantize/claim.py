"""Whether a vector field can have another datatype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from fieldfare.definition import Algorithm, Field, Storage
from fieldfare.plan import Claim
from fieldfare.server.capabilities import VECTOR_DATATYPES, show
from fieldfare_quantize.calibrated import calibrated
from fieldfare_quantize.calibration import CODES
from fieldfare_quantize.conversion import Parameters
from fieldfare_quantize.survey import survey
from fieldfare_quantize.verdict import judge
from fieldfare_quantize.wish import problem, read_wish
from fieldfare_vectors.datatype import DATATYPES, INTEGERS
from fieldfare_vectors.hygiene import unseen
from fieldfare_vectors.sample import read_sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from fieldfare.changes import UpdateField
    from fieldfare.live import LiveIndex
    from fieldfare_vectors.sample import Sample

__all__ = ["claim_datatype", "parameters_of"]

NEWER: Final = "update the server, or choose a datatype that it knows"

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
    wish = read_wish(live.patch, parameters.field)
    wrong = problem(parameters, wish)
    if wrong is not None:
        return Claim.blocked(wrong, workaround="correct the patch")
    if live.definition.storage is Storage.JSON:
        return _claim_numbers(parameters, live)
    return _claim_hashes(parameters, live, wish)


def _claim_numbers(parameters: Parameters, live: LiveIndex) -> Claim:
    """Claim an index of JSON documents: only what the index holds becomes another."""
    if parameters.keeps_values:
        return Claim.supported(warnings=[_json_warning(parameters)])
    sample = read_sample(live, parameters.path, parameters.source, parameters.dims)
    verdict, advice = judge(parameters, sample, live)
    if verdict.refusal is not None:
        return Claim.blocked(verdict.refusal, workaround=verdict.workaround, details=advice.details)
    noted = survey(parameters, sample, Storage.JSON)
    warnings = [_json_warning(parameters), *verdict.warnings, *unseen(sample, live, parameters.path), *noted]
    return Claim.supported(warnings=warnings, details=advice.details)


def _claim_hashes(parameters: Parameters, live: LiveIndex, wish: Mapping[str, Any]) -> Claim:
    sample = read_sample(live, parameters.path, parameters.source, parameters.dims)
    parameters = calibrated(parameters, sample, wish)
    if live.server.indexes(parameters.target) and _is_groundless(parameters, sample, wish):
        other = "say quantization: {scale: ...} in the patch, or " if parameters.target == "int8" else ""
        return Claim.blocked(
            f"{parameters.field!r}: no document has a vector from which a scale for {parameters.target} could follow",
            workaround=f"{other}plan again when there are some",
        )
    noted = survey(parameters, sample, Storage.HASH)
    if parameters.keeps_values and not {parameters.source, parameters.target} & set(INTEGERS):
        return Claim.supported(rewrites_documents=True, warnings=noted)
    verdict, advice = judge(parameters, sample, live)
    if not live.server.indexes(parameters.target):
        reason = "; ".join(filter(None, (_too_old(parameters.target, live), verdict.refusal)))
        return Claim.blocked(reason, workaround=NEWER, details=advice.details)
    if verdict.refusal is not None:
        return Claim.blocked(verdict.refusal, workaround=verdict.workaround, details=advice.details)
    warnings = [_precision_warning(parameters), *verdict.warnings, *unseen(sample, live, parameters.path), *noted]
    lossy = not parameters.keeps_values
    return Claim.supported(rewrites_documents=True, lossy=lossy, warnings=warnings, details=advice.details)


def _is_groundless(parameters: Parameters, sample: Sample, wish: Mapping[str, Any]) -> bool:
    """Whether a scale that all vectors share has been chosen without one vector to choose it for."""
    encoding = parameters.encoding
    if encoding is None or encoding.scale is None or (parameters.target == "int8" and "scale" in wish):
        return False
    return not sample.sound.any()


def parameters_of(change: UpdateField, field: Field) -> Parameters:
    """Return what has to be converted for a change that was claimed as supported."""
    return evolve(Parameters.unchanged(field), source=str(change.old).lower(), target=str(change.new).lower())


def _refusals(change: UpdateField, field: Field, live: LiveIndex) -> Iterator[Claim]:
    """Give what stands in the way, the most telling first."""
    target = str(change.new).lower()
    source = str(change.old).lower()
    for datatype in (source, target):
        if datatype not in VECTOR_DATATYPES:
            known = ", ".join((*DATATYPES, *INTEGERS))
            yield Claim.blocked(f"Redis has no vector datatype {datatype!r}", workaround=f"choose one of {known}")
    if live.definition.storage is Storage.JSON and not live.server.indexes(target):
        yield Claim.blocked(_too_old(target, live), workaround=NEWER)
    if str(field.attrs.get("algorithm", "")).upper() == Algorithm.SVS_VAMANA and target not in SVS_DATATYPES:
        yield Claim.blocked(
            f"SVS-VAMANA indexes {' and '.join(SVS_DATATYPES)} only, not {target}",
            workaround="change the algorithm to HNSW or FLAT in the same patch, or choose one of these datatypes",
        )
    if live.definition.storage is Storage.JSON and {source, target} & set(INTEGERS):
        yield Claim.blocked(
            "JSON documents hold the numbers themselves: fractions would be lost in an index of integers",
            workaround="choose float16 or bfloat16, which Redis makes of the same numbers",
        )
    if live.definition.storage is Storage.HASH:
        yield from _other_readers(field, target, live)


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
    if parameters.encoding is not None:
        return (
            f"{parameters.field!r}: queries must be encoded as {parameters.target} too, with the calibration in the "
            "plan (fieldfare encode-query); an application that goes on sending floats gets errors"
        )
    if parameters.decoding is not None:
        return f"{parameters.field!r}: {_decoding_warning(parameters)}"
    before, after = DATATYPES[parameters.source], DATATYPES[parameters.target]
    return (
        f"{parameters.field!r}: {after.name} keeps about {after.digits} significant digits ({before.name}: "
        f"{before.digits}) of values up to ±{after.largest:g}"
    )


def _decoding_warning(parameters: Parameters) -> str:
    if parameters.target in INTEGERS:
        return f"every code moves by 128 on the way from {parameters.source} to {parameters.target}"
    calibration = parameters.decoding
    if calibration is not None and calibration.scale is None:
        return "vectors come back with length one: their own lengths were given up on the way to int8"
    if calibration == CODES:
        return "codes come back as they are; say quantization: {scale: ...} in the patch to get the old values"
    return "values come back as close as the codes are"


def _json_warning(parameters: Parameters) -> str:
    line = f"{parameters.field!r}: JSON documents keep their numbers; the index alone holds {parameters.target}"
    if parameters.keeps_values:
        return line
    after = DATATYPES[parameters.target]
    return f"{line}, with about {after.digits} significant digits up to ±{after.largest:g}"
