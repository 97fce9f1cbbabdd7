"""Dropping and creating an index with everything that hangs on it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

from fieldfare.definition import IndexDefinition, Snapshot
from fieldfare.definition.compare import differences
from fieldfare.definition.create import create_arguments
from fieldfare.engine.run import Run
from fieldfare.errors import IndexNotFound, PreconditionError
from fieldfare.plan import Receipt, Step
from fieldfare.server import Server
from fieldfare.server.inspect import index_exists, read_definition, read_snapshot, read_stats

__all__ = [
    "create",
    "create_source",
    "create_target",
    "drop_source",
    "drop_target",
    "source_is_gone",
    "wait_until_ready",
]

FIRST_POLL: Final = 0.005
LONGEST_POLL: Final = 0.25


def drop_source(run: Run, step: Step) -> Receipt:
    """Drop the source's definition; documents stay. Dropped already is fine.

    Raises:
        PreconditionError: an index of this name is there, and it is not the source.
    """
    name = run.source.name
    if index_exists(run.server, name):
        found = differences(run.source, read_definition(run.server, name))
        if found:
            raise PreconditionError(
                f"the index {name!r} is not the one that was planned for any more ({'; '.join(found)}), "
                "so it was not dropped"
            )
        # never with DD: that would delete the documents
        run.server.command("FT.DROPINDEX", encoded(name))
    return Receipt(step.id)


def source_is_gone(run: Run) -> bool:
    """Whether the source's definition is dropped."""
    return not index_exists(run.server, run.source.name)


def create_target(run: Run, step: Step) -> Receipt:
    """Create the target, its synonyms and aliases, and wait until every document is indexed.

    Raises:
        PreconditionError: another index has taken the name.
        TimeoutError: it was not ready in time.
    """
    create(run.server, run.target, run.plan.source.synonyms, run.plan.source.aliases)
    docs = run.plan.source.stats.num_docs
    with run.activity("index", f"Index documents into {run.target.name!r}", step=step.id, total=docs):
        wait_until_ready(run, run.target.name)
    return Receipt(step.id, documents=read_stats(run.server, run.target.name).num_docs)


def drop_target(run: Run) -> None:
    """Drop the target's definition, unless the source is what lives under its name.

    Raises:
        PreconditionError: the index of this name is neither target nor source.
    """
    name = run.target.name
    if not index_exists(run.server, name):
        return
    live = read_definition(run.server, name)
    found = differences(run.target, live)
    if found and name == run.source.name and not differences(run.source, live):
        return
    if found and not run.options.force:
        raise PreconditionError(
            f"the index {name!r} is not the one that the migration made ({'; '.join(found)}). "
            "Drop it yourself, or let --force drop it; documents stay"
        )
    run.server.command("FT.DROPINDEX", encoded(name))


def create_source(run: Run) -> None:
    """Create the source as it was, with its synonyms and aliases, and wait for it.

    Raises:
        PreconditionError: another index has taken the name.
    """
    source = run.plan.source
    create(run.server, source.definition, source.synonyms, source.aliases)
    with run.activity("index", f"Index documents into {run.source.name!r}", total=source.stats.num_docs):
        wait_until_ready(run, run.source.name)


def create(
    server: Server, definition: IndexDefinition, synonyms: Mapping[str, Sequence[str]], aliases: Sequence[str]
) -> None:
    """Create an index with its synonym groups and aliases; what is there already stays.

    Raises:
        PreconditionError: an index of this name is there, and it is another one.
    """
    name = encoded(definition.name)
    if index_exists(server, definition.name):
        found = differences(definition, read_definition(server, definition.name))
        if found:
            raise PreconditionError(
                f"the name {definition.name!r} was taken meanwhile, by another index ({'; '.join(found)}). "
                "Drop that one, or give it another name; documents stay"
            )
    else:
        server.command(*create_arguments(definition))
    if read_snapshot(server, definition.name, key_sample_limit=0).synonyms != synonyms:
        _add_synonyms(server, name, synonyms)
    for alias in aliases:
        server.command("FT.ALIASUPDATE", encoded(alias), name)


def _add_synonyms(server: Server, name: bytes, synonyms: Mapping[str, Sequence[str]]) -> None:
    # Documents are indexed under their synonyms, so they must be scanned again once all groups are there;
    # that scan takes the place of the one that FT.CREATE has begun.
    groups = list(synonyms.items())
    for group, terms in groups:
        scan = () if group == groups[-1][0] else ("SKIPINITIALSCAN",)
        server.command("FT.SYNUPDATE", name, encoded(group), *scan, *map(encoded, terms))


def missing_aliases(server: Server, snapshot: Snapshot, aliases: Sequence[str]) -> list[str]:
    """Return the aliases that do not lead to this index."""
    missing = []
    for alias in aliases:
        try:
            found = read_definition(server, alias).name
        except IndexNotFound:
            found = None
        if found != snapshot.definition.name:
            missing.append(alias)
    return missing


def wait_until_ready(run: Run, name: str) -> None:
    """Wait until background indexing has finished, polling ever more slowly.

    Raises:
        TimeoutError: not within the timeout that the user gave.
        StopRequested: the user asked to stop.
    """
    deadline = None if run.options.timeout is None else time.monotonic() + run.options.timeout
    pause = FIRST_POLL
    seen = 0
    while True:
        stats = read_stats(run.server, name)
        run.advance(max(stats.num_docs - seen, 0))
        seen = max(stats.num_docs, seen)
        if not stats.indexing and stats.percent_indexed >= 1.0:
            return
        if deadline is not None and time.monotonic() >= deadline:
            raise TimeoutError(
                f"timeout waiting for index ready: {name!r} is {stats.percent_indexed:.0%} indexed "
                f"after {run.options.timeout:g} s; it goes on by itself"
            )
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_POLL)


def encoded(text: str) -> bytes:
    """Return the bytes that Redis knows a name by."""
    return text.encode("utf-8", "surrogateescape")
