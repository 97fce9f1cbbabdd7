"""Add a calibration to the parameters of a conversion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from fieldfare_quantize.calibration import IDENTITY, PER_VECTOR, Calibration
from fieldfare_vectors.datatype import INTEGERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare_quantize.conversion import ConversionParameters
    from fieldfare_vectors.sample import Sample

__all__ = ["calibrate_parameters", "with_claimed_calibration"]


def calibrate_parameters(
    parameters: ConversionParameters, sample: Sample, quantization: Mapping[str, Any]
) -> ConversionParameters:
    """Choose a calibration on a sample, if the conversion needs one.

    Args:
        parameters: of the conversion.
        sample: of its vectors.
        quantization: ``scale``, ``clip`` or ``offset`` where the patch gives them.
    """
    if parameters.source in INTEGERS:
        return evolve(parameters, decoding=_decoding(parameters, quantization))
    if parameters.target in INTEGERS:
        from fieldfare_quantize.calibrate import calibrate  # noqa: PLC0415 - numpy costs start-up time

        encoding = calibrate(
            sample.finite_vectors,
            parameters.target,
            parameters.metric,
            scale=quantization.get("scale"),
            clip=quantization.get("clip"),
        )
        return evolve(parameters, encoding=encoding)
    return parameters


def _decoding(parameters: ConversionParameters, quantization: Mapping[str, Any]) -> Calibration:
    if "scale" in quantization:
        return Calibration(float(quantization["scale"]), float(quantization.get("offset", 0.0)))
    return PER_VECTOR if (parameters.source, parameters.metric) == ("int8", "cosine") else IDENTITY


def with_claimed_calibration(parameters: ConversionParameters, details: Mapping[str, Any]) -> ConversionParameters:
    """Return the parameters with the calibration in the details of a claim."""
    plain = details.get("calibration")
    if plain is None:
        return parameters
    calibration = Calibration.of(plain)
    if parameters.source in INTEGERS:
        return evolve(parameters, decoding=calibration)
    return evolve(parameters, encoding=calibration)
