"""Conflicts between the migrations of a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from fieldfare.plan import MigrationPlan
from fieldfare_batch.candidates import Candidate, CandidatePlanner, keyspace
from fieldfare_batch.errors import DuplicateIndexName, OverlappingIndexes
from fieldfare_batch.overlap import Overlap, find_overlaps, overlap_free_groups

__all__ = ["Conflict", "find_conflict", "require_distinct_targets"]


@frozen(hash=False)
class Conflict:
    """Indexes of a batch that must not be migrated together.

    Attributes:
        overlaps: the pairs of overlapping indexes.
        groups: all indexes of the batch that can be migrated, divided so that no two of a group overlap.
        replanned: name of an overlapping index → its candidate, planned with regard to all other indexes.
    """

    overlaps: tuple[Overlap, ...]
    groups: tuple[tuple[str, ...], ...]
    replanned: Mapping[str, Candidate]

    @property
    def ungroupable(self) -> dict[str, str]:
        """Index → why it cannot be migrated in any group."""
        return {each.name: each.reason for each in self.replanned.values() if each.reason is not None}

    def error(self) -> OverlappingIndexes:
        """Return the conflict as an error."""
        return OverlappingIndexes(self.overlaps, self.groups, self.ungroupable)


def find_conflict(planner: CandidatePlanner, plans: Sequence[MigrationPlan], *, strict: bool) -> Conflict | None:
    """Return the conflict that prevents migrating these indexes in one batch; None if there is none.

    Overlapping indexes conflict if a migration of one of them rewrites documents. If only index definitions change,
    each index is dropped and created over the same documents, independently of the others.

    Args:
        planner: that made the plans.
        plans: the plans of the indexes that the patch applies to.
        strict: whether every overlap is a conflict.
    """
    rewriting = {plan.index for plan in plans if plan.rewrites_documents}
    overlaps = tuple(
        each
        for each in find_overlaps(map(keyspace, plans))
        if strict or each.first in rewriting or each.second in rewriting
    )
    if not overlaps:
        return None
    overlapping = {name for each in overlaps for name in (each.first, each.second)}
    replanned = {plan.index: planner.replan(plan.index) for plan in plans if plan.index in overlapping}
    migratable = [plan.index for plan in plans if plan.index not in replanned or replanned[plan.index].plan is not None]
    return Conflict(overlaps, overlap_free_groups(migratable, _among(overlaps, set(migratable))), replanned)


def require_distinct_targets(plans: Iterable[MigrationPlan]) -> None:
    """Check that no two indexes get the same name.

    Raises:
        DuplicateIndexName: two do.
    """
    by_target: dict[str, list[str]] = defaultdict(list)
    for plan in plans:
        by_target[plan.target.name].append(plan.index)
    for target, names in by_target.items():
        if len(names) > 1:
            raise DuplicateIndexName(target, names)


def _among(overlaps: Iterable[Overlap], names: set[str]) -> list[Overlap]:
    return [each for each in overlaps if {each.first, each.second} <= names]
