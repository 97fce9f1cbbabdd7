"""What must hold before a run changes anything."""

from __future__ import annotations

import hashlib

from attrs import evolve
from redis.exceptions import ResponseError

from fieldfare.changes import apply_changes
from fieldfare.definition import IndexDefinition, Snapshot, Storage
from fieldfare.definition.compare import differences
from fieldfare.definition.create import create_arguments
from fieldfare.documents import Batch, Column
from fieldfare.engine.index import encoded
from fieldfare.errors import PlanEdited, ServerUnfit, StalePlan
from fieldfare.plan import MigrationPlan, Phase
from fieldfare.server import Server
from fieldfare.server.capabilities import show
from fieldfare.server.documents import write_documents
from fieldfare.server.inspect import REHEARSAL, index_exists, read_definition, read_snapshot
from fieldfare.server.routing import is_unknown_index

__all__ = [
    "check_plan",
    "check_source",
    "drop_rehearsals",
    "rehearse_definitions",
    "rehearse_writing",
    "source_differences",
]


def check_plan(plan: MigrationPlan) -> None:
    """Make sure that the target is what the changes make of the source, so that a plan does what it says.

    Raises:
        PlanEdited: it is not; whoever wrote the plan, it was not fieldfare.
    """
    try:
        found = differences(apply_changes(plan.source.definition, plan.changes), plan.target)
    except (AttributeError, LookupError, TypeError, ValueError):
        found = ("the changes fit no index",)
    if found:
        raise PlanEdited(f"for {plan.index!r}", f"merged_target_schema does not follow from changes: {found[0]}")


def source_differences(server: Server, plan: MigrationPlan) -> tuple[tuple[str, ...], Snapshot]:
    """Return how the live index differs from the one that was planned for, and the live index.

    Raises:
        IndexNotFound: there is no such index.
        PreconditionError: an alias does not lead to it any more.
    """
    live = read_snapshot(server, plan.index, aliases=plan.source.aliases, key_sample_limit=0)
    found = list(differences(plan.source.definition, live.definition))
    if live.synonyms != plan.source.synonyms:
        found.append(f"synonym groups: {sorted(plan.source.synonyms)} planned for, {sorted(live.synonyms)} now")
    return tuple(found), live


def check_source(server: Server, plan: MigrationPlan) -> Snapshot:
    """Return the live source, which must be what was planned for.

    Raises:
        StalePlan: it is not, or the target's name has been taken.
        IndexNotFound: it is gone.
    """
    found, live = source_differences(server, plan)
    if plan.target.name != plan.index and index_exists(server, plan.target.name):
        found = (*found, f"an index or alias named {plan.target.name!r} exists by now")
    if found:
        raise StalePlan(plan.index, found)
    return live


def rehearse_definitions(server: Server, plan: MigrationPlan) -> None:
    """Prove that this server takes the target, and the source again for a rollback.

    Each is created over a prefix that no key has, read back, compared and dropped.

    Raises:
        ServerUnfit: the server refuses one of them, or makes something else of it.
    """
    if any(step.phase is Phase.DROP for step in plan.steps):
        _rehearse(server, plan.target, "target")
        _rehearse(server, plan.source.definition, "source")


def rehearse_writing(server: Server, plan: MigrationPlan) -> None:
    """Prove that documents can be written, by writing to one that does not exist: that changes nothing.

    Raises:
        ServerUnfit: the server refuses: no permission, no memory, a replica.
    """
    paths = list(dict.fromkeys(path for step in plan.steps if step.transforms for path in step.fields))
    if not paths:
        return
    storage = plan.source.definition.storage
    nobody = Batch((encoded(REHEARSAL),), {path: Column.of([b"0"]) for path in paths})
    try:
        write_documents(server, storage, nobody, paths)
        if storage is Storage.JSON:
            server.command("JSON.SET", REHEARSAL, "$", b"0", "XX")
        elif server.capabilities.has_hsetex:  # HSET cannot be tried without a trace
            server.command("HSETEX", REHEARSAL, "FXX", "FIELDS", 1, "nobody", b"0")
    except ResponseError as error:
        what = f"Rewriting the documents of {plan.index!r}"
        raise ServerUnfit(what, has=f"refused a trial ({error})", needs="a server that lets us write") from error


def drop_rehearsals(server: Server, plan: MigrationPlan) -> None:
    """Remove what a rehearsal left that could not end.

    Raises:
        ServerUnfit: we may not drop an index.
    """
    for definition in (plan.target, plan.source.definition):
        _drop_left_over(server, _rehearsal_of(definition))


def _drop_left_over(server: Server, name: str) -> None:
    """Remove what a crash left, and see whether dropping is permitted before there is something to drop."""
    try:
        server.command("FT.DROPINDEX", encoded(name))
    except ResponseError as error:
        if not is_unknown_index(error):
            raise ServerUnfit("The migration", has=f"said: {error}", needs="to drop an index") from error


def _rehearsal_of(definition: IndexDefinition) -> str:
    return REHEARSAL + hashlib.sha256(encoded(definition.name)).hexdigest()[:16]


def _rehearse(server: Server, definition: IndexDefinition, role: str) -> None:
    name = _rehearsal_of(definition)
    trial = evolve(
        definition, name=name, prefixes=tuple(f"{name}:{number}:" for number in range(len(definition.prefixes)))
    )
    what = f"The {role} definition of {definition.name!r}"
    version = f"search {show(server.capabilities.search_version)}"
    _drop_left_over(server, name)
    try:
        server.command(*create_arguments(trial))
    except ResponseError as error:
        raise ServerUnfit(what, has=version, needs=f"a server that accepts it ({error})") from error
    try:
        found = differences(trial, read_definition(server, name))
    finally:
        server.command("FT.DROPINDEX", encoded(name))
    if found:
        raise ServerUnfit(what, has=f"{version}, which makes of it: {'; '.join(found)}", needs="a server that keeps it")
