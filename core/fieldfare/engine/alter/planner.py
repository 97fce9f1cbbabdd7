"""What the mode ``alter`` means for a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fieldfare.changes import AddField
from fieldfare.definition import Field, IndexDefinition
from fieldfare.definition.canonical import canonical
from fieldfare.engine.drop_recreate.planner import temporary_blocker
from fieldfare.engine.mode import Draft, ModePlanner, PlannedChange
from fieldfare.engine.shadow.names import names_of
from fieldfare.plan import Phase, Step
from fieldfare.support.wording import counted

__all__ = ["ALTER", "AlterPlanner", "added_fields"]

ALTER: Final = "index.alter"


class AlterPlanner(ModePlanner):
    """Plans to add fields to the index as it is."""

    name = "alter"

    def blocker(self, draft: Draft, change: PlannedChange) -> tuple[str, str] | None:
        """Refuse everything but new fields, for FT.ALTER can do nothing else."""
        if not isinstance(change.claimed.change, AddField):
            return "FT.ALTER can only add fields", "use --mode auto, which takes a mode that can do it"
        if change.steps or draft.further_steps:
            return "its plugin does more than add a field", "use --mode drop_recreate"
        source = draft.snapshot.definition
        if canonical(draft.target).options != canonical(source).options:
            return "with so many TEXT fields the index needs MAXTEXTFIELDS from the start", "use --mode auto"
        return temporary_blocker(source)

    def frame(self, draft: Draft, target: IndexDefinition) -> Sequence[Step]:
        """Return the step that adds the fields."""
        return (_plan_alter(draft.snapshot.definition, target),)

    def warnings(self, draft: Draft, target: IndexDefinition) -> Sequence[str]:
        """Say that the index answers, and when the new fields do."""
        snapshot = draft.snapshot
        names = ", ".join(repr(each.name) for each in added_fields(snapshot.definition, target))
        answers = (
            "The index answers all the time; apply waits until the server has scanned all documents again: then "
            f"queries on {names} find all of them"
        )
        own = snapshot.definition.name
        back = f"a rollback builds {own!r} again as a second index, and makes its names aliases of that index"
        if draft.server.capabilities.coordinator and own in names_of(snapshot):
            back += f"; in this cluster queries of {own!r} fail for one round trip then"
        lines = [answers, f"FT.ALTER cannot remove fields: {back}"]
        if not snapshot.aliases and not snapshot.aliases_listed:
            lines.append(
                "This server does not list aliases: name each alias of this index with --alias, or a rollback loses it"
            )
        if snapshot.unreadable:
            lines.append(f"A rollback cannot restore what FT.INFO doesn't report: {', '.join(snapshot.unreadable)}")
        return lines


def added_fields(source: IndexDefinition, target: IndexDefinition) -> tuple[Field, ...]:
    """Return the fields of the target that the source lacks, in order."""
    return tuple(each for each in target.fields if source.find(each.name) is None)


def _plan_alter(source: IndexDefinition, target: IndexDefinition) -> Step:
    """Return the step that makes the target of the source."""
    fields = [each.name for each in added_fields(source, target)]
    return Step.new(
        ALTER,
        Phase.EXPAND,
        params={"index": source.name, "fields": fields},
        summary=f"Add {counted(len(fields), 'field')} to {source.name!r} as it is, and wait until they are filled",
    ).owned_by("index")
