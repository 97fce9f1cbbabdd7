"""Plan files: YAML to be reviewed, not edited."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from fieldfare.errors import FileError, PlanEdited, UsageError
from fieldfare.plan.convert import from_plain, to_plain
from fieldfare.plan.forecast import Forecast
from fieldfare.plan.model import MigrationPlan
from fieldfare.support.structure import StructureError, make_converter, structure
from fieldfare.support.yamlfile import YamlFile, load_yaml, write_yaml

__all__ = ["fingerprint", "load_plan", "plan_from_dict", "plan_to_dict", "write_plan"]

VERSION: Final = 1
FINGERPRINT: Final = "fingerprint"
FORECAST: Final = "forecast"
"""Stands below the fingerprint, which does not cover it: it is measured, and differs from one time to the next."""

_CONVERTER: Final = make_converter()

_READY: Final = """\
A migration plan, written by 'fieldfare plan'. Review it: 'warnings', 'changes', 'merged_target_schema'.
To change it, change the patch and plan again; an edited plan is refused. Next:
  fieldfare apply --plan THIS_FILE --backup-dir ./migration_backups
"""
_BLOCKED: Final = """\
A migration plan, written by 'fieldfare plan'. It cannot be applied: see 'blocked_reasons' below.
Take these changes out of the patch, or follow the workarounds. Next:
  fieldfare plan
"""


def plan_to_dict(plan: MigrationPlan) -> dict[str, Any]:
    """Return the content of the plan's file as plain values: the same for the same plan, on every machine.

    Raises:
        UsageError: RedisVL made the plan, and it has no steps yet.
    """
    if plan.is_unplanned:
        raise UsageError(
            f"The plan for {plan.index!r} is one of RedisVL and has no steps. MigrationPlanner.with_steps() makes them."
        )
    plain = to_plain(plan)
    return {**plain, FINGERPRINT: _digest(plain)}


def plan_from_dict(mapping: Mapping[str, Any]) -> MigrationPlan:
    """Read a plan from the content of its file.

    Raises:
        FileError: this is not a plan, or one of a newer fieldfare; all problems at once.
        PlanEdited: its content does not match its fingerprint.
    """
    return _read(YamlFile("the plan", dict(mapping)))


def write_plan(plan: MigrationPlan, path: Path | str) -> None:
    """Write a plan file, whole or not at all.

    Raises:
        FileError: it cannot be written.
    """
    content = plan_to_dict(plan)
    if plan.forecast is not None:
        content[FORECAST] = _CONVERTER.unstructure(plan.forecast)
    write_yaml(path, content, comment=_READY if plan.supported else _BLOCKED)


def load_plan(path: Path | str) -> MigrationPlan:
    """Read a plan file, ours or one of RedisVL; the latter has no steps.

    It has no figures of memory; they are read as 0.

    Raises:
        FileError: this is not a plan, or one of a newer fieldfare; all problems at once, with line numbers.
        PlanEdited: its content does not match its fingerprint.
    """
    if not Path(path).exists():
        raise FileError(path, ["there is no such file: 'fieldfare plan' writes one, and --plan names another"])
    return _read(load_yaml(path))


def fingerprint(plan: MigrationPlan) -> str:
    """Return the SHA-256 of the plan file's content without its fingerprint, in hexadecimal digits."""
    return str(plan_to_dict(plan)[FINGERPRINT])


def _read(file: YamlFile) -> MigrationPlan:
    foreign = None if FINGERPRINT in file.data else _read_foreign(file)
    if foreign is not None:
        return foreign
    plain = dict(file.data)
    noted = plain.pop(FINGERPRINT, None)
    forecast = plain.pop(FORECAST, None)
    if not isinstance(noted, str):
        raise FileError(file.path, ["not a migration plan of fieldfare: it has no fingerprint"])
    version = plain.get("version")
    if isinstance(version, int) and version > VERSION:
        known = f"this fieldfare reads {VERSION}. Upgrade fieldfare, or plan again"
        raise FileError(file.path, [f"a plan of a newer fieldfare: format {version}, {known}"])
    try:
        plan = from_plain(plain)
        if forecast is not None:
            plan = evolve(plan, forecast=_read_forecast(forecast))
    except StructureError as error:
        raise file.error(error.problems) from error
    digest = _digest(plain)
    if digest != noted:
        raise PlanEdited(file.path, f"its fingerprint is {noted:.12}…, its content's {digest:.12}…")
    found, derived = _without_wording(plain), _without_wording(to_plain(plan))
    differing = [key for key, value in found.items() if derived[key] != value]
    if differing:
        raise PlanEdited(file.path, f"{', '.join(differing)} does not follow from the rest")
    return plan


def _read_foreign(file: YamlFile) -> MigrationPlan | None:
    """Return the plan in a file of RedisVL; None if it is another file."""
    from fieldfare.plan.redisvl import is_redisvl_plan, read_redisvl_plan  # noqa: PLC0415 - start-up time

    if not is_redisvl_plan(file.data):
        return None
    try:
        return read_redisvl_plan(file.data)
    except StructureError as error:
        raise file.error(error.problems) from error


def _read_forecast(value: Any) -> Forecast:
    try:
        return structure(_CONVERTER, value, Forecast)
    except StructureError as error:
        raise StructureError(error.within(FORECAST)) from error


def _without_wording(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plan with the number of its blocked reasons instead of their text, which differs between versions."""
    classification = plain["diff_classification"]
    reasons = len(classification.get("blocked_reasons", ()))
    return {**plain, "diff_classification": {**classification, "blocked_reasons": reasons}}


def _digest(plain: Mapping[str, Any]) -> str:
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
