"""The step of the mode: add the fields; and its rollback."""

from __future__ import annotations

from attrs import evolve

from fieldfare.definition.mismatches import find_mismatches
from fieldfare.engine.alter.planner import added_fields
from fieldfare.engine.index import drop_index, wait_until_ready
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow.names import names_of
from fieldfare.engine.shadow.restore import restore_names, source_is_live
from fieldfare.errors import PreconditionError
from fieldfare.plan import Receipt, Step
from fieldfare.server import index_commands
from fieldfare.server.index_names import is_own_name
from fieldfare.server.inspect import read_definition, read_snapshot, read_stats

__all__ = ["add_fields", "is_altered", "remove_fields"]


def add_fields(run: ActiveRun, step: Step) -> Receipt:
    """Add the fields that the index lacks, and wait until every document is scanned.

    Raises:
        PreconditionError: the index is neither the source, nor the source with some of the fields.
        TimeoutError: the scan did not end in time.
    """
    name = run.source.name
    _require_source(run)
    index_commands.add_fields(run.server, run.source, added_fields(run.source, run.target))
    wait_until_ready(run, name, step=step.id, spare_queries=True)
    return Receipt(step.id, documents=read_stats(run.server, name).num_docs)


def is_altered(run: ActiveRun) -> bool:
    """Whether the index has all fields, as planned."""
    return not find_mismatches(run.target, read_definition(run.server, run.source.name))


def remove_fields(run: ActiveRun) -> None:
    """Have the names of the index lead to one without the fields; a source that nothing was added to stays.

    No command removes fields: the source is built again beside the index; or in its place, where the user wants its own
    name back, or where it is dropped already.

    Raises:
        PreconditionError: the index is not the one that the fields were added to.
    """
    server, own, names = run.server, run.source.name, names_of(run.plan.source)
    in_place = run.journal.progress.restored_as == own
    if is_own_name(server, own) and not source_is_live(run):
        if not run.options.force:
            _require_source(run)
        if in_place:
            drop_index(server, read_snapshot(server, own, key_sample_limit=0))
    restore_names(run, names)
    if not in_place and own not in names and is_own_name(server, own):
        drop_index(server, read_snapshot(server, own, key_sample_limit=0))


def _require_source(run: ActiveRun) -> None:
    """Refuse an index that is not the source with the first few of the new fields."""
    name, fields, fewest = run.source.name, run.target.fields, len(run.source.fields)
    for where, found in index_commands.read_definitions(run.server, name):
        expected = evolve(run.source, fields=fields[: max(len(found.fields), fewest)])
        lines = find_mismatches(expected, found, is_complete=True)
        if lines:
            raise PreconditionError(
                f"the index {name!r} has changed since the plan was made{where} ({'; '.join(lines)}), so it "
                "was not changed"
            )
