"""What the mode ``drop_recreate`` means for a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fieldfare.changes.renaming import overlaps
from fieldfare.definition import IndexDefinition
from fieldfare.definition.snapshot import SYNONYMS
from fieldfare.engine.mode import DOWNTIME, Draft, ModePlanner, PlannedChange
from fieldfare.plan import Phase, Step

__all__ = ["CREATE", "DROP", "DropRecreatePlanner", "temporary_blocker", "unreadable_warning"]

DROP: Final = "index.drop"
CREATE: Final = "index.create"


class DropRecreatePlanner(ModePlanner):
    """Plans to drop the source, rewrite documents, and create the target."""

    name = "drop_recreate"

    def blocker(self, draft: Draft, change: PlannedChange) -> tuple[str, str] | None:
        """Refuse to overwrite fields that other indexes read, too, and to drop a TEMPORARY index."""
        rewrites = [step for step in (*change.steps, *draft.further_steps) if step.rewrites_documents]
        fields = {path for step in rewrites for path in (*step.fields, *step.moves)}
        for other in draft.overlapping_indexes:
            readers = [each.path for each in other.fields]
            shared = sorted(path for path in fields if any(overlaps(each, path, other.storage) for each in readers))
            if shared:
                names = ", ".join(map(repr, shared))
                reason = f"index {other.name!r} covers some of the same keys and reads {names} too"
                return reason, "use --mode shadow, or write new values to new fields and move every index over to them"
        return temporary_blocker(draft.snapshot.definition)

    def frame(self, draft: Draft, target: IndexDefinition) -> Sequence[Step]:
        """Return the drop and the create."""
        return _plan_frame(draft.snapshot.definition, target)

    def warnings(self, draft: Draft, _: IndexDefinition) -> Sequence[str]:
        """Warn of the outage, and of what a dropped index loses unless it is named."""
        snapshot = draft.snapshot
        lines = [DOWNTIME]
        if not snapshot.aliases and not snapshot.aliases_listed:
            lines.append(
                "This server does not list aliases: name each alias of this index with --alias, "
                "or it is lost when the index is dropped"
            )
        lines.extend(map(unreadable_warning, snapshot.unreadable))
        return lines


def _plan_frame(source: IndexDefinition, target: IndexDefinition) -> tuple[Step, Step]:
    """Return the two steps between which documents are rewritten."""
    drop = Step.new(
        DROP,
        Phase.DROP,
        params={"index": source.name},
        summary=f"Drop the definition of {source.name!r}; documents stay",
    )
    create = Step.new(
        CREATE,
        Phase.CREATE,
        params={"index": target.name},
        summary=f"Create {target.name!r}, its synonyms and its aliases, and wait for it",
    )
    return drop.owned_by("index"), create.owned_by("index")


def temporary_blocker(source: IndexDefinition) -> tuple[str, str] | None:
    """Refuse to drop a TEMPORARY index: Redis deletes its documents with it, even where others cover them."""
    if source.temporary is None:
        return None
    return (
        f"{source.name!r} is TEMPORARY: FT.DROPINDEX would delete its documents",
        "copy the documents to another prefix (COPY), and create an index that is not TEMPORARY over them",
    )


def unreadable_warning(option: str) -> str:
    """Return what a user should know about an option that cannot be read, before the index is dropped."""
    if option.startswith("TEMPORARY"):
        return (
            "This server does not say whether the index is TEMPORARY. If it is, do not apply this plan: Redis deletes "
            "the documents of a TEMPORARY index when it is dropped. An administrator can check it with FT.DEBUG TTL"
        )
    if option.startswith(SYNONYMS):
        return (
            f"This user may not read the {option}: if the index has any, they are lost when it is dropped. "
            "Make the plan as a user who may read them"
        )
    return f"FT.INFO doesn't report {option}: repeat it in the patch if it was set"
