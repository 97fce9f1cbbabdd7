"""Whether a vector field can have another datatype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from fieldfare.definition import Algorithm, Field, Storage
from fieldfare.plan import Claim
from fieldfare.server.capabilities import VECTOR_DATATYPES, format_version
from fieldfare_quantize.calibration import IDENTITY
from fieldfare_quantize.conversion import ConversionParameters
from fieldfare_quantize.parameter_calibration import calibrate_parameters
from fieldfare_quantize.patch_options import find_problem, read_quantization
from fieldfare_quantize.recall_limit import check_recall
from fieldfare_quantize.sample_warnings import warn_of_sample
from fieldfare_vectors.datatype import DATATYPES, INTEGERS
from fieldfare_vectors.sample import read_sample
from fieldfare_vectors.sample_warnings import warn_without_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from fieldfare.changes import UpdateField
    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare_vectors.sample import Sample

__all__ = ["claim_datatype", "parameters_of"]

UPDATE_SERVER: Final = "update the server, or choose a datatype that it knows"

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
    quantization = read_quantization(live.patch, parameters.field)
    problem = find_problem(parameters, quantization)
    if problem is not None:
        return Claim.blocked(problem, workaround="correct the patch")
    if live.definition.storage is Storage.JSON:
        return _claim_json(parameters, live)
    return _claim_hashes(parameters, live, quantization)


def _claim_json(parameters: ConversionParameters, live: LiveIndex) -> Claim:
    """Claim a change for JSON documents: only the index gets another datatype."""
    if parameters.keeps_values:
        return Claim.supported(warnings=[_json_warning(parameters)])
    sample = read_sample(live, parameters.path, parameters.source, parameters.dims)
    verdict, advice = check_recall(parameters, sample, live)
    if verdict.refusal is not None:
        return Claim.blocked(verdict.refusal, workaround=verdict.workaround, details=advice.details)
    warnings = [
        _json_warning(parameters),
        *verdict.warnings,
        *warn_without_vectors(sample, live, parameters.path),
        *warn_of_sample(parameters, sample, Storage.JSON),
    ]
    return Claim.supported(warnings=warnings, details=advice.details)


def _claim_hashes(parameters: ConversionParameters, live: LiveIndex, quantization: Mapping[str, Any]) -> Claim:
    sample = read_sample(live, parameters.path, parameters.source, parameters.dims)
    parameters = calibrate_parameters(parameters, sample, quantization)
    if live.server.indexes(parameters.target) and _lacks_vectors_for_scale(parameters, sample, quantization):
        other = "say quantization: {scale: ...} in the patch, or " if parameters.target == "int8" else ""
        return Claim.blocked(
            f"{parameters.field!r}: no document has a vector to choose a scale for {parameters.target}",
            workaround=f"{other}plan again when some documents have one",
        )
    noted = warn_of_sample(parameters, sample, Storage.HASH)
    if parameters.keeps_values and not {parameters.source, parameters.target} & set(INTEGERS):
        return Claim.supported(rewrites_documents=True, warnings=noted)
    verdict, advice = check_recall(parameters, sample, live)
    if not live.server.indexes(parameters.target):
        reason = "; ".join(filter(None, (_server_is_too_old(parameters.target, live), verdict.refusal)))
        return Claim.blocked(reason, workaround=UPDATE_SERVER, details=advice.details)
    if verdict.refusal is not None:
        return Claim.blocked(verdict.refusal, workaround=verdict.workaround, details=advice.details)
    warnings = [
        _precision_warning(parameters),
        *verdict.warnings,
        *warn_without_vectors(sample, live, parameters.path),
        *noted,
    ]
    lossy = not parameters.keeps_values
    return Claim.supported(rewrites_documents=True, lossy=lossy, warnings=warnings, details=advice.details)


def _lacks_vectors_for_scale(parameters: ConversionParameters, sample: Sample, quantization: Mapping[str, Any]) -> bool:
    """Return whether all vectors share a scale that was chosen without a vector other than zeros."""
    encoding = parameters.encoding
    if encoding is None or encoding.scale is None or (parameters.target == "int8" and "scale" in quantization):
        return False
    return not sample.finite_vectors.any()


def parameters_of(change: UpdateField, field: Field) -> ConversionParameters:
    """Return the parameters of the step for a change that was claimed as supported."""
    return evolve(ConversionParameters.for_field(field), source=str(change.old).lower(), target=str(change.new).lower())


def _refusals(change: UpdateField, field: Field, live: LiveIndex) -> Iterator[Claim]:
    """Yield the reasons to block the change, the most important first."""
    target = str(change.new).lower()
    source = str(change.old).lower()
    for datatype in (source, target):
        if datatype not in VECTOR_DATATYPES:
            known = ", ".join((*DATATYPES, *INTEGERS))
            yield Claim.blocked(f"Redis has no vector datatype {datatype!r}", workaround=f"choose one of {known}")
    if live.definition.storage is Storage.JSON and not live.server.indexes(target):
        yield Claim.blocked(_server_is_too_old(target, live), workaround=UPDATE_SERVER)
    if str(field.attrs.get("algorithm", "")).upper() == Algorithm.SVS_VAMANA and target not in SVS_DATATYPES:
        yield Claim.blocked(
            f"SVS-VAMANA indexes {' and '.join(SVS_DATATYPES)} only, not {target}",
            workaround="change the algorithm to HNSW or FLAT in the same patch, or choose one of these datatypes",
        )
    if live.definition.storage is Storage.JSON and {source, target} & set(INTEGERS):
        yield Claim.blocked(
            "JSON documents hold the numbers themselves: fractions would be lost in an index of integers",
            workaround="choose float16 or bfloat16: Redis converts the same numbers to them",
        )
    if live.definition.storage is Storage.HASH:
        yield from _other_readers(field, target, live)


def _other_readers(field: Field, target: str, live: LiveIndex) -> Iterator[Claim]:
    """Yield the other indexes and fields that read the bytes."""
    for index in live.overlapping_indexes:
        if any(each.path == field.path for each in index.fields):
            yield Claim.blocked(
                f"index {index.name!r} covers some of the same keys and reads {field.path!r} too: "
                f"drop_recreate would feed {target} bytes to it",
                workaround="write the new vectors to a new field, and move every index over to it",
            )
    for other in live.definition.fields:
        if other.path == field.path and other.name != field.name:
            yield Claim.blocked(
                f"field {other.name!r} of this index reads {field.path!r} too: it would get {target} bytes",
                workaround=f"remove field {other.name!r} in a migration of its own first",
            )


def _server_is_too_old(datatype: str, live: LiveIndex) -> str:
    return (
        f"this server cannot index {datatype} vectors: it has search {format_version(live.server.search_version)}, "
        f"and {datatype} needs search {format_version(VECTOR_DATATYPES[datatype])} or newer"
    )


def _precision_warning(parameters: ConversionParameters) -> str:
    if parameters.encoding is not None:
        return (
            f"{parameters.field!r}: queries must be encoded as {parameters.target} too, with the calibration in the "
            "plan (fieldfare encode-query); an application that still sends floats gets errors"
        )
    if parameters.decoding is not None:
        return f"{parameters.field!r}: {_decoding_warning(parameters)}"
    before, after = DATATYPES[parameters.source], DATATYPES[parameters.target]
    return (
        f"{parameters.field!r}: {after.name} keeps about {after.digits} significant digits ({before.name}: "
        f"{before.digits}) of values up to ±{after.largest:g}"
    )


def _decoding_warning(parameters: ConversionParameters) -> str:
    if parameters.target in INTEGERS:
        return f"every {parameters.target} code is the {parameters.source} code moved by 128"
    calibration = parameters.decoding
    if calibration is not None and calibration.scale is None:
        return "vectors come back with length one: int8 did not keep their lengths"
    if calibration == IDENTITY:
        return "codes come back as they are; say quantization: {scale: ...} in the patch to get the old values"
    return "values come back as exactly as the codes keep them"


def _json_warning(parameters: ConversionParameters) -> str:
    line = f"{parameters.field!r}: JSON documents keep their numbers; only the index holds {parameters.target}"
    if parameters.keeps_values:
        return line
    after = DATATYPES[parameters.target]
    return f"{line}, with about {after.digits} significant digits up to ±{after.largest:g}"
