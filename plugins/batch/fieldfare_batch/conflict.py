"""Whether the migrations of a batch get into each other's way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from fieldfare.plan import MigrationPlan
from fieldfare_batch.errors import OverlappingIndexes, SharedTarget
from fieldfare_batch.grouping import disjoint_groups
from fieldfare_batch.overlap import Overlap, find_overlaps
from fieldfare_batch.survey import Prospect, Survey, keyspace

__all__ = ["Conflict", "find_conflict", "refuse_shared_targets"]


@frozen(hash=False)
class Conflict:
    """Indexes of a batch that must not be migrated together.

    Attributes:
        overlaps: the pairs.
        groups: all indexes of the batch that can be migrated, divided so that none overlap in a group.
        alone: index of such a pair → what the patch means for it with all others in sight.
    """

    overlaps: tuple[Overlap, ...]
    groups: tuple[tuple[str, ...], ...]
    alone: Mapping[str, Prospect]

    @property
    def stuck(self) -> dict[str, str]:
        """Index → why it cannot be migrated while the others are there."""
        return {each.name: each.reason for each in self.alone.values() if each.reason is not None}

    def error(self) -> OverlappingIndexes:
        """Return the error that tells about it."""
        return OverlappingIndexes(self.overlaps, self.groups, self.stuck)


def find_conflict(survey: Survey, plans: Sequence[MigrationPlan], *, strict: bool) -> Conflict | None:
    """Return what speaks against migrating these indexes in one batch; None if nothing does.

    Indexes that overlap hurt each other if documents are rewritten for one of them. Where only the indexes
    change, each is dropped and created over the same documents, whatever happens to the others.

    Args:
        survey: that made the plans.
        plans: of the indexes that the patch fits.
        strict: whether to take offence at harmless overlaps, too.
    """
    rewriting = {plan.index for plan in plans if plan.rewrites_documents}
    overlaps = tuple(
        each
        for each in find_overlaps(map(keyspace, plans))
        if strict or each.first in rewriting or each.second in rewriting
    )
    if not overlaps:
        return None
    involved = {name for each in overlaps for name in (each.first, each.second)}
    alone = {plan.index: survey.run_alone(plan.index) for plan in plans if plan.index in involved}
    free = [plan.index for plan in plans if plan.index not in alone or alone[plan.index].plan is not None]
    return Conflict(overlaps, disjoint_groups(free, _among(overlaps, set(free))), alone)


def refuse_shared_targets(plans: Iterable[MigrationPlan]) -> None:
    """Make sure that no two indexes get the same name.

    Raises:
        SharedTarget: they do.
    """
    by_target: dict[str, list[str]] = defaultdict(list)
    for plan in plans:
        by_target[plan.target.name].append(plan.index)
    for target, names in by_target.items():
        if len(names) > 1:
            raise SharedTarget(target, names)


def _among(overlaps: Iterable[Overlap], names: set[str]) -> list[Overlap]:
    return [each for each in overlaps if {each.first, each.second} <= names]
