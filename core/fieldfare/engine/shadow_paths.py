"""Shadow fields: where a target that is built beside its source finds the values that a plan rewrites.

The originals stay where they are, for the source and the applications. ``embedding`` gets a shadow field
``embedding__v2``, ``$.a.embedding`` gets ``$.a.embedding__v2``. The shadow field of a field that is renamed has the new
name: an application may have values there already.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import evolve

from fieldfare.definition import IndexDefinition, Storage
from fieldfare.definition.jsonpath import join_path, split_path
from fieldfare.plan import MigrationPlan

__all__ = [
    "COPY",
    "SHADOW_FIELDS",
    "has_shadow_fields",
    "moved_paths",
    "shadow_path",
    "shadow_paths",
    "shadow_version",
    "with_shadow_paths",
]

COPY: Final = "index.copy_field"
"""The kind of the steps that copy values to the new names of their fields; ``moves`` is their parameter."""

SHADOW_FIELDS: Final = "shadow_fields"
"""The parameter of the step that builds the target: path of an original → path of its shadow field."""

VERSIONED: Final = re.compile(r"(?P<base>.+?)__v(?P<number>[1-9][0-9]*)", re.DOTALL)


def shadow_paths(plan: MigrationPlan) -> Mapping[str, str]:
    """Return path of an original → path of its shadow field; empty for a plan that overwrites what it rewrites."""
    found = (
        step.params[SHADOW_FIELDS] for step in plan.steps if step.owner == "index" and SHADOW_FIELDS in step.params
    )
    return next(found, {})


def moved_paths(plan: MigrationPlan) -> Mapping[str, str]:
    """Return path of an original → path of its shadow field, for those that have the new name of a field."""
    steps = (step for step in plan.steps if step.owner == "index" and step.kind == COPY)
    return {old: new for step in steps for old, new in step.params["moves"].items()}


def has_shadow_fields(plan: MigrationPlan) -> bool:
    """Whether a plan writes what it converts to shadow fields, and leaves the originals."""
    return bool(shadow_paths(plan))


def shadow_path(storage: Storage, path: str, version: int) -> str | None:
    """Return the path of a shadow field; None if the path of the original names no member of an object.

    Args:
        storage: the storage of the documents.
        path: the path of the original; a version at its end is replaced.
        version: from 2 on.
    """
    if storage is Storage.HASH:
        return _with_version(path, version)
    segments, rest = split_path(path)
    if rest or not segments or isinstance(segments[-1], int):
        return None
    return join_path([*segments[:-1], _with_version(segments[-1], version)])


def shadow_version(storage: Storage, path: str) -> int:
    """Return the version at the end of a path; 1 without one."""
    segments = [path] if storage is Storage.HASH else split_path(path)[0]
    found = VERSIONED.fullmatch(str(segments[-1])) if segments else None
    return int(found["number"]) if found else 1


def _with_version(name: str, version: int) -> str:
    found = VERSIONED.fullmatch(name)
    return f"{found['base'] if found else name}__v{version}"


def with_shadow_paths(definition: IndexDefinition, paths: Mapping[str, str]) -> IndexDefinition:
    """Return a definition whose fields read their shadow fields; their names stay."""
    fields = tuple(evolve(each, path=paths.get(each.path, each.path)) for each in definition.fields)
    return evolve(definition, fields=fields)
