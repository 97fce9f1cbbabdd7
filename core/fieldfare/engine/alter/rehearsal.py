"""Rehearsing FT.ALTER: whether the server makes the target of the source."""

from __future__ import annotations

from attrs import evolve
from redis.exceptions import ResponseError

from fieldfare.definition.mismatches import find_mismatches
from fieldfare.engine.alter.planner import added_fields
from fieldfare.engine.rehearsal import drop_left_over, rehearsal_name
from fieldfare.errors import UnsupportedServer
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server, index_commands
from fieldfare.server.inspect import read_definition
from fieldfare.server.refusal import CommandNotAllowed

__all__ = ["rehearse_alter"]


def rehearse_alter(server: Server, plan: MigrationPlan) -> None:
    """Create the source over a prefix that no key has, add the fields to it, and compare it with the target.

    Raises:
        UnsupportedServer: the server refuses it, or makes something else of it.
    """
    source = plan.source.definition
    name = rehearsal_name(source)
    prefixes = tuple(f"{name}:{number}:" for number in range(len(source.prefixes)))
    before, after = (evolve(each, name=name, prefixes=prefixes) for each in (source, plan.target))
    version = server.capabilities.search_name
    what = f"Adding fields to {source.name!r}"
    drop_left_over(server, name)
    try:
        index_commands.create(server, before, scan=False)
        index_commands.add_fields(server, before, added_fields(before, after))
        found = find_mismatches(after, read_definition(server, name))
    except CommandNotAllowed:
        raise
    except ResponseError as error:
        raise UnsupportedServer(what, has=version, needs=f"a server that accepts it ({error})") from error
    finally:
        drop_left_over(server, name)
    if found:
        raise UnsupportedServer(
            what, has=f"{version}, which changes it: {'; '.join(found)}", needs="a server that keeps it"
        )
