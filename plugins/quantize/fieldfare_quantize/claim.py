"""Whether a vector field can have another datatype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from fieldfare.definition import Algorithm, Field, Storage
from fieldfare.plan import Claim
from fieldfare.server.capabilities import VECTOR_DATATYPES, format_version
from fieldfare_quantize.advice import claim_recall
from fieldfare_quantize.calibration import IDENTITY, MAX_MAGNITUDE, MIN_SCALE
from fieldfare_quantize.conversion import ConversionParameters, convert_batch
from fieldfare_quantize.json_vectors import check_json_vectors
from fieldfare_vectors.claim import block_other_readers, read_field_options
from fieldfare_vectors.datatype import DATATYPES, INTEGERS
from fieldfare_vectors.sample import draw_samples
from fieldfare_vectors.sample_warnings import warn_of_sample, warn_without_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from fieldfare.changes import UpdateField
    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare_vectors.sample import Sample

__all__ = ["claim_datatype", "warn_of_conversion"]

UPDATE_SERVER: Final = "update the server, or choose a datatype that it knows"

SVS_DATATYPES: Final = ("float16", "float32")
"""https://redis.io/docs/latest/develop/ai/search-and-query/vectors/#svs-vamana-index"""

QUANTIZATION: Final = "quantization"
"""What a patch says about a quantization: this key of an entry of ``update_fields``."""

KEYS: Final = ("scale", "clip", "offset")
"""The keys below it, as in :class:`Calibration`."""


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
    parameters = ConversionParameters.for_change(change, field)
    quantization = read_field_options(live.patch, parameters.field, QUANTIZATION)
    problem = _quantization_problem(parameters, quantization)
    if problem is not None:
        return Claim.blocked(f"{QUANTIZATION} of {parameters.field!r} {problem}", workaround="correct the patch")
    return _claim_conversion(parameters, live, quantization)


def _claim_conversion(parameters: ConversionParameters, live: LiveIndex, quantization: Mapping[str, Any]) -> Claim:
    """Claim a change that nothing else forbids. For JSON documents, only the index gets another datatype."""
    target = parameters.target
    if parameters.keeps_values and live.definition.storage is not Storage.HASH:
        return Claim.supported(warnings=[_json_warning(parameters)])
    samples = draw_samples(
        live,
        parameters.path,
        parameters.source,
        parameters.dims,
        # the largest values decide about a scale: few vectors have them
        is_whole=parameters.shares_scale(quantization) or not live.server.indexes(target),
    )
    claims = (_claim_on_sample(parameters, sample, live, quantization) for sample in samples)
    return next(filter(None, claims))


def _claim_on_sample(
    parameters: ConversionParameters, sample: Sample, live: LiveIndex, quantization: Mapping[str, Any]
) -> Claim | None:
    """Claim a change that a sample shows to be possible or not; None if a larger sample has to decide."""
    storage, target = live.definition.storage, parameters.target
    is_hash = storage is Storage.HASH
    parameters = parameters.calibrated(sample, quantization)
    if live.server.indexes(target) and _lacks_vectors_for_scale(parameters, sample, quantization):
        other = "set quantization: {scale: ...} in the patch, or " if target == "int8" else ""
        return Claim.blocked(
            f"{parameters.field!r}: no document has a vector to choose a scale for {target}",
            workaround=f"{other}plan again when some documents have one",
        )
    noted = warn_of_conversion(parameters, sample, storage)
    if noted and not sample.is_whole:
        return None
    if parameters.keeps_values and not {parameters.source, target} & set(INTEGERS):
        return Claim.supported(rewrites_documents=True, warnings=noted)
    claim = claim_recall(parameters, sample, live)
    if claim is not None and not live.server.indexes(target):
        reason = "; ".join(filter(None, (_server_is_too_old(target, live), claim.reason)))
        return Claim.blocked(reason, workaround=UPDATE_SERVER, details=claim.details)
    if claim is None or not claim.is_supported:
        return claim
    warnings = (
        _precision_warning(parameters) if is_hash else _json_warning(parameters),
        *claim.warnings,
        *warn_without_vectors(sample, live, parameters.path),
        *noted,
    )
    return evolve(claim, rewrites_documents=is_hash, lossy=is_hash and not parameters.keeps_values, warnings=warnings)


def warn_of_conversion(parameters: ConversionParameters, sample: Sample, storage: Storage) -> tuple[str, ...]:
    """Convert a sample, discard the result, and return the warnings: one line for each kind of note."""
    notes = (
        note
        for batch in sample.batches
        for note in (
            check_json_vectors(parameters, batch, parameters.path)
            if storage is Storage.JSON
            else convert_batch(parameters, batch).notes
        )
    )
    return warn_of_sample(sample, parameters.path, notes)


def _quantization_problem(parameters: ConversionParameters, quantization: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the values below ``quantization``; None if nothing is."""
    integers = {parameters.source, parameters.target} & set(INTEGERS)
    unknown = sorted(set(quantization) - set(KEYS))
    are_numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in quantization.values())
    to_floats = parameters.source in INTEGERS
    checks = (
        (quantization and len(integers) != 1, "is for changes between floats and int8 or uint8"),
        (bool(unknown), f"knows {', '.join(KEYS)}, not {', '.join(unknown)}"),
        (not are_numbers, "takes numbers"),
        ("scale" in quantization and "clip" in quantization, "takes scale or clip, not both"),
        (to_floats and "clip" in quantization, "takes no clip when integers become floats"),
        (not to_floats and "offset" in quantization, "takes an offset only when integers become floats"),
        ("offset" in quantization and "scale" not in quantization, "takes an offset together with a scale only"),
    )
    problem = next((text for applies, text in checks if applies), None)
    if problem is not None:
        return problem
    scale, clip, offset = quantization.get("scale", 1), quantization.get("clip", 1), quantization.get("offset", 0)
    if not (scale > 0 and 0 < clip <= 1):
        return "takes a scale above 0 and a clip above 0 and up to 1"
    if not (MIN_SCALE <= scale <= MAX_MAGNITUDE and abs(offset) <= MAX_MAGNITUDE):
        return f"takes a scale from {MIN_SCALE:g} to {MAX_MAGNITUDE:g}, and an offset up to ±{MAX_MAGNITUDE:g}"
    return None


def _lacks_vectors_for_scale(parameters: ConversionParameters, sample: Sample, quantization: Mapping[str, Any]) -> bool:
    """Return whether all vectors share a scale that was chosen without a vector other than zeros."""
    encoding = parameters.encoding
    if encoding is None or encoding.scale is None or (parameters.target == "int8" and "scale" in quantization):
        return False
    return not sample.finite_vectors.any()


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
        yield from block_other_readers(field, live, vectors=f"{target} bytes")


def _server_is_too_old(datatype: str, live: LiveIndex) -> str:
    return (
        f"this server cannot index {datatype} vectors: it has {live.server.search_name}, "
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
        return "the floats are the codes themselves; set quantization: {scale: ...} in the patch to get the old values"
    return "values are restored as exactly as the codes keep them"


def _json_warning(parameters: ConversionParameters) -> str:
    line = f"{parameters.field!r}: JSON documents keep their numbers; only the index holds {parameters.target}"
    if parameters.keeps_values:
        return line
    after = DATATYPES[parameters.target]
    return f"{line}, with about {after.digits} significant digits up to ±{after.largest:g}"
