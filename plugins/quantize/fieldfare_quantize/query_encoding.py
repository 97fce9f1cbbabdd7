"""How queries for a migrated field are encoded, as a plan, a report or Redis tells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from fieldfare.changes import RenameField
from fieldfare.errors import FileError, IndexNotFound, UsageError
from fieldfare.plan import MigrationPlan
from fieldfare_quantize.calibration import Calibration
from fieldfare_quantize.conversion import CONVERT, ConversionParameters
from fieldfare_quantize.published_calibration import PublishedCalibration, calibration_key, read_calibration
from fieldfare_vectors.datatype import DATATYPES, INTEGERS
from fieldfare_vectors.truncation_parameters import TruncationParameters, find_truncation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fieldfare.definition import Field
    from fieldfare.report import MigrationReport
    from fieldfare.server import Server

__all__ = ["QueryEncoding", "read_encoding", "read_encoding_from_redis"]

REPORT_KEYS: Final = ("source_index", "result", "vectors")
"""Keys that only report files have."""


@frozen
class QueryEncoding:
    """How queries for a field are encoded.

    Attributes:
        field: its name.
        datatype: the datatype of the values.
        dims: how many.
        calibration: what integer codes stand for; None for floats.
        truncation: how longer vectors are truncated; None if the migration does not truncate, or it is unknown.
    """

    field: str
    datatype: str
    dims: int
    calibration: Calibration | None = None
    truncation: TruncationParameters | None = None

    def checked(self, missing: str) -> QueryEncoding:
        """Return the encoding if it is complete.

        Args:
            missing: the message if the calibration of an integer datatype is unknown.

        Raises:
            UsageError: it is not.
        """
        if self.datatype not in {*DATATYPES, *INTEGERS}:
            raise UsageError(f"Field {self.field!r} has the datatype {self.datatype!r}, which Redis does not have.")
        if self.datatype in INTEGERS and self.calibration is None:
            raise UsageError(missing)
        return self


def read_encoding(source: MigrationPlan | MigrationReport | str | Path, field: str) -> QueryEncoding:
    """Read the encoding from a plan or a report, or from the file of either.

    Args:
        source: the plan or report, or the path of its file.
        field: by its name before or after the migration.

    Raises:
        UsageError: there is no such vector field, or the calibration of an integer datatype is unknown.
        FileError: the file is neither plan nor report.
    """
    from fieldfare.report import MigrationReport  # noqa: PLC0415 - start-up time

    known = _load(Path(source)) if isinstance(source, str | Path) else source
    try:
        if isinstance(known, MigrationPlan):
            return _from_plan(known, field)
        if isinstance(known, MigrationReport):
            return _from_report(known.vectors, known.steps, field)
        return _from_report(known["vectors"], known["steps"], field)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise UsageError(
            f"The plan or report was not written by fieldfare: what it says of vectors is invalid: {error!r}"
        ) from error


def read_encoding_from_redis(server: Server, index: str, field: str) -> QueryEncoding:
    """Read the encoding from the index itself, and from the calibration that a migration has published.

    Args:
        server: it has the index.
        index: the index, or an alias.
        field: its vector field.

    Raises:
        UsageError: there is no such vector field, or the calibration of an integer datatype is unknown.
        IndexNotFound: there is no such index.
    """
    from redis.exceptions import ResponseError  # noqa: PLC0415 - start-up time

    from fieldfare.definition.info import parse_info  # noqa: PLC0415 - start-up time
    from fieldfare.server.inspect import list_indexes  # noqa: PLC0415 - start-up time
    from fieldfare.server.refusal import optional  # noqa: PLC0415 - start-up time
    from fieldfare.server.routing import is_unknown_index  # noqa: PLC0415 - start-up time

    try:
        definition = parse_info(server.command("FT.INFO", index.encode("utf-8", "surrogateescape"))).definition
    except ResponseError as error:
        if is_unknown_index(error):
            raise IndexNotFound(index, optional(lambda: list_indexes(server), None)) from error
        raise
    found = _vector(definition.find(field), field, definition.fields, f"Index {definition.name!r}")
    encoding = QueryEncoding(field, str(found.attrs["datatype"]).lower(), int(found.attrs["dims"]))
    if encoding.datatype not in INTEGERS:
        return encoding.checked("")
    key = calibration_key(definition.name, field)
    name = key.decode("utf-8", "backslashreplace")
    stored = read_calibration(server, definition.name, field)
    if stored is None:
        return encoding.checked(f"There is no key {name!r}, which would say what the codes of {field!r} stand for.")
    try:
        published = PublishedCalibration.parse(stored)
    except ValueError as error:
        raise UsageError(f"The key {name!r} cannot be used: {error}.") from error
    if (published.datatype, published.dims) != (encoding.datatype, encoding.dims):
        raise UsageError(f"The key {name!r} is about {published.datatype} vectors of {published.dims} dims.")
    return evolve(encoding, calibration=published.calibration)


def _load(path: Path) -> MigrationPlan | Mapping[str, Any]:
    from fieldfare.plan.file import load_plan  # noqa: PLC0415 - start-up time
    from fieldfare.support.yamlfile import load_yaml  # noqa: PLC0415 - start-up time

    data = load_yaml(path).data
    if "requested_changes" in data or not any(key in data for key in REPORT_KEYS):
        return load_plan(path)
    if not all(isinstance(data.get(key), dict) for key in ("vectors", "steps")):
        raise FileError(path, ["the report does not say how queries are encoded: an older fieldfare wrote it"])
    return dict(data)


def _from_plan(plan: MigrationPlan, name: str) -> QueryEncoding:
    new_names = {change.old: change.new for change in plan.changes if isinstance(change, RenameField)}
    field = _vector(plan.target.find(new_names.get(name, name)), name, plan.target.fields, "The plan")
    old_name = next((old for old, new in new_names.items() if new == field.name), field.name)
    steps = [ConversionParameters.of(step) for step in plan.steps if step.kind == CONVERT]
    calibration = next((each.encoding for each in steps if each.field == old_name), None)
    datatype, dims = str(field.attrs["datatype"]).lower(), int(field.attrs["dims"])
    encoding = QueryEncoding(name, datatype, dims, calibration, find_truncation(plan, old_name))
    return encoding.checked(_missing_calibration("plan", name))


def _from_report(vectors: Mapping[str, Any], steps: Mapping[str, Any], name: str) -> QueryEncoding:
    # version 0.1 wrote ``was``
    names = {new: facts["previous_name" if "previous_name" in facts else "was"] for new, facts in vectors.items()}
    found = next((new for new, previous in names.items() if name in (new, previous)), None)
    if found is None:
        raise _no_such_field("The report", name, vectors)
    facts = vectors[found]
    details = [step["details"].get("calibration") for step in steps.values() if step.get("details")]
    published = [PublishedCalibration.of(each) for each in details if isinstance(each, dict)]
    calibration = next((each.calibration for each in published if each.field == found), None)
    encoding = QueryEncoding(name, str(facts["datatype"]), int(facts["dims"]), calibration)
    return encoding.checked(_missing_calibration("report", name))


def _vector(field: Field | None, name: str, fields: Iterable[Field], who: str) -> Field:
    if field is None or not field.is_vector:
        raise _no_such_field(who, name, (each.name for each in fields if each.is_vector))
    return field


def _no_such_field(who: str, name: str, known: Iterable[str]) -> UsageError:
    return UsageError(f"{who} has no vector field {name!r}; it has {', '.join(known) or 'none'}.")


def _missing_calibration(what: str, name: str) -> str:
    return (
        f"The {what} does not have the calibration of {name!r}, because this migration did not convert floats. "
        f"Use the {what} of the migration that did, or the calibration in Redis."
    )
