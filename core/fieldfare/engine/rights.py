"""What this user must be allowed to do: found out before a run, or a rollback, changes anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fieldfare.definition import Field, IndexDefinition
from fieldfare.definition.reply import encode
from fieldfare.engine.copied_keys import copies_keys, is_copied, pairs_of
from fieldfare.engine.rehearsal import rehearsal_name
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_paths import has_shadow_fields
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.server.document_reader import trial_reads
from fieldfare.server.document_writer import trial_writes
from fieldfare.server.guarded_write import trial_guarded_writes
from fieldfare.server.key_copy import require_copy_rights
from fieldfare.server.lock import IndexLock
from fieldfare.server.permissions import require_allowed
from fieldfare.server.pipeline import Command
from fieldfare.server.refusal import CommandNotAllowed, trial_keys
from fieldfare.server.transaction import require_isolation

__all__ = ["recreation_commands", "require_reading_rights", "require_rights"]


def require_rights(run: ActiveRun, on_indexes: Iterable[Command]) -> None:
    """Try every command that a run and its rollback will need, in a way that changes nothing.

    Args:
        run: needs neither journal nor backup.
        on_indexes: the commands on indexes that the mode of the plan needs, bound to fail.

    Raises:
        CommandNotAllowed: the user may not run one of them, or not on these keys.
    """
    plan = run.plan
    IndexLock(run.server, plan.index, backup_dir="").require_rights()
    commands = list(on_indexes)
    if commands:
        require_allowed(run.server, commands)
        _require_listing(run.server, encode(run.source.name))
    keys = trial_keys((*run.source.prefixes, *run.target.prefixes))
    require_allowed(run.server, list(_document_commands(run, keys)))
    if any(step.transforms for step in plan.steps):
        in_script = require_isolation(run.server, keys)
        require_allowed(run.server, [each for key in keys for each in _trial_writes(run, key, in_script=in_script)])
    if copies_keys(plan):
        pairs = pairs_of(run.plugins, plan, keys)
        require_copy_rights(run.server, run.source.storage, pairs)
    for step in plan.steps:
        if is_copied(plan, step):
            continue
        if step.owner in run.plugins.implementers("fieldfare_rehearse_step"):
            run.plugins.call(step.owner, "fieldfare_rehearse_step", step=step, run=run)


def _trial_writes(run: ActiveRun, key: bytes, *, in_script: bool) -> list[Command]:
    if has_shadow_fields(run.plan):
        return trial_guarded_writes(run.server, run.source.storage, key)
    return trial_writes(run.server, run.source.storage, key, in_script=in_script)


def require_reading_rights(run: ActiveRun) -> None:
    """Try every command that a validation needs.

    Raises:
        CommandNotAllowed: the user may not run one of them, or not on these keys.
    """
    require_allowed(run.server, list(_document_commands(run, trial_keys(run.target.prefixes))))
    if run.has_backup:
        _require_listing(run.server, encode(run.target.name))


def _require_listing(server: Server, index: bytes) -> None:
    """See whether the user may list the keys of an index: with a scan, or with a cursor."""
    try:
        require_allowed(server, [("SCAN", 0, "COUNT", 1)])
    except CommandNotAllowed as refusal:
        try:
            # refused: one has no query, the other no cursor
            require_allowed(server, [("FT.AGGREGATE", index), ("FT.CURSOR", "READ", index, 0)])
        except CommandNotAllowed as error:
            raise refusal.or_else(error) from error


def recreation_commands(
    plan: MigrationPlan, names: Sequence[str] = (), aliases: Sequence[str] = ()
) -> Iterator[Command]:
    """Yield the commands that drop, create and name indexes, with a wrong number of arguments.

    They are refused, wherever they are executed.

    Args:
        plan: the plan whose source and target are dropped and created.
        names: the names of further indexes.
        aliases: that move, beside those of the source.
    """
    source = plan.source
    trial, *real = map(encode, (rehearsal_name(source.definition), source.definition.name, plan.target.name, *names))
    for name in dict.fromkeys((trial, *real)):
        yield "FT.INFO", name
        yield "FT.CREATE", name, "SCHEMA"
        yield "FT.DROPINDEX", name, "no", "documents"
        if source.synonyms:
            yield "FT.SYNUPDATE", name, "group"
    for alias in map(encode, dict.fromkeys((*source.aliases, *aliases))):
        yield "FT.INFO", alias
        yield from (("FT.ALIASUPDATE", alias, name, "no") for name in dict.fromkeys(real))
    yield "FT.SEARCH", trial, "*"


def _document_commands(run: ActiveRun, keys: Sequence[bytes]) -> Iterator[Command]:
    storage = run.source.storage
    rewrites = any(step.transforms for step in run.plan.steps)
    for key in keys:
        yield "EXISTS", key
        yield "TYPE", key
        if rewrites or _vector_fields(run.source, run.target):
            yield from trial_reads(storage, [key])


def _vector_fields(*definitions: IndexDefinition) -> list[Field]:
    return [field for definition in definitions for field in definition.fields if field.is_vector]
