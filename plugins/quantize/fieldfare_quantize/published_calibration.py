"""The calibration of an integer index, published in Redis for applications that encode queries.

The key ``fieldfare:calibration:<index>:<field>`` holds a JSON object; see ``docs/capabilities/quantize.md``. In the two
names, ``:`` and ``%`` are percent-encoded. Version 0.1 did not encode them; its keys are still read.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from fieldfare.changes import RenameField, UpdateField
from fieldfare.definition.reply import encode
from fieldfare.documents import Batch, Column
from fieldfare.plan import Phase, Receipt, Step
from fieldfare_quantize.calibration import Calibration
from fieldfare_vectors.datatype import INTEGERS
from fieldfare_vectors.recall_step import new_field_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare.hooks.run import Run
    from fieldfare.plan import MigrationPlan
    from fieldfare.server import Server
    from fieldfare_quantize.conversion import ConversionParameters

__all__ = [
    "MOVE",
    "PUBLISH",
    "PublishedCalibration",
    "back_up_calibration",
    "calibration_key",
    "is_published",
    "plan_moving",
    "plan_publishing",
    "publish_calibration",
    "read_calibration",
    "require_rights",
    "restore_calibration",
]

PUBLISH: Final = "quantize.publish"
"""The kind of the steps that publish a calibration."""
MOVE: Final = "quantize.rename_calibration"
"""The kind of the steps that give a published calibration new names."""
PREFIX: Final = "fieldfare:calibration:"
VERSION: Final = 1
VALUE: Final = "value"


@frozen
class PublishedCalibration:
    """How queries for one field are encoded.

    Attributes:
        index: the index.
        field: its vector field.
        datatype: ``int8`` or ``uint8``.
        metric: ``cosine``, ``l2`` or ``ip``.
        dims: values of one vector.
        calibration: what the codes stand for.
        plan: the fingerprint of the plan that chose it.
    """

    index: str
    field: str
    datatype: str
    metric: str
    dims: int
    calibration: Calibration
    plan: str

    @classmethod
    def parse(cls, stored: bytes) -> PublishedCalibration:
        """Read the value of a key, whoever wrote it.

        Raises:
            ValueError: as :meth:`of`.
        """
        try:
            plain = json.loads(stored)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        if not isinstance(plain, dict):
            raise ValueError("it is no JSON object")  # noqa: TRY004 - bad input, not a caller's mistake
        return cls.of(plain)

    @classmethod
    def of(cls, plain: dict[str, Any]) -> PublishedCalibration:
        """Read the result of :meth:`to_plain`.

        Raises:
            ValueError: it is something else, or a newer fieldfare wrote it.
        """
        facts = dict(plain)
        version = facts.pop("version", None)
        if version != VERSION:
            raise ValueError(f"its version is {version!r}, and this fieldfare reads {VERSION}")
        try:
            calibration = Calibration.of({key: facts.pop(key) for key in ("scale", "offset", "clip")})
            return cls(calibration=calibration, **facts)
        except (KeyError, TypeError) as error:
            raise ValueError(f"no calibration: {error}") from error

    def to_plain(self) -> dict[str, Any]:
        """Return the form that Redis and reports hold."""
        facts = {"index": self.index, "field": self.field, "datatype": self.datatype, "metric": self.metric}
        return {"version": VERSION, **facts, "dims": self.dims, **self.calibration.to_plain(), "plan": self.plan}


def calibration_key(index: str, field: str) -> bytes:
    """Return the key that holds a field's calibration."""
    names = (name.replace("%", "%25").replace(":", "%3A") for name in (index, field))
    return encode(f"{PREFIX}{':'.join(names)}")


def former_key(index: str, field: str) -> bytes:
    """Return the key of version 0.1: the same one for ``a:b`` and ``c`` as for ``a`` and ``b:c``."""
    return encode(f"{PREFIX}{index}:{field}")


def read_calibration(server: Server, index: str, field: str) -> bytes | None:
    """Return the value of a field's key, or of its key of version 0.1 if that is about this field."""
    stored: bytes | None = server.command("GET", calibration_key(index, field))
    if stored is not None or former_key(index, field) == calibration_key(index, field):
        return stored
    former: bytes | None = server.command("GET", former_key(index, field))
    return former if former is not None and _is_about(former, index, field) else None


def _is_about(stored: bytes, index: str, field: str) -> bool:
    try:
        published = PublishedCalibration.parse(stored)
    except ValueError:
        return False
    return (published.index, published.field) == (index, field)


def plan_moving(live: LiveIndex) -> Sequence[Step]:
    """Plan to rename the calibrations of integer fields that are renamed, or whose index is, and not converted."""
    changes = [each.change for each in live.previous_changes]
    new_names = {change.old: change.new for change in changes if isinstance(change, RenameField)}
    converted = {each.name for each in changes if isinstance(each, UpdateField) and each.attribute == "datatype"}
    source, target = live.snapshot.definition, live.definition
    return [
        Step.new(MOVE, Phase.VALIDATE, params={"field": each.name}, summary=f"Rename the calibration of {each.name!r}")
        for each in source.fields
        if each.is_vector
        and str(each.attrs["datatype"]).lower() in INTEGERS
        and not converted & {each.name, new_names.get(each.name, each.name)}
        and target.find(new_names.get(each.name, each.name)) is not None
        and (source.name != target.name or each.name in new_names)
    ]


def plan_publishing(parameters: ConversionParameters) -> Sequence[Step]:
    """Plan to publish a calibration, or to delete one that no longer holds; no step where floats stay floats."""
    if not {parameters.source, parameters.target} & set(INTEGERS):
        return []
    encoding = parameters.encoding
    params = {"field": parameters.field, "calibration": None if encoding is None else encoding.to_plain()}
    verb, place = ("Delete", "from") if encoding is None else ("Store", "in")
    summary = f"{verb} the calibration of {parameters.field!r} {place} Redis"
    return [Step.new(PUBLISH, Phase.VALIDATE, params=params, summary=summary)]


def require_rights(run: Run) -> None:
    """Try the commands on a key that does not exist.

    Raises:
        CommandNotAllowed: the user may not run one of them.
    """
    from fieldfare.server.permissions import require_allowed  # noqa: PLC0415 - start-up time
    from fieldfare.server.refusal import TRIAL_KEY  # noqa: PLC0415 - start-up time

    require_allowed(run.server, [("GET", TRIAL_KEY), ("SET", TRIAL_KEY, b"", "XX"), ("DEL", TRIAL_KEY)])


def back_up_calibration(step: Step, run: Run) -> None:
    """Save the values that the keys have now in the backup."""
    found = {
        calibration_key(*names): run.server.command("GET", calibration_key(*names)) for names in _names(step, run.plan)
    }
    for names in _names(step, run.plan):
        former = run.server.command("GET", former_key(*names))
        if former is not None and _is_about(former, *names):
            found[former_key(*names)] = former
    run.save(step, Batch(tuple(found), {VALUE: Column.of(found.values())}))


def publish_calibration(step: Step, run: Run) -> Receipt:
    """Store the calibration under the names that index and field have after the migration."""
    published = _moved(step, run) if step.kind == MOVE else _published(step, run)
    for key, value in _new_values(step, run).items():
        _set_or_delete(run, key, value)
    return Receipt(step.id, details={"calibration": published.to_plain()} if published else {})


def is_published(step: Step, run: Run) -> bool:
    """Return whether each key has the value that the step gives it."""
    return all(run.server.command("GET", key) == value for key, value in _new_values(step, run).items())


def restore_calibration(step: Step, run: Run) -> None:
    """Give the keys the values that they had before the migration."""
    for key, value in _originals(step, run).items():
        _set_or_delete(run, key, value)


def _published(step: Step, run: Run) -> PublishedCalibration | None:
    calibration, field = step.params["calibration"], run.target.find(new_field_name(run.plan, step.params["field"]))
    if calibration is None or field is None:
        return None
    return PublishedCalibration(
        index=run.target.name,
        field=field.name,
        datatype=str(field.attrs["datatype"]).lower(),
        metric=str(field.attrs["distance_metric"]).lower(),
        dims=int(field.attrs["dims"]),
        calibration=Calibration.of(calibration),
        plan=run.plan_fingerprint,
    )


def _new_values(step: Step, run: Run) -> dict[bytes, bytes | None]:
    """Return the value of each key after the step: the old names of index and field lose theirs.

    An index that answers until a later switch keeps its own.
    """
    published = _moved(step, run) if step.kind == MOVE else _published(step, run)
    if published is None and step.kind == MOVE:
        return {}
    stays = any(each.phase is Phase.SWITCH for each in run.plan.steps)
    values: dict[bytes, bytes | None] = {} if stays else dict.fromkeys(_originals(step, run))
    if published is not None:
        value = json.dumps(published.to_plain(), sort_keys=True).encode()
        values[calibration_key(published.index, published.field)] = value
    return values


def _moved(step: Step, run: Run) -> PublishedCalibration | None:
    """Return the calibration that a field had before the migration, under its names after it."""
    before, after = _names(step, run.plan)
    originals, field = _originals(step, run), run.target.find(after[1])
    stored = originals.get(calibration_key(*before)) or originals.get(former_key(*before))
    if stored is None or field is None:
        return None
    try:
        published = PublishedCalibration.parse(stored)
    except ValueError:
        return None  # somebody else's value
    return evolve(published, index=after[0], field=after[1], dims=int(field.attrs["dims"]))


def _originals(step: Step, run: Run) -> dict[bytes, bytes | None]:
    """Return what the keys held before the migration."""
    names = _names(step, run.plan)  # a backup that was tampered with may name others
    own = {key(*each) for each in names for key in (calibration_key, former_key)}
    return {
        key: value
        for batch in run.originals(step)
        for key, value in zip(batch.keys, batch[VALUE], strict=True)
        if key in own
    }


def _names(step: Step, plan: MigrationPlan) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the names of index and field before the migration, and after it."""
    field = str(step.params["field"])
    return (plan.index, field), (plan.target.name, new_field_name(plan, field))


def _set_or_delete(run: Run, key: bytes, value: bytes | None) -> None:
    if value is None:
        run.server.command("DEL", key)
    else:
        run.server.command("SET", key, value)
