"""Rehearsals: trying on the server what a run will need, without changing anything."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from attrs import evolve
from redis.exceptions import ResponseError

from fieldfare.definition import IndexDefinition, Storage
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.definition.reply import encode
from fieldfare.documents import Batch, Column
from fieldfare.engine.shadow_paths import has_shadow_fields
from fieldfare.errors import UnsupportedServer
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server, index_commands
from fieldfare.server.document_writer import write_documents
from fieldfare.server.guarded_write import GuardedWrite, write_guarded
from fieldfare.server.index_names import name_in_slot
from fieldfare.server.inspect import REHEARSAL_PREFIX, index_exists, read_definition
from fieldfare.server.refusal import CommandNotAllowed, trial_keys
from fieldfare.server.routing import is_unknown_index

__all__ = [
    "drop_left_over",
    "drop_rehearsals",
    "rehearsal_name",
    "rehearse_definition",
    "rehearse_writing",
    "trial_name",
    "trial_names",
]


def rehearse_writing(server: Server, plan: MigrationPlan) -> None:
    """Prove that documents can be written, by writing to some that do not exist: that changes nothing.

    Raises:
        UnsupportedServer: the server refuses: no memory, a replica.
    """
    paths = list(dict.fromkeys(path for step in plan.steps if step.transforms for path in step.fields))
    if not paths:
        return
    storage = plan.source.definition.storage
    keys = trial_keys(plan.source.definition.prefixes)
    nobody = Batch(tuple(keys), {path: Column.of([b"0"] * len(keys)) for path in paths})
    try:
        if has_shadow_fields(plan):
            write_guarded(server, storage, GuardedWrite(nobody), dict(zip(paths, paths, strict=True)))
            return
        write_documents(server, storage, nobody, paths)
        if storage is Storage.JSON:
            server.command("JSON.SET", keys[0], "$", b"0", "XX")
        elif server.capabilities.has_hsetex:  # HSET cannot be tried without a trace
            with suppress(CommandNotAllowed):  # the user may write in another way
                server.command("HSETEX", keys[0], "FXX", "FIELDS", 1, "nobody", b"0")
    except ResponseError as error:
        what = f"Rewriting the documents of {plan.index!r}"
        raise UnsupportedServer(what, has=f"refused a trial ({error})", needs="a server that lets us write") from error


def drop_rehearsals(server: Server, plan: MigrationPlan) -> None:
    """Remove what a rehearsal left that could not end.

    Raises:
        UnsupportedServer: we may not drop an index.
    """
    source = plan.source.definition
    for name in dict.fromkeys((rehearsal_name(plan.target), rehearsal_name(source), *trial_names(server, source))):
        if index_exists(server, name):
            drop_left_over(server, name)


def drop_left_over(server: Server, name: str) -> None:
    """Remove what a crash left, and see whether dropping is permitted before there is something to drop."""
    try:
        index_commands.drop(server, name)
    except CommandNotAllowed:
        raise
    except ResponseError as error:
        if not is_unknown_index(error):
            raise UnsupportedServer("The migration", has=f"said: {error}", needs="to drop an index") from error


def rehearsal_name(definition: IndexDefinition) -> str:
    """Return the name of the trial index for a definition."""
    return REHEARSAL_PREFIX + hashlib.sha256(encode(definition.name)).hexdigest()[:16]


def trial_name(server: Server, source: IndexDefinition) -> str:
    """Return the name of the trial index beside a source; in a cluster one of its slot, where its documents are."""
    return name_in_slot(server, rehearsal_name(source), source.name)


def trial_names(server: Server, source: IndexDefinition) -> tuple[str, str]:
    """Return the names of two trial indexes beside a source, the first that of :func:`trial_name`."""
    name = rehearsal_name(source)
    return trial_name(server, source), name_in_slot(server, f"{name}:other", source.name)


def rehearse_definition(server: Server, definition: IndexDefinition, role: str) -> None:
    """Prove that this server accepts a definition.

    It is created over a prefix that no key has, read back, compared and dropped.

    Args:
        server: which.
        definition: the definition of the source or the target.
        role: which of them, for the message.

    Raises:
        UnsupportedServer: the server refuses it, or makes something else of it.
    """
    name = rehearsal_name(definition)
    trial = evolve(
        definition, name=name, prefixes=tuple(f"{name}:{number}:" for number in range(len(definition.prefixes)))
    )
    what = f"The {role} definition of {definition.name!r}"
    version = server.capabilities.search_name
    drop_left_over(server, name)
    try:
        index_commands.create(server, trial, scan=False)
    except CommandNotAllowed:
        raise
    except ResponseError as error:
        raise UnsupportedServer(what, has=version, needs=f"a server that accepts it ({error})") from error
    try:
        found = find_mismatches(trial, read_definition(server, name))
    finally:
        index_commands.drop(server, name)
    if found:
        raise UnsupportedServer(
            what, has=f"{version}, which changes it: {'; '.join(found)}", needs="a server that keeps it"
        )
