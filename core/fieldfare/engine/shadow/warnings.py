"""What a user should know about a plan of the mode ``shadow``."""

from __future__ import annotations

from collections.abc import Sequence

from fieldfare.definition import IndexDefinition
from fieldfare.engine.drop_recreate.planner import unreadable_warning
from fieldfare.engine.mode import Draft
from fieldfare.engine.shadow.field_plan import choose_shadow_paths, describe_shadow_fields
from fieldfare.engine.shadow.keys import describe_copies
from fieldfare.engine.shadow.memory_shortage import memory_shortage
from fieldfare.engine.shadow.names import names_to_move
from fieldfare.server import Server

__all__ = ["plan_warnings"]


def plan_warnings(draft: Draft, target: IndexDefinition) -> Sequence[str]:
    """Say that the index answers, how each name moves, and what stays to be done."""
    snapshot, names = draft.snapshot, names_to_move(draft)
    source = snapshot.definition.name
    lines = [f"The index answers all the time: {target.name!r} is built and checked beside {source!r}"]
    lines += [_describe_name_move(draft.server, each, target.name, is_own=each == source) for each in names]
    if source not in names:
        lines.append(f"{source!r} stays until 'fieldfare finalize' drops it: until then there are two indexes")
    if draft.target.name != source:
        lines.append(f"The name {source!r} does not move: change it in the application to {target.name!r}")
    if not snapshot.aliases_listed:
        others = "Other aliases" if snapshot.aliases else "Aliases"
        lines.append(f"This server does not list aliases. {others} of {source!r} move only if --alias names them")
    lines += describe_shadow_fields(draft, choose_shadow_paths(draft, target))
    lines += describe_copies(draft)
    lines += filter(None, [memory_shortage(draft.server, [snapshot])])
    lines += map(unreadable_warning, snapshot.unreadable)
    return lines


def _describe_name_move(server: Server, name: str, target: str, *, is_own: bool) -> str:
    """Say how a name will probably move on this server, and which gap that has; it is tried before the run."""
    if not is_own:
        return f"{name!r} is an alias: one command (FT.ALIASUPDATE) moves it to {target!r}, without a gap"
    if server.capabilities.coordinator:
        return (
            f"{name!r} is an index, and in this cluster it is dropped and its name given to {target!r} one after the "
            f"other: for one round trip queries of {name!r} fail. An application that uses an alias has no such gap"
        )
    return (
        f"{name!r} is an index: one transaction drops it and makes {name!r} an alias of {target!r}, without a gap. "
        "Then it is an alias"
    )
