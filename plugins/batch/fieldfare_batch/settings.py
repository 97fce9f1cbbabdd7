"""The options of a batch: the same for each of its indexes."""

from __future__ import annotations

from attrs import frozen

from fieldfare.hooks.run_defaults import RETRY_SECONDS, Verify

__all__ = ["Settings"]


@frozen
class Settings:
    """The user's options for every index; saved, so that resuming needs none of them again.

    Attributes:
        batch_size: documents per round trip.
        num_workers: threads for the documents of one index.
        executor: who works on them instead of these threads, as ``apply --executor`` takes it.
        parallel: indexes at the same time.
        allow_overflow: convert values that are too large for a new datatype, too.
        on_conflict: ``keep-old`` or ``keep-new``, for documents that have a renamed field under both names.
        retry_for: seconds for which a lost connection is retried; 0 not to retry.
        timeout: seconds to wait for an index to be built; None without a limit.
        index_workers: how many threads of the server build an index, or ``auto``; None or ``off`` to leave them alone.
        verify: how many documents are compared with the backup: ``sample``, ``full`` or ``none``.
        max_rate: documents per second of each index that are read or written at most; None for no limit.
        max_latency: milliseconds that the server may take to answer another connection; None for no limit.
        pause_file: while this file exists, every migration of the batch pauses.
        switch: whether names move when all indexes are built.
    """

    batch_size: int = 500
    num_workers: int = 1
    executor: str | None = None
    parallel: int = 1
    allow_overflow: bool = False
    on_conflict: str | None = None
    retry_for: float = RETRY_SECONDS
    timeout: float | None = None
    index_workers: str | None = None
    verify: str = Verify.SAMPLE.value
    max_rate: float | None = None
    max_latency: float | None = None
    pause_file: str | None = None
    switch: bool = True
