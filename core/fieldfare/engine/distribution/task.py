"""What travels to a worker, and back. Data only: no document, no password."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from attrs import field, frozen

from fieldfare.backup.record_sequence import Place
from fieldfare.documents import Note
from fieldfare.hooks.run_defaults import RETRY_SECONDS

__all__ = ["COUNTED", "RunReference", "ShardOutcome", "ShardTask", "Work"]


class Work(StrEnum):
    """What is done with each document of a shard."""

    DUMP = "dump"
    REWRITE = "rewrite"
    FILL = "fill"
    COMPARE = "compare"
    COMPARE_ALL = "compare all"
    COMPARE_SHADOWS = "compare shadows"
    RESTORE = "restore"


COUNTED: Final = frozenset({Work.REWRITE, Work.FILL})
"""Work whose completed batches the journal counts, so that a part of a shard is worth something."""


@frozen
class RunReference:
    """Where a worker finds a run.

    Attributes:
        url: of the server, with ``***`` in the place of everything that may be secret.
        cluster: whether the server is a cluster.
        index: the source index.
        prefix: of the backup's files: a path, or a URL without a password.
        batch_size: documents per batch.
        fingerprint: of the plan, which is in the backup's header.
        holder: names the holder of the lock on the index, without which nothing is written.
        round: number of the attempt; a worker stops when the coordinator starts another one.
        version: of fieldfare.
        plugins: name and version of each plugin of the plan.
        sources: name and digest of the sources of the kernel and of each of these plugins.
        blocked: names of plugins that the user excluded.
        verify: how many documents are compared with the backup.
        retry_for: seconds for which a request to the storage of the backup is retried.
    """

    url: str
    cluster: bool
    index: str
    prefix: str
    batch_size: int
    fingerprint: str
    holder: str
    round: int
    version: str
    plugins: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str], ...]
    blocked: tuple[str, ...] = ()
    verify: str = ""
    retry_for: float = RETRY_SECONDS


@frozen
class ShardTask:
    """Work on one shard.

    Attributes:
        run: whose shard.
        work: what to do.
        shard: its number.
        start: its first batch of keys.
        stop: the batch after its last one.
        ending: of its file.
        completed: how many of its batches are done already.
        place: where the keys of its first batch are; None if the work does not read keys.
    """

    run: RunReference
    work: Work
    shard: int
    start: int
    stop: int
    ending: str
    completed: int = 0
    place: Place | None = None

    @property
    def batches(self) -> int:
        """How many batches the shard has."""
        return self.stop - self.start


@frozen(hash=False)
class ShardOutcome:
    """What a worker has done.

    Attributes:
        worker: its host and process.
        completed: how many batches of the shard are done, those of earlier attempts included.
        documents: how many were looked at.
        written: how many of them were written; of a comparison, how many hold what the run has written.
        left: batches with documents that others have changed, which only the coordinator can decide about; they
            count as completed.
        notes: what turned up in the others.
        throttled: seconds for which limits had it wait.
        is_stopped: whether it was told to stop before it was done.
        error: what stopped it; None if nothing did.
        seconds: how long it worked.
    """

    worker: str
    completed: int = 0
    documents: int = 0
    written: int = 0
    left: tuple[int, ...] = ()
    notes: tuple[Note, ...] = ()
    throttled: float = 0.0
    is_stopped: bool = False
    error: Any = field(default=None, repr=False)
    seconds: float = 0.0
