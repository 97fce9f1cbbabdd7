"""The parameters of a conversion, with what integer codes stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from fieldfare_quantize.calibration import CODES, PER_VECTOR, Calibration, calibrate
from fieldfare_vectors.datatype import INTEGERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare_quantize.conversion import Parameters
    from fieldfare_vectors.sample import Sample

__all__ = ["calibrated", "calibrations_in"]


def calibrated(parameters: Parameters, sample: Sample, wish: Mapping[str, Any]) -> Parameters:
    """Choose a calibration on a sample, where a conversion needs one.

    Args:
        parameters: of the conversion.
        sample: of its vectors.
        wish: ``scale``, ``clip`` or ``offset`` where the user gave them.
    """
    if parameters.source in INTEGERS:
        return evolve(parameters, decoding=_decoding(parameters, wish))
    if parameters.target in INTEGERS:
        encoding = calibrate(
            sample.sound, parameters.target, parameters.metric, scale=wish.get("scale"), clip=wish.get("clip")
        )
        return evolve(parameters, encoding=encoding)
    return parameters


def _decoding(parameters: Parameters, wish: Mapping[str, Any]) -> Calibration:
    if "scale" in wish:
        return Calibration(float(wish["scale"]), float(wish.get("offset", 0.0)))
    return PER_VECTOR if (parameters.source, parameters.metric) == ("int8", "cosine") else CODES


def calibrations_in(parameters: Parameters, details: Mapping[str, Any]) -> Parameters:
    """Return the parameters with the calibration that a claim carries."""
    plain = details.get("calibration")
    if plain is None:
        return parameters
    calibration = Calibration.of(plain)
    if parameters.source in INTEGERS:
        return evolve(parameters, decoding=calibration)
    return evolve(parameters, encoding=calibration)
