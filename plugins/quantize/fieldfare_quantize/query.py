"""Queries in the datatype that an index has after a migration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldfare.changes import RenameField
from fieldfare.errors import UsageError
from fieldfare.plan import MigrationPlan
from fieldfare_quantize.conversion import KIND, Parameters
from fieldfare_vectors.datatype import DATATYPES, INTEGERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fieldfare_quantize.calibration import Calibration

__all__ = ["encode_query"]


def encode_query(vector: Sequence[float] | NDArray[Any], plan: MigrationPlan | str | Path, field: str) -> bytes:
    """Encode a query vector as the documents of a migrated index are.

    Args:
        vector: floats, as many as the field has dimensions.
        plan: of the migration, or its file.
        field: the vector field, by its name before or after the migration.

    Returns:
        What to send as the parameter of a KNN or range query.

    Raises:
        UsageError: the plan has no such vector field, the vector does not fit it, or the plan does not say what
            integer codes stand for.
        PlanError: the file is no plan.
    """
    import numpy as np  # noqa: PLC0415 - numpy costs start-up time

    from fieldfare.documents import Column  # noqa: PLC0415 - start-up time
    from fieldfare.plan.file import load_plan  # noqa: PLC0415 - start-up time
    from fieldfare_quantize.codec import convert  # noqa: PLC0415 - numpy costs start-up time

    loaded = plan if isinstance(plan, MigrationPlan) else load_plan(Path(plan))
    datatype, dims, encoding = _form(loaded, field)
    values = np.asarray(vector, "<f8")
    if values.shape != (dims,):
        raise UsageError(f"Field {field!r} has {dims} dims; this vector has the shape {values.shape}.")
    if not np.isfinite(values).all():
        raise UsageError(f"The vector for field {field!r} holds NaN or infinity.")
    column = Column(values.tobytes(), (values.nbytes,))
    return bytes(convert(column, "float64", datatype, dims, encoding=encoding).column.block)


def _form(plan: MigrationPlan, name: str) -> tuple[str, int, Calibration | None]:
    """Return datatype, dims and calibration of a field after the migration."""
    new_names = {change.old: change.new for change in plan.changes if isinstance(change, RenameField)}
    field = plan.target.find(new_names.get(name, name))
    if field is None or not field.is_vector:
        known = ", ".join(each.name for each in plan.target.fields if each.is_vector)
        raise UsageError(f"The plan has no vector field {name!r}; it has {known or 'none'}.")
    steps = [Parameters.of(step) for step in plan.steps if step.kind == KIND]
    encodings = [each.encoding for each in steps if new_names.get(each.field, each.field) == field.name]
    encoding = next(iter(encodings), None)
    datatype = str(field.attrs["datatype"]).lower()
    if datatype not in {*DATATYPES, *INTEGERS}:
        raise UsageError(f"Field {name!r} has the datatype {datatype!r}, which is none of Redis.")
    if datatype in INTEGERS and encoding is None:
        raise UsageError(
            f"The plan does not say what the codes of {name!r} stand for: it did not make them from floats. "
            "Use the plan that did."
        )
    return datatype, int(field.attrs["dims"]), encoding
