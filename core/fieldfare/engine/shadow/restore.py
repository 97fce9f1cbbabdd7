"""A rollback without an outage: the names move to an index with the source's definition.

Where the source still lives, that is the source. Where its own name has moved, or it was altered, its definition is
built again as a further version, and its name becomes an alias of that: no server gives a live alias the name of an
index without an empty answer. Who wants the name to be an index again asks for it, and has that outage.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from fieldfare.definition.mismatches import find_mismatches
from fieldfare.engine.index import create_index, drop_index, wait_until_ready
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow.name_move import choose_name_move
from fieldfare.engine.shadow.names import next_name, split_version
from fieldfare.errors import PreconditionError
from fieldfare.server import index_commands
from fieldfare.server.index_names import is_own_name, move_names, real_name
from fieldfare.server.inspect import index_exists, read_definition, read_snapshot

__all__ = [
    "choose_restored_name",
    "rehearse_move",
    "require_known_names",
    "restore_names",
    "restored_names",
    "restored_run",
    "source_is_live",
]


def source_is_live(run: ActiveRun) -> bool:
    """Whether the source is there under its own name, as it was."""
    name = run.source.name
    return is_own_name(run.server, name) and not find_mismatches(run.source, read_definition(run.server, name))


def choose_restored_name(run: ActiveRun, names: Sequence[str]) -> Mapping[str, Any]:
    """Return what changes in the journal's progress before names move back: how the restored index is called.

    Args:
        run: the rollback.
        names: that lead to the restored index at the end.
    """
    own, former = run.source.name, run.journal.progress.restored_as
    is_live = source_is_live(run)
    is_free = not index_exists(run.server, own)
    if is_live or is_free or run.options.restore_own_name or not names:
        outage = time.time() if own in names and not is_live else None
        superseded = {"superseded": former} if former not in {"", own} else {}
        return {"restored_as": own, "dropped_at": outage, **superseded}
    if former not in {"", own}:
        return {}
    return {"restored_as": _next_version(run, names)}


def restored_names(run: ActiveRun, names: Sequence[str]) -> tuple[str, ...]:
    """Return how the index will be called that a rollback restores, and then what that supersedes.

    Args:
        run: the rollback, or a run that has no backup yet: then the name is that of an index beside the source.
        names: that lead to the restored index at the end.
    """
    if not run.has_backup:
        return (_next_version(run, names),)
    chosen, progress = choose_restored_name(run, names), run.journal.progress
    found = (chosen.get("restored_as") or progress.restored_as, chosen.get("superseded") or progress.superseded)
    return tuple(filter(None, found))


def rehearse_move(run: ActiveRun, names: Sequence[str], target: str) -> None:
    """Try on trial indexes how the source's own name moves, if it is among names that move to another index.

    Raises:
        CommandNotAllowed: the user may not do it.
        UnsupportedServer: the server allows no way.
    """
    own = run.source.name
    if own in names and own != target and is_own_name(run.server, own):
        choose_name_move(run.server, run.source)


def _next_version(run: ActiveRun, names: Sequence[str]) -> str:
    highest = max((run.source.name, run.target.name), key=lambda name: split_version(name)[1])
    return next_name(run.server, names[0], above=highest)


def restored_run(run: ActiveRun, names: Sequence[str]) -> ActiveRun:
    """Return the run with what a rollback restores as its target, and the names that lead to it as its aliases."""
    source = run.plan.source
    name = run.journal.progress.restored_as or source.definition.name
    aliases = source.aliases if name == source.definition.name else tuple(names)
    plan = evolve(
        run.plan, target=evolve(source.definition, name=name), claims=(), source=evolve(source, aliases=aliases)
    )
    return evolve(run, plan=plan)


def require_known_names(run: ActiveRun, names: Sequence[str]) -> None:
    """Refuse to move names that lead to an index of another migration.

    Raises:
        PreconditionError: one does.
    """
    if run.options.force:
        return
    progress = run.journal.progress
    known = {None, run.source.name, run.target.name, progress.restored_as, progress.superseded}
    for name in names:
        found = real_name(run.server, name)
        if found not in known:
            raise PreconditionError(
                f"{name!r} leads to the index {found!r} now: another migration has moved it. Nothing was changed. "
                "Roll that migration back first, or use --force to move the name"
            )


def restore_names(run: ActiveRun, names: Sequence[str]) -> None:
    """Build what the journal says that is restored, as far as it is not there, and then move names to it.

    Args:
        run: the rollback.
        names: that lead to the restored index at the end.

    Raises:
        PreconditionError: another index has taken its name.
        TimeoutError: it was not ready in time.
    """
    server, own = run.server, run.source.name
    restored = evolve(run.source, name=run.journal.progress.restored_as or own)
    if restored.name == own and not is_own_name(server, own):
        index_commands.create(server, restored)  # takes the name from an alias, which it hides
    create_index(server, restored, run.plan.source.synonyms, ())
    wait_until_ready(run, restored.name, spare_queries=True)
    moving = [name for name in names if name != restored.name]
    way = choose_name_move(server, run.source) if own in moving and is_own_name(server, own) else None
    move_names(server, moving, restored.name, way)
    superseded = run.journal.progress.superseded
    if superseded and is_own_name(server, superseded):
        drop_index(server, read_snapshot(server, superseded, key_sample_limit=0))
