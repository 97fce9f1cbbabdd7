"""The step ``quantize.convert``: its plan, and what it does to a batch of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, evolve, frozen

from fieldfare.plan import Step
from fieldfare_quantize.calibration import IDENTITY, PER_VECTOR, Calibration, has_own_scales
from fieldfare_vectors.datatype import DATATYPES, INTEGERS, is_lossless, width_of
from fieldfare_vectors.sample_warnings import NO_COSINE, ZEROS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare.changes import UpdateField
    from fieldfare.definition import Field
    from fieldfare.documents import Batch
    from fieldfare_vectors.rewritten_column import RewrittenColumn
    from fieldfare_vectors.sample import Sample

__all__ = ["CONVERT", "ConversionParameters", "convert_back", "convert_batch", "note_values", "plan_conversion"]

CONVERT: Final = "quantize.convert"
"""The kind of the steps that convert vectors."""

OVERFLOW: Final = "overflow"
"""Allows values that become, or are, no finite number (``--allow-overflow``)."""

CALIBRATIONS: Final = ("decoding", "encoding")


@frozen
class ConversionParameters:
    """The ``params`` of the step.

    Attributes:
        field: the name of the field in queries.
        path: the hash field that holds the vector.
        source: datatype before.
        target: datatype after.
        dims: values of one vector.
        metric: how the index compares vectors: ``cosine``, ``l2`` or ``ip``.
        decoding: what the integer codes of the source stand for.
        encoding: what the integer codes of the target stand for.
    """

    field: str
    path: str
    source: str
    target: str
    dims: int
    metric: str = "l2"
    decoding: Calibration | None = None
    encoding: Calibration | None = None

    @classmethod
    def for_field(cls, field: Field) -> ConversionParameters:
        """Return the parameters of a field as it is: source and target are its datatype."""
        datatype = str(field.attrs["datatype"]).lower()
        metric = str(field.attrs.get("distance_metric", "l2")).lower()
        return cls(field.name, field.path, datatype, datatype, int(field.attrs["dims"]), metric)

    @classmethod
    def for_change(cls, change: UpdateField, field: Field) -> ConversionParameters:
        """Return the parameters of a change of the field's datatype."""
        return evolve(cls.for_field(field), source=str(change.old).lower(), target=str(change.new).lower())

    @classmethod
    def of(cls, step: Step) -> ConversionParameters:
        """Read the parameters of a step."""
        calibrations = {key: Calibration.of(step.params[key]) for key in CALIBRATIONS if key in step.params}
        return cls(**{**step.params, **calibrations})

    def to_plain(self) -> dict[str, Any]:
        """Return the parameters as a plan has them."""
        plain = asdict(self, recurse=False)
        given = {key: plain.pop(key) for key in CALIBRATIONS}
        return plain | {key: each.to_plain() for key, each in given.items() if each is not None}

    @property
    def reverse(self) -> ConversionParameters:
        """The parameters of the conversion in the other direction."""
        return evolve(self, source=self.target, target=self.source, decoding=self.encoding, encoding=self.decoding)

    @property
    def keeps_values(self) -> bool:
        """Whether every vector can be computed from its converted form."""
        if self.source in INTEGERS:
            return self.target in {*INTEGERS, "float32", "float64"}
        return self.target not in INTEGERS and is_lossless(DATATYPES[self.source], DATATYPES[self.target])

    def shares_scale(self, quantization: Mapping[str, Any]) -> bool:
        """Return whether floats become integers with one scale for all vectors.

        Args:
            quantization: ``scale`` or ``clip`` where the patch gives them.
        """
        becomes_codes = self.source not in INTEGERS and self.target in INTEGERS
        return becomes_codes and not has_own_scales(self.target, self.metric, quantization)

    def calibrated(self, sample: Sample, quantization: Mapping[str, Any]) -> ConversionParameters:
        """Return the parameters with a calibration that is chosen on a sample, if the conversion needs one.

        Args:
            sample: the sample of the vectors.
            quantization: ``scale``, ``clip`` or ``offset`` where the patch gives them.
        """
        scale, clip = quantization.get("scale"), quantization.get("clip")
        if self.source in INTEGERS:
            if scale is not None:
                return evolve(self, decoding=Calibration(float(scale), float(quantization.get("offset", 0.0))))
            return evolve(self, decoding=PER_VECTOR if (self.source, self.metric) == ("int8", "cosine") else IDENTITY)
        if self.target not in INTEGERS:
            return self
        from fieldfare_quantize.calibrate import calibrate  # noqa: PLC0415 - numpy costs start-up time

        vectors = sample.finite_vectors
        return evolve(self, encoding=calibrate(vectors, self.target, self.metric, scale=scale, clip=clip))

    def with_claimed_calibration(self, details: Mapping[str, Any]) -> ConversionParameters:
        """Return the parameters with the calibration in the details of a claim."""
        plain = details.get("calibration")
        if plain is None:
            return self
        calibration = Calibration.of(plain)
        if self.source in INTEGERS:
            return evolve(self, decoding=calibration)
        return evolve(self, encoding=calibration)


def plan_conversion(parameters: ConversionParameters) -> Step:
    """Build the step that converts a vector field in every document."""
    return Step.rewrite(
        CONVERT,
        [parameters.path],
        params=parameters.to_plain(),
        lossy=not parameters.keeps_values,
        summary=(
            f"Convert {parameters.field!r} from {parameters.source} to {parameters.target} ({parameters.dims} dims)"
        ),
    )


def convert_batch(parameters: ConversionParameters, batch: Batch) -> Batch:
    """Convert the vectors of a batch, and note the documents that need attention.

    Args:
        parameters: the parameters of the step.
        batch: documents with the column ``parameters.path``.

    Returns:
        The batch with that column converted. Vectors of a wrong length keep their bytes. Vectors with
        NaN, infinity or a value beyond the target's range are converted and noted as blocking; so are those that
        become all zeros under cosine.
    """
    from fieldfare_quantize.codec import convert  # noqa: PLC0415 - numpy costs start-up time

    path, source, target, dims = parameters.path, parameters.source, parameters.target, parameters.dims
    done = convert(batch[path], source, target, dims, decoding=parameters.decoding, encoding=parameters.encoding)
    beyond = (
        f"values far beyond those of the sample are cut off in {target}"
        if target in INTEGERS
        else f"values beyond ±{DATATYPES[target].largest:g} are cut off there in {target}"
    )
    batch = note_values(parameters, batch.replace(path, done.column), path, done, beyond)
    wrong = (
        f"not the {width_of(source) * dims} bytes of a {source} vector: its bytes are kept, and Redis will not index it"
    )
    batch = batch.note("wrong length", path, done.wrong_length, detail=wrong)
    already = f"looks converted already, to {target}: its bytes are kept"
    return batch.note("converted already", path, done.already_rewritten, detail=already)


def convert_back(parameters: ConversionParameters, batch: Batch) -> Batch:
    """Convert vectors that applications wrote in the target's datatype to that of the source.

    Returns:
        The batch; without a vector where a value is none of the target.
    """
    from fieldfare_quantize.codec import convert  # noqa: PLC0415 - numpy costs start-up time

    path, back = parameters.path, parameters.reverse
    column = batch[path]
    done = convert(column, back.source, back.target, back.dims, decoding=back.decoding, encoding=back.encoding)
    wrong = set(done.wrong_length)
    return batch.replace(path, [None if row in wrong else value for row, value in enumerate(done.column)])


def note_values(parameters: ConversionParameters, batch: Batch, path: str, done: RewrittenColumn, beyond: str) -> Batch:
    """Note the documents with vectors whose values the target cannot hold, or not exactly, and those of zeros.

    Args:
        parameters: the parameters of the conversion.
        batch: one document for each converted vector.
        path: the path of the vectors.
        done: the converted vectors.
        beyond: what happens to values that are too large.
    """
    target, is_cosine = parameters.target, parameters.metric == "cosine"
    nan, infinity = (
        ("becomes the code of zero", "becomes the highest or lowest code")
        if target in INTEGERS
        else ("stays NaN", "stays infinity")
    )
    underflow = f"every value is too close to zero for {target}: the vector becomes all zeros"
    for kind, rows, detail in (
        ("NaN", done.nan, f"NaN {nan} in {target}"),
        ("infinity", done.infinite, f"infinity {infinity} in {target}"),
        ("overflow", done.overflow, beyond),
        ("underflow", done.underflow if is_cosine else (), f"{underflow} and {NO_COSINE}"),
    ):
        batch = batch.note(kind, path, rows, blocking=True, allow=OVERFLOW, detail=detail)
    clipped = f"a value is a little outside the range of {target} codes: it becomes the highest or lowest code"
    subnormal = f"every value is so close to zero that {target} keeps fewer digits of it than of larger ones"
    for kind, rows, detail in (
        (ZEROS, done.zero if is_cosine else (), f"a vector of zeros {NO_COSINE}"),
        ("clipped", done.clipped, clipped),
        ("subnormal", done.subnormal, subnormal),
        ("underflow", () if is_cosine else done.underflow, underflow),
    ):
        batch = batch.note(kind, path, rows, detail=detail)
    return batch
