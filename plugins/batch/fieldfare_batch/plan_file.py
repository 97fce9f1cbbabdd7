"""Batch plan files: YAML, with the keys of RedisVL's migration guide."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from attrs import evolve

from fieldfare.support.structure import StructureError, make_converter, structure
from fieldfare.support.yamlfile import Problem, load_yaml, write_yaml
from fieldfare_batch.plan import BatchPlan

__all__ = ["VERSION", "batch_plan_to_dict", "load_batch_plan", "write_batch_plan"]

VERSION: Final = 1
LARGEST: Final = 16 * 2**20
"""Bytes: enough for thousands of indexes, each with a skip reason."""

_COMMENT: Final = """\
A batch plan, written by 'fieldfare batch-plan'. Review it, and the plan of each index ('plan_path').
To skip an index, set its 'applicable' to false. Next:
  fieldfare batch-apply --plan THIS_FILE --backup-dir ./migration_backups
"""

_CONVERTER: Final = make_converter()


def batch_plan_to_dict(plan: BatchPlan) -> dict[str, Any]:
    """Return the content of the plan's file, as plain values."""
    plain: dict[str, Any] = _CONVERTER.unstructure(plan)
    return plain


def write_batch_plan(plan: BatchPlan, path: Path | str) -> None:
    """Write a batch plan atomically. Paths of index plans are relative to its directory if they are below it.

    Raises:
        FileError: it cannot be written.
    """
    home = Path(path).absolute().parent
    indexes = tuple(evolve(each, plan_path=_relative(each.plan_path, home)) for each in plan.indexes)
    write_yaml(path, batch_plan_to_dict(evolve(plan, indexes=indexes)), comment=_COMMENT)


def load_batch_plan(path: Path | str) -> BatchPlan:
    """Read a batch plan, ours or one of RedisVL.

    Raises:
        FileError: it is invalid; with all problems and their line numbers.
    """
    from fieldfare_batch.redisvl import is_redisvl_plan, read_plan  # noqa: PLC0415 - plans are made without it

    file = load_yaml(path, largest=LARGEST)
    foreign = is_redisvl_plan(file.data)
    try:
        plan = read_plan(file.data) if foreign else structure(_CONVERTER, file.data, BatchPlan)
    except StructureError as error:
        raise file.error(error.problems) from error
    problems: list[Problem] = []
    if plan.version != VERSION:
        problems.append((("version",), f"format {plan.version}; this fieldfare reads {VERSION}"))
    seen: set[str] = set()
    for number, each in enumerate(plan.indexes):
        if each.name in seen:
            problems.append((("indexes", number, "name"), f"{each.name!r} is listed twice"))
        if each.applicable and not foreign and not (each.plan_path and each.fingerprint):
            problems.append((("indexes", number), "an applicable index needs plan_path and fingerprint"))
        seen.add(each.name)
    if problems:
        raise file.error(problems)
    home = Path(path).absolute().parent
    indexes = (evolve(each, plan_path=str(home / each.plan_path) if each.plan_path else None) for each in plan.indexes)
    return evolve(plan, indexes=tuple(indexes))


def _relative(path: str | None, home: Path) -> str | None:
    if path is None:
        return None
    absolute = Path(path).absolute()
    return str(absolute.relative_to(home)) if absolute.is_relative_to(home) else str(absolute)
