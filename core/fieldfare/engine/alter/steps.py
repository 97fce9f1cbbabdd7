"""The step of the mode: add the fields; and the way back."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from fieldfare.definition import Field, IndexDefinition
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.engine.drop_recreate.steps import create_source
from fieldfare.engine.index import drop_index, wait_until_ready
from fieldfare.engine.run import ActiveRun
from fieldfare.errors import PreconditionError
from fieldfare.plan import Phase, Receipt, Step
from fieldfare.server import index_commands
from fieldfare.server.inspect import index_exists, read_definition, read_snapshot, read_stats
from fieldfare.support.wording import counted

__all__ = ["ALTER", "add_fields", "added_fields", "is_altered", "plan_alter", "recreate_source"]

ALTER: Final = "index.alter"


def added_fields(source: IndexDefinition, target: IndexDefinition) -> tuple[Field, ...]:
    """Return the fields of the target that the source lacks, in order."""
    return tuple(each for each in target.fields if source.find(each.name) is None)


def plan_alter(source: IndexDefinition, target: IndexDefinition) -> Step:
    """Return the step that makes the target of the source."""
    fields = [each.name for each in added_fields(source, target)]
    return Step.new(
        ALTER,
        Phase.EXPAND,
        params={"index": source.name, "fields": fields},
        summary=f"Add {counted(len(fields), 'field')} to {source.name!r} as it is, and wait until they are filled",
    ).owned_by("index")


def add_fields(run: ActiveRun, step: Step) -> Receipt:
    """Add the fields that the index lacks, and wait until every document is scanned.

    Raises:
        PreconditionError: the index is neither the source, nor the source with some of the fields.
        TimeoutError: the scan did not end in time.
    """
    name = run.source.name
    _require_source(run)
    index_commands.add_fields(run.server, run.source, added_fields(run.source, run.target))
    wait_until_ready(run, name, step=step.id)
    return Receipt(step.id, documents=read_stats(run.server, name).num_docs)


def is_altered(run: ActiveRun) -> bool:
    """Whether the index has all fields, as planned."""
    return not find_mismatches(run.target, read_definition(run.server, run.source.name))


def recreate_source(run: ActiveRun) -> None:
    """Drop the altered index, and create the source as it was; a source that nothing was added to stays.

    Raises:
        PreconditionError: the index is neither of them.
    """
    name = run.source.name
    if index_exists(run.server, name):
        live = read_snapshot(run.server, name, key_sample_limit=0)
        if find_mismatches(run.source, live.definition):
            if not run.options.force:
                _require_source(run)
            drop_index(run.server, live)
    create_source(run)


def _require_source(run: ActiveRun) -> None:
    """Refuse an index that is not the source with the first few of the new fields."""
    name, fields, fewest = run.source.name, run.target.fields, len(run.source.fields)
    for where, found in index_commands.read_definitions(run.server, name):
        expected = evolve(run.source, fields=fields[: max(len(found.fields), fewest)])
        lines = find_mismatches(expected, found, is_complete=True)
        if lines:
            raise PreconditionError(
                f"the index {name!r} is no longer the one that was planned for{where} ({'; '.join(lines)}), so it "
                "was not changed"
            )
