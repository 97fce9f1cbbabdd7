"""What a query for a migrated field must look like: out of a plan, a report, or Redis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from fieldfare.changes import RenameField
from fieldfare.errors import FileError, IndexNotFound, UsageError
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport
from fieldfare_quantize.calibration import Calibration
from fieldfare_quantize.conversion import KIND, Parameters
from fieldfare_quantize.published import Published, key_of
from fieldfare_vectors.datatype import DATATYPES, INTEGERS
from fieldfare_vectors.truncation import Truncation, find_truncation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fieldfare.definition import Field
    from fieldfare.server import Server

__all__ = ["Form", "form_in_redis", "form_of"]

REPORTED: Final = ("source_index", "result", "vectors")
"""What only report files have."""


@frozen
class Form:
    """What the queries of a field must be.

    Attributes:
        field: its name.
        datatype: of their values.
        dims: how many.
        calibration: what integer codes stand for; None for floats.
        truncation: how longer vectors are cut; None if they are not, or nobody says how.
    """

    field: str
    datatype: str
    dims: int
    calibration: Calibration | None = None
    truncation: Truncation | None = None

    def checked(self, missing: str) -> Form:
        """Return it, if queries can be encoded with it.

        Args:
            missing: what to say where a calibration is needed and not known.

        Raises:
            UsageError: they can't.
        """
        if self.datatype not in {*DATATYPES, *INTEGERS}:
            raise UsageError(f"Field {self.field!r} has the datatype {self.datatype!r}, which is none of Redis.")
        if self.datatype in INTEGERS and self.calibration is None:
            raise UsageError(missing)
        return self


def form_of(source: MigrationPlan | MigrationReport | str | Path, field: str) -> Form:
    """Read the form from a plan or a report, or from the file of either.

    Args:
        source: which.
        field: by its name before or after the migration.

    Raises:
        UsageError: there is no such vector field, or nobody says what integer codes stand for.
        FileError: the file is neither plan nor report.
    """
    known = _load(Path(source)) if isinstance(source, str | Path) else source
    try:
        if isinstance(known, MigrationPlan):
            return _from_plan(known, field)
        if isinstance(known, MigrationReport):
            return _from_report(known.vectors, known.steps, field)
        return _from_report(known["vectors"], known["steps"], field)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise UsageError(f"What it says of vectors makes no sense, so fieldfare did not write it: {error!r}") from error


def form_in_redis(server: Server, index: str, field: str) -> Form:
    """Read the form from the index itself, and from the calibration that a migration has stored beside it.

    Args:
        server: which has the index.
        index: the index, or an alias.
        field: its vector field.

    Raises:
        UsageError: there is no such vector field, or nobody says what integer codes stand for.
        IndexNotFound: there is no such index.
    """
    from redis.exceptions import ResponseError  # noqa: PLC0415 - start-up time

    from fieldfare.definition.info import parse_info  # noqa: PLC0415 - start-up time
    from fieldfare.server.inspect import list_indexes  # noqa: PLC0415 - start-up time
    from fieldfare.server.routing import is_unknown_index  # noqa: PLC0415 - start-up time

    try:
        definition = parse_info(server.command("FT.INFO", index.encode("utf-8", "surrogateescape"))).definition
    except ResponseError as error:
        if is_unknown_index(error):
            raise IndexNotFound(index, tuple(list_indexes(server))) from error
        raise
    found = _vector(definition.find(field), field, definition.fields, f"Index {definition.name!r}")
    form = Form(field, str(found.attrs["datatype"]).lower(), int(found.attrs["dims"]))
    if form.datatype not in INTEGERS:
        return form.checked("")
    key = key_of(definition.name, field)
    name = key.decode("utf-8", "backslashreplace")
    stored = server.command("GET", key)
    if stored is None:
        return form.checked(f"There is no key {name!r}, which would say what the codes of {field!r} stand for.")
    try:
        published = Published.parse(stored)
    except ValueError as error:
        raise UsageError(f"The key {name!r} cannot be used: {error}.") from error
    if (published.datatype, published.dims) != (form.datatype, form.dims):
        raise UsageError(f"The key {name!r} is about {published.datatype} vectors of {published.dims} dims.")
    return Form(field, form.datatype, form.dims, published.calibration)


def _load(path: Path) -> MigrationPlan | Mapping[str, Any]:
    from fieldfare.plan.file import load_plan  # noqa: PLC0415 - start-up time
    from fieldfare.yamlfile import load_yaml  # noqa: PLC0415 - start-up time

    data = load_yaml(path).data
    if "requested_changes" in data or not any(key in data for key in REPORTED):
        return load_plan(path)
    if not all(isinstance(data.get(key), dict) for key in ("vectors", "steps")):
        raise FileError(path, ["a report that does not say what queries must be: it was made by an older fieldfare"])
    return dict(data)


def _from_plan(plan: MigrationPlan, name: str) -> Form:
    new_names = {change.old: change.new for change in plan.changes if isinstance(change, RenameField)}
    field = _vector(plan.target.find(new_names.get(name, name)), name, plan.target.fields, "The plan")
    steps = [Parameters.of(step) for step in plan.steps if step.kind == KIND]
    encodings = [each.encoding for each in steps if new_names.get(each.field, each.field) == field.name]
    old_name = next((old for old, new in new_names.items() if new == field.name), field.name)
    form = Form(
        name,
        str(field.attrs["datatype"]).lower(),
        int(field.attrs["dims"]),
        next(iter(encodings), None),
        find_truncation(plan, old_name),
    )
    return form.checked(_unsaid("plan", name))


def _from_report(vectors: Mapping[str, Any], steps: Mapping[str, Any], name: str) -> Form:
    found = next((new for new, facts in vectors.items() if name in (new, facts["was"])), None)
    if found is None:
        raise _no_such_field("The report", name, vectors)
    facts = vectors[found]
    details = [step["details"].get("calibration") for step in steps.values() if step.get("details")]
    published = [Published.of(each) for each in details if isinstance(each, dict)]
    calibration = next((each.calibration for each in published if each.field == found), None)
    form = Form(name, str(facts["datatype"]), int(facts["dims"]), calibration)
    return form.checked(_unsaid("report", name))


def _vector(field: Field | None, name: str, fields: Iterable[Field], who: str) -> Field:
    if field is None or not field.is_vector:
        raise _no_such_field(who, name, (each.name for each in fields if each.is_vector))
    return field


def _no_such_field(who: str, name: str, known: Iterable[str]) -> UsageError:
    return UsageError(f"{who} has no vector field {name!r}; it has {', '.join(known) or 'none'}.")


def _unsaid(what: str, name: str) -> str:
    return (
        f"The {what} does not say what the codes of {name!r} stand for: it did not make them from floats. "
        f"Use the {what} that did, or the calibration that Redis has."
    )
