"""What the codes of an integer index stand for, in Redis itself: for applications that encode their queries.

Under ``fieldfare:calibration:<index>:<field>`` lies a JSON object; see ``docs/capabilities/quantize.md``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from fieldfare.changes import RenameField
from fieldfare.documents import Batch, Column
from fieldfare.plan import Phase, Receipt, Step
from fieldfare_quantize.calibration import Calibration
from fieldfare_vectors.datatype import INTEGERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.engine.run import Run
    from fieldfare.plan import MigrationPlan
    from fieldfare_quantize.conversion import Parameters

__all__ = ["PUBLISH", "Published", "is_published", "key_of", "plan_publishing", "publish", "remember", "take_back"]

PUBLISH: Final = "quantize.publish"
VERSION: Final = 1
VALUE: Final = "value"


@frozen
class Published:
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
    def parse(cls, stored: bytes) -> Published:
        """Read what lies under a key, whoever put it there.

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
    def of(cls, plain: dict[str, Any]) -> Published:
        """Read what :meth:`to_plain` gave.

        Raises:
            ValueError: it is something else, or of a newer fieldfare.
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
        """Return it as Redis and reports have it."""
        facts = {"index": self.index, "field": self.field, "datatype": self.datatype, "metric": self.metric}
        return {"version": VERSION, **facts, "dims": self.dims, **self.calibration.to_plain(), "plan": self.plan}


def key_of(index: str, field: str) -> bytes:
    """Return the key under which a field's calibration lies."""
    return f"fieldfare:calibration:{index}:{field}".encode("utf-8", "surrogateescape")


def plan_publishing(parameters: Parameters) -> Sequence[Step]:
    """Plan to publish a calibration, or to take away one that is over; nothing where floats stay floats."""
    if not {parameters.source, parameters.target} & set(INTEGERS):
        return []
    encoding = parameters.encoding
    params = {"field": parameters.field, "calibration": None if encoding is None else encoding.to_plain()}
    what = "Take away what the codes of" if encoding is None else "Store what the codes of"
    return [Step.new(PUBLISH, Phase.VALIDATE, params=params, summary=f"{what} {parameters.field!r} stand for")]


def remember(step: Step, run: Run) -> None:
    """Put what lies under the keys now in the backup."""
    keys = _keys(step, run.plan)
    values = [run.server.command("GET", key) for key in keys]
    run.save(step, Batch(keys, {VALUE: Column.of(values)}))


def publish(step: Step, run: Run) -> Receipt:
    """Store the calibration under the names that index and field have now."""
    published = _published(step, run)
    for key, value in _wanted(step, run).items():
        _put(run, key, value)
    return Receipt(step.id, details={"calibration": published.to_plain()} if published else {})


def is_published(step: Step, run: Run) -> bool:
    """Return whether Redis has what it should have."""
    return all(run.server.command("GET", key) == value for key, value in _wanted(step, run).items())


def take_back(step: Step, run: Run) -> None:
    """Put back what lay under the keys before."""
    own = _keys(step, run.plan)  # whatever else a backup from a stranger holds
    for batch in run.originals(step):
        for key, value in zip(batch.keys, batch[VALUE], strict=True):
            if key in own:
                _put(run, key, value)


def _published(step: Step, run: Run) -> Published | None:
    calibration, field = step.params["calibration"], run.target.find(_new_name(step, run.plan))
    if calibration is None or field is None:
        return None
    return Published(
        index=run.target.name,
        field=field.name,
        datatype=str(field.attrs["datatype"]).lower(),
        metric=str(field.attrs["distance_metric"]).lower(),
        dims=int(field.attrs["dims"]),
        calibration=Calibration.of(calibration),
        plan=run.journal.fingerprint,
    )


def _wanted(step: Step, run: Run) -> dict[bytes, bytes | None]:
    """Return what shall lie under each key: the names before are nobody's any more."""
    published = _published(step, run)
    wanted: dict[bytes, bytes | None] = dict.fromkeys(_keys(step, run.plan))
    if published is not None:
        value = json.dumps(published.to_plain(), sort_keys=True).encode()
        wanted[key_of(published.index, published.field)] = value
    return wanted


def _keys(step: Step, plan: MigrationPlan) -> tuple[bytes, ...]:
    names = ((plan.index, step.params["field"]), (plan.target.name, _new_name(step, plan)))
    return tuple(dict.fromkeys(key_of(index, field) for index, field in names))


def _new_name(step: Step, plan: MigrationPlan) -> str:
    new_names = {change.old: change.new for change in plan.changes if isinstance(change, RenameField)}
    name = str(step.params["field"])
    return new_names.get(name, name)


def _put(run: Run, key: bytes, value: bytes | None) -> None:
    if value is None:
        run.server.command("DEL", key)
    else:
        run.server.command("SET", key, value)
