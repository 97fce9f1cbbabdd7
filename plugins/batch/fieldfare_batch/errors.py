"""Errors of a batch; those of a single migration are in ``fieldfare.errors``.

Nothing is changed when one of these is raised::

    PreconditionError
    ├── OverlappingIndexes      indexes of a batch that cover the same keys; also a ValueError
    ├── DuplicateIndexName            indexes of a batch that would get the same name
    ├── DataLossNotAccepted
    └── BatchStateUnusable      a state file that is missing, or of another batch
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fieldfare.errors import PreconditionError
from fieldfare_batch.overlap import Overlap

__all__ = ["BatchStateUnusable", "DataLossNotAccepted", "DuplicateIndexName", "OverlappingIndexes"]

LONGEST: Final = 1000
"""Conflicts in a message, at most; 2,000 indexes over all keys have two million."""

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


class OverlappingIndexes(PreconditionError, ValueError):
    """Indexes of a batch cover the same keys, and migrating one would change documents of another.

    Attributes:
        conflicts: one line per pair of indexes.
        groups: indexes that can be migrated together, group by group.
        ungroupable: index → why it cannot be migrated in any group.
    """

    def __init__(
        self, overlaps: Sequence[Overlap], groups: Sequence[Sequence[str]], ungroupable: Mapping[str, str]
    ) -> None:
        self.conflicts = tuple(map(str, overlaps))
        self.groups = tuple(map(tuple, groups))
        self.ungroupable = dict(ungroupable)
        shown = [f"  - {line}" for line in self.conflicts[:LONGEST]]
        if len(self.conflicts) > LONGEST:
            shown.append(f"  and {len(self.conflicts) - LONGEST:,} more")
        parts = [REFUSAL.format(conflicts="\n".join(shown))]
        if self.groups:
            listed = [f"  {number}: {', '.join(group)}" for number, group in enumerate(self.groups, 1)]
            head = "Groups that can be migrated one after the other; --suggest-groups writes a batch plan for each:"
            parts.append("\n".join([head, *listed]))
        if self.ungroupable:
            reasons = [f"  - {name}: {reason}" for name, reason in self.ungroupable.items()]
            parts.append("\n".join(["Indexes in no group:", *reasons]))
        super().__init__("\n\n".join(parts))


class DuplicateIndexName(PreconditionError):
    """The patch gives several indexes the same new name.

    Attributes:
        target: the name.
        indexes: the indexes that would get it.
    """

    def __init__(self, target: str, indexes: Sequence[str]) -> None:
        self.target = target
        self.indexes = tuple(indexes)
        super().__init__(
            f"The patch would give {len(self.indexes)} indexes the name {target!r}: {', '.join(self.indexes)}. Nothing "
            "was written. Remove 'name' from the patch, or migrate these indexes one by one with 'fieldfare plan'."
        )


class DataLossNotAccepted(PreconditionError):
    """Steps lose information, and the user did not accept that.

    Attributes:
        losses: index → its lossy steps.
    """

    def __init__(self, losses: Mapping[str, Sequence[str]]) -> None:
        self.losses = {name: list(lines) for name, lines in losses.items()}
        listed = "\n".join(f"  - {name}: {'; '.join(lines)}" for name, lines in self.losses.items())
        super().__init__(
            "This batch loses information that only the backups can restore. Nothing was changed. "
            f"Pass --accept-data-loss to accept that.\n{listed}"
        )


class BatchStateUnusable(PreconditionError):
    """A state file that is missing, in use, or of another batch."""

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(f"The batch state {self.path} cannot be used: {reason}")
