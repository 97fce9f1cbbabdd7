"""The argument ``run`` of hooks: the interface that plugin authors may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from redis import Redis, RedisCluster

    from fieldfare.definition import IndexDefinition, IndexStats
    from fieldfare.documents import Batch, Note
    from fieldfare.hooks.run_options import RunOptions
    from fieldfare.plan import MigrationPlan, Receipt, Step
    from fieldfare.server import Server
    from fieldfare.server.nodes import HeldLock

__all__ = ["Run"]

Value = TypeVar("Value")


class Run(Protocol):
    """One migration, its rollback, or its validation.

    The engine implements it; plugins get it as the argument ``run`` and never create one.
    Methods that read the backup raise ``BackupUnusable`` if :attr:`has_backup` is False, and ``BackupCorrupt`` for a
    damaged file. Methods that use the server raise redis-py's errors.
    """

    # ---- the plan and its definitions

    @property
    def plan(self) -> MigrationPlan:
        """The plan. During the validation of a rollback its target is the source's definition."""

    @property
    def plan_fingerprint(self) -> str:
        """The SHA-256 that names the plan, in hexadecimal digits."""

    @property
    def options(self) -> RunOptions:
        """The user's options for this run."""

    @property
    def source(self) -> IndexDefinition:
        """The definition before the migration."""

    @property
    def target(self) -> IndexDefinition:
        """The definition after the migration."""

    @property
    def source_stats(self) -> IndexStats:
        """Figures of the source index at the start of the run; without a backup, when the plan was made."""

    def implementers(self, hook: str) -> tuple[str, ...]:
        """Return the names of the plugins that implement a hook, sorted."""

    # ---- the server

    @property
    def server(self) -> Server:
        """The server, with bulk reads and writes."""

    @property
    def redis(self) -> Redis | RedisCluster:
        """redis-py's client: ``redis.Redis`` or ``redis.cluster.RedisCluster``; replies are bytes."""

    def move_keys(self, pairs: Sequence[tuple[bytes, bytes]]) -> Sequence[bool]:
        """Rename keys through the hook ``fieldfare_move_keys``; return for each pair whether this call moved it.

        Raises:
            FieldfareError: no plugin can move these keys.
            InvalidHookResult: a plugin did not return a result for each pair.
        """

    @property
    def lock(self) -> HeldLock | None:
        """The lock on the index, for :meth:`Server.bulk_stream`, which stops writing if the lock is lost."""

    # ---- captured documents, a batch at a time

    @property
    def has_backup(self) -> bool:
        """Whether there is a journal and a backup. ``fieldfare validate`` without ``--backup-dir`` has none."""

    @property
    def document_count(self) -> int:
        """The number of documents in the index when the run started; there are as many captured keys."""

    def captured_keys(self) -> Iterator[tuple[bytes, ...]]:
        """Yield the keys of all documents, as they were when the run started."""

    def keys(self, step: Step) -> Iterator[tuple[bytes, ...]]:
        """Yield the captured keys that this step has not finished.

        While the step is executed, call :meth:`done` after each batch. All other hooks get every key.
        """

    def done(self, batch: Sequence[bytes] | Batch) -> None:
        """Record that a batch of the current step is complete.

        Raises:
            StopRequested: the user asked to stop; the batch is recorded.
            LockHeld: the lock on the index was lost.
        """

    def documents(self, paths: Sequence[str]) -> Iterator[Batch]:
        """Yield the captured documents as they are now, with these fields."""

    # ---- the backup

    def save(self, step: Step, batch: Batch, *, report: bool = True) -> None:
        """Write originals of a step to the backup. They are on disk before anything is changed.

        Args:
            step: the step that will overwrite them.
            batch: documents and their values.
            report: whether to report the documents as progress, like :meth:`advance`.
        """

    def save_bytes(self, step: Step, name: str, data: bytes) -> None:
        """Write an original that is not a document to the backup: the value of a key, the text of a script.

        In ``fieldfare_backup`` it is on disk before the first change of the run; in all other hooks, when this method
        returns. The first original under a name stays. So a step that is executed again after a crash does not replace
        the original by a value that it has written itself.

        Args:
            step: the step that will overwrite it.
            name: the name of the original, unique within the step.
            data: the original.
        """

    def saved_bytes(self, step: Step, name: str) -> bytes | None:
        """Return the original that was saved under a name; None if there is none."""

    def originals(self, step: Step) -> Iterator[Batch]:
        """Yield the batches that were saved for a step; for a rewrite step, the originals of all rewrite steps."""

    def keys_with_originals(self, step: Step) -> Iterator[tuple[tuple[bytes, ...], Batch]]:
        """Yield :meth:`keys` with the saved batch of each; the step must have saved one batch for each batch of keys.

        Raises:
            BackupUnusable: there is not one saved batch for each batch of keys.
        """

    def transformed(self, batch: Batch) -> Batch:
        """Return the values that the plan's rewrite steps compute from originals.

        Args:
            batch: originals, with the fields of all rewrite steps.
        """

    # ---- validation

    def once(self, name: str, compute: Callable[[], Value]) -> Value:
        """Return what ``compute`` returns. During a validation it is called once for each name, for all plugins.

        For what several checks need, and what takes long to find out. At other times it is called each time.

        Args:
            name: the name of the result; begin it with the name of your plugin.
            compute: finds the result.
        """

    # ---- what applications wrote during the run

    def concurrent_updates(self) -> Iterator[Batch]:
        """Yield the values that applications wrote to captured documents after the dump; they are further originals."""

    def concurrent_inserts(self) -> Iterator[Batch]:
        """Yield the originals of documents that were added after the dump, and converted."""

    # ---- progress

    @property
    def rollback_started(self) -> bool:
        """Whether a rollback of this run was started, or is complete."""

    def receipt(self, step: Step) -> Receipt | None:
        """Return the receipt of an executed step; None if the step is not done."""

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes on documents so far."""

    def note(self, notes: Sequence[Note]) -> None:
        """Add notes to the report; notes of the same kind and field are added up."""

    def check(self) -> None:
        """Raise if the user asked to stop, or if the lock on the index was lost; for long work within a batch.

        Raises:
            StopRequested: the user asked to stop.
            LockHeld: the lock on the index was lost.
        """

    def advance(self, documents: int) -> None:
        """Report progress of the current activity; raise if the user asked to stop.

        Raises:
            StopRequested: the user asked to stop.
            LockHeld: the lock on the index was lost.
        """
