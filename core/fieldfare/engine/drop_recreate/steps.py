"""Dropping the source, and the rollback of the mode's steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from fieldfare.definition.mismatches import find_mismatches
from fieldfare.engine.index import create_index, drop_index, wait_until_ready
from fieldfare.engine.run import ActiveRun
from fieldfare.errors import PreconditionError
from fieldfare.plan import Receipt, Step
from fieldfare.server.inspect import index_exists, read_snapshot
from fieldfare.server.permissions import require_allowed

__all__ = [
    "create_source",
    "drop_source",
    "drop_target",
    "source_is_gone",
]

SAMPLE: Final = 100
"""How many documents are looked for before and after the drop."""


def drop_source(run: ActiveRun, step: Step) -> Receipt:
    """Drop the source's definition; documents stay. Dropped already is fine.

    Raises:
        PreconditionError: an index of this name is there, and it is not the source.
    """
    name = run.source.name
    if index_exists(run.server, name):
        live = read_snapshot(run.server, name, key_sample_limit=0)
        found = find_mismatches(run.source, live.definition, is_complete=True)
        if found:
            raise PreconditionError(
                f"the index {name!r} has changed since the plan was made ({'; '.join(found)}), so it was not dropped"
            )
        sample = next(run.captured_keys(), ())[:SAMPLE]
        before = _count_existing(run, sample)
        drop_index(run.server, live)
        if before and not _count_existing(run, sample):
            raise PreconditionError(
                f"the documents of {name!r} are gone since it was dropped: Redis deletes those of a TEMPORARY index, "
                "and this server did not say that it is one. The backup holds the originals of rewritten fields alone"
            )
    return Receipt(step.id)


def _count_existing(run: ActiveRun, keys: Sequence[bytes]) -> int:
    return require_allowed(run.server, [(b"EXISTS", key) for key in keys]).count(1)


def source_is_gone(run: ActiveRun) -> bool:
    """Whether the source's definition is dropped."""
    return not index_exists(run.server, run.source.name)


def drop_target(run: ActiveRun) -> None:
    """Drop the target's definition, unless the index of its name is the source.

    Raises:
        PreconditionError: the index of this name is neither target nor source.
    """
    name = run.target.name
    if not index_exists(run.server, name):
        return
    live = read_snapshot(run.server, name, key_sample_limit=0)
    found = find_mismatches(run.target, live.definition)
    if found and name == run.source.name and not find_mismatches(run.source, live.definition):
        return
    if found and not run.options.force:
        raise PreconditionError(
            f"the index {name!r} is not the one that the migration made ({'; '.join(found)}). "
            "Drop it yourself, or use --force to drop it; documents stay"
        )
    if run.target.temporary is not None and live.stats.num_docs:
        # whatever the server says now: this user may not be allowed to ask
        live = evolve(live, definition=evolve(live.definition, temporary=run.target.temporary))
    drop_index(run.server, live)


def create_source(run: ActiveRun) -> None:
    """Create the source as it was, with its synonyms and aliases, and wait for it.

    Raises:
        PreconditionError: another index has taken the name.
    """
    source = run.plan.source
    create_index(run.server, source.definition, source.synonyms, source.aliases)
    wait_until_ready(run, run.source.name)
