"""What can be wrong with a batch, apart from what can be wrong with one migration.

Nothing was touched where one of these is raised::

    PreconditionError
    ├── OverlappingIndexes      indexes of a batch that cover the same keys
    ├── SharedTarget            indexes of a batch that would get the same name
    ├── DataLossNotAccepted
    └── BatchStateUnusable      a state file that is missing, or of another batch
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fieldfare.errors import PreconditionError
from fieldfare_batch.overlap import Overlap

__all__ = ["BatchStateUnusable", "DataLossNotAccepted", "OverlappingIndexes", "SharedTarget"]

LONGEST: Final = 1000
"""Conflicts that a message names; 2,000 indexes over all keys have two million."""

REFUSAL: Final = """\
Refusing to create batch plan: overlapping indexes detected.
Multiple indexes in the batch share Redis key prefixes. Running a
batch migration over overlapping indexes can mutate the same keys
more than once (e.g., double-quantization of vectors), corrupting
the underlying data.

Conflicts:
{conflicts}

Resolve by migrating overlapping indexes one at a time, or by
narrowing the batch to a set of indexes with disjoint prefixes.
Nothing was written."""


class OverlappingIndexes(PreconditionError):
    """Indexes of a batch cover the same keys, and migrating one of them would change what another one reads.

    Attributes:
        conflicts: one line per pair of indexes.
        groups: indexes that can be migrated together, group by group.
        stuck: index → why it cannot be migrated in any group.
    """

    def __init__(self, overlaps: Sequence[Overlap], groups: Sequence[Sequence[str]], stuck: Mapping[str, str]) -> None:
        self.conflicts = tuple(map(str, overlaps))
        self.groups = tuple(map(tuple, groups))
        self.stuck = dict(stuck)
        shown = [f"  - {line}" for line in self.conflicts[:LONGEST]]
        if len(self.conflicts) > LONGEST:
            shown.append(f"  and {len(self.conflicts) - LONGEST:,} more")
        parts = [REFUSAL.format(conflicts="\n".join(shown))]
        if self.groups:
            listed = [f"  {number}: {', '.join(group)}" for number, group in enumerate(self.groups, 1)]
            head = "Groups that can be run one after the other; --suggest-groups writes a batch plan for each:"
            parts.append("\n".join([head, *listed]))
        if self.stuck:
            reasons = [f"  - {name}: {reason}" for name, reason in self.stuck.items()]
            parts.append("\n".join(["In no group, because of the other indexes:", *reasons]))
        super().__init__("\n\n".join(parts))


class SharedTarget(PreconditionError):
    """The patch gives several indexes the same new name.

    Attributes:
        target: the name.
        indexes: who would get it.
    """

    def __init__(self, target: str, indexes: Sequence[str]) -> None:
        self.target = target
        self.indexes = tuple(indexes)
        super().__init__(
            f"The patch would name {len(self.indexes)} indexes {target!r}: {', '.join(self.indexes)}. Nothing was "
            "written. Take 'name' out of the patch, or migrate these indexes one by one with 'fieldfare plan'."
        )


class DataLossNotAccepted(PreconditionError):
    """Steps lose information, and nobody said that this is fine.

    Attributes:
        losses: index → what its steps lose.
    """

    def __init__(self, losses: Mapping[str, Sequence[str]]) -> None:
        self.losses = {name: list(lines) for name, lines in losses.items()}
        listed = "\n".join(f"  - {name}: {'; '.join(lines)}" for name, lines in self.losses.items())
        super().__init__(
            "This batch loses information that only the backups can bring back. Nothing was changed. "
            f"Pass --accept-data-loss to go on.\n{listed}"
        )


class BatchStateUnusable(PreconditionError):
    """A state file that is missing, held, or of another batch."""

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(f"The batch state {self.path} cannot be used: {reason}")
