"""The argument ``run`` of hooks: the interface that plugin authors may rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from redis import Redis, RedisCluster

    from fieldfare.definition import IndexDefinition, IndexStats
    from fieldfare.documents import Batch, Note
    from fieldfare.hooks.run_options import RunOptions
    from fieldfare.plan import MigrationPlan, Receipt, Step
    from fieldfare.server import Server
    from fieldfare.server.nodes import HeldLock

__all__ = ["Run"]


class Run(Protocol):
    """One migration, its rollback, or its validation.

    The engine implements it; plugins get it as the argument ``run`` and never create one.
    Methods that read the backup raise ``BackupUnusable`` if :attr:`has_backup` is False, and ``BackupCorrupt`` for a
    damaged file. Methods that use the server raise redis-py's errors.
    """

    # ---- what is carried out

    @property
    def plan(self) -> MigrationPlan:
        """What is carried out. During the validation of a rollback its target is the source's definition."""

    @property
    def plan_fingerprint(self) -> str:
        """The SHA-256 that names the plan, in hexadecimal digits."""

    @property
    def options(self) -> RunOptions:
        """What the user chose for this run."""

    @property
    def source(self) -> IndexDefinition:
        """The definition before the migration."""

    @property
    def target(self) -> IndexDefinition:
        """The definition after the migration."""

    @property
    def source_stats(self) -> IndexStats:
        """Figures of the source index: when the run started, or without a backup when the plan was made."""

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
            InvalidHookResult: a plugin did not answer for each pair.
        """

    @property
    def lock(self) -> HeldLock | None:
        """The lock on the index, for :meth:`Server.bulk_stream`: a step that writes stops once it is lost."""

    # ---- captured documents, a batch at a time

    @property
    def has_backup(self) -> bool:
        """Whether there are a journal and a backup: not on ``fieldfare validate`` without ``--backup-dir``."""

    @property
    def document_count(self) -> int:
        """How many documents the index had when the run started: as many as there are captured keys."""

    def captured_keys(self) -> Iterator[tuple[bytes, ...]]:
        """Yield all keys that documents had when the run started."""

    def keys(self, step: Step) -> Iterator[tuple[bytes, ...]]:
        """Yield the captured keys from where this step stopped.

        While the step is executed, call :meth:`done` after each batch. In all other hooks every key is given.
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
        """Write originals of a step to the backup; durable before anything is changed.

        Args:
            step: whose they are.
            batch: documents and their values.
            report: whether to report the documents as progress; then as :meth:`advance`.
        """

    def save_bytes(self, step: Step, name: str, data: bytes) -> None:
        """Write an original that is no document to the backup: the value of a key, the text of a script.

        It is durable before anything is changed: when the step is backed up, before the first change of the run; in
        all other hooks, when this returns. The first one that is saved under a name stays, so that a step that is
        executed again after a crash does not replace an original by what it has written itself.

        Args:
            step: whose it is.
            name: of the original, unique within the step.
            data: the original.
        """

    def saved_bytes(self, step: Step, name: str) -> bytes | None:
        """Return what was saved under a name; None if nothing was."""

    def originals(self, step: Step) -> Iterator[Batch]:
        """Yield what was saved for a step; for a rewrite step, all that the plan's rewrite steps overwrite."""

    def keys_with_originals(self, step: Step) -> Iterator[tuple[tuple[bytes, ...], Batch]]:
        """Yield :meth:`keys` with the batch that was saved for each, for a step that saved one for each.

        Raises:
            BackupUnusable: there is not one saved batch for each batch of keys.
        """

    def transformed(self, batch: Batch) -> Batch:
        """Return what the plan's rewrite steps make of originals; a batch with the fields of all of them."""

    # ---- what applications wrote during the run

    def concurrent_updates(self) -> Iterator[Batch]:
        """Yield what was written to captured documents after the dump, and saved as further originals."""

    def concurrent_inserts(self) -> Iterator[Batch]:
        """Yield the originals of documents that were added after the dump, and converted."""

    # ---- how far it is

    @property
    def rollback_started(self) -> bool:
        """Whether a rollback of this run was started, or is complete."""

    def receipt(self, step: Step) -> Receipt | None:
        """Return what executing a step returned; None while it is not done."""

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes about documents so far."""

    def note(self, notes: Sequence[Note]) -> None:
        """Add notes to the report; those of one kind and field are added up."""

    def check(self) -> None:
        """Stop here if the user asked, or if the lock on the index was lost; for long work between two batches.

        Raises:
            StopRequested: the user asked to stop.
            LockHeld: the lock on the index was lost.
        """

    def advance(self, documents: int) -> None:
        """Report progress of the current activity, and stop between batches if the user asked.

        Raises:
            StopRequested: the user asked to stop.
            LockHeld: the lock on the index was lost.
        """
