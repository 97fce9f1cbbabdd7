"""The names of a shadow migration: how the target is called, and which names will lead to it."""

from __future__ import annotations

import re
from itertools import count
from typing import Final

from redis.crc import key_slot

from fieldfare.definition import Snapshot
from fieldfare.definition.reply import encode
from fieldfare.engine.mode import Draft
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.server.inspect import index_exists

__all__ = [
    "SWITCH",
    "base_name",
    "moved_names",
    "names_of",
    "names_to_move",
    "next_name",
    "replaces_own_name",
    "split_version",
]

SWITCH: Final = "index.switch"

VERSIONED: Final = re.compile(r"\{?(?P<base>.+?)\}?__v(?P<number>[1-9][0-9]*)", re.DOTALL)
FIRST: Final = 2
"""The version of the first target: the source counts as 1."""


def split_version(name: str) -> tuple[str, int]:
    """Return the base name and the version of an index: ``books__v3`` is version 3 of ``books``."""
    found = VERSIONED.fullmatch(name)
    return (found["base"], int(found["number"])) if found else (name, 1)


def base_name(source: Snapshot, name: str) -> str:
    """Return the name that the application uses: the alias by which the user called the index, or its own name.

    An index that a shadow migration has made is known by its alias, also where the user calls it by its own name.
    """
    real = source.definition.name
    base, _ = split_version(real)
    return base if name == real and base in source.aliases else name


def names_to_move(draft: Draft) -> tuple[str, ...]:
    """Return the names that will lead to the target, the application's first; none if nothing is to be switched.

    With a new name from the patch, the name of the index itself stays with it: the application takes the new one.
    """
    source = draft.snapshot
    name = base_name(source, draft.name)
    is_renamed = draft.target.name != source.definition.name
    names = [name] if name in source.aliases or not is_renamed else []
    return tuple(dict.fromkeys([*names, *source.aliases]))


def names_of(source: Snapshot) -> tuple[str, ...]:
    """Return the names by which an application may know an index: its aliases, and its own unless it is a version."""
    own = base_name(source, source.definition.name)
    return tuple(dict.fromkeys([own, *source.aliases]))


def next_name(server: Server, base: str, *, above: str) -> str:
    """Return the next free name for a version of an index.

    Without a coordinator, an index of a cluster lives where the slot of its name is: there the new name has the same
    slot, with the help of a hash tag.

    Args:
        server: the server of the index.
        base: the name that the application uses.
        above: the name of the version that is there.
    """
    first = max(split_version(above)[1] + 1, FIRST)
    name = base
    if server.capabilities.cluster and not server.capabilities.coordinator:
        same_slot = key_slot(encode(f"{base}__v{FIRST}")) == key_slot(encode(base))
        name = base if same_slot else f"{{{base}}}"
    return next(each for number in count(first) if not index_exists(server, each := f"{name}__v{number}"))


def moved_names(plan: MigrationPlan) -> tuple[str, ...]:
    """Return the names that a plan switches; none if it has no switch."""
    return next((tuple(step.params["names"]) for step in plan.steps if step.kind == SWITCH), ())


def replaces_own_name(plan: MigrationPlan) -> bool:
    """Whether the switch takes the source's own name, so that the source is dropped with it."""
    return plan.source.definition.name in moved_names(plan)
