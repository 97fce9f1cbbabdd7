"""The user's options for one run. Data only."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import field, frozen

from fieldfare.hooks.run_defaults import RETRY_SECONDS, STALL_SECONDS, Verify
from fieldfare.queries.model import QueryChecks

__all__ = ["RunOptions"]


@frozen(hash=False)
class RunOptions:
    """Options of one run.

    Attributes:
        batch_size: documents per batch.
        workers: number of threads among which the documents are split.
        executor: where the work on shards runs, as ``--executor`` takes it; "" for ``workers`` threads.
        allow: names of notes that must not stop the run (``overflow``).
        on_conflict: which value to keep if a document has a field under its old and its new name: ``keep-old`` or
            ``keep-new``; None stops the run before anything is changed.
        retry_for: seconds for which to retry while the server does not answer; 0 to fail at once.
        timeout: seconds to wait for the target index to be ready; None for no limit.
        stall_timeout: seconds to wait for it while it makes no progress; None for no limit.
        index_workers: how many threads of the server build an index (``search-workers``), or ``auto``; None to leave
            their number as it is.
        verify: how many rewritten documents the validation compares with the backup.
        query_checks: the content of the user's query check file.
        query_check_file: its path, for messages that name the next command.
        min_overlap: the least overlap instead of that of the file, for the same messages.
        force: on rollback, drop the index under the target's name even if it is another index, and write to the
            server even if it does not seem to be the one of the backup.
        switch: whether names are moved to a target that was built beside the source.
        restore_own_name: on rollback, give the source's own name back to an index, with an outage, where it is an alias
            now.
        plan_path: path of the plan file, for messages that name the next command.
        max_rate: documents per second that the run reads or writes at most; None for no limit.
        max_latency: milliseconds that the server may take to answer another connection; None for no limit.
        pause_file: while this file exists, the run pauses.
    """

    batch_size: int = 500
    workers: int = 1
    executor: str = ""
    allow: frozenset[str] = frozenset()
    on_conflict: str | None = None
    retry_for: float = RETRY_SECONDS
    timeout: float | None = None
    stall_timeout: float | None = STALL_SECONDS
    index_workers: int | Literal["auto"] | None = None
    verify: Verify = Verify.SAMPLE
    query_checks: QueryChecks = field(factory=QueryChecks)
    query_check_file: Path | None = None
    min_overlap: float | None = None
    force: bool = False
    switch: bool = True
    restore_own_name: bool = False
    plan_path: Path | None = None
    max_rate: float | None = None
    max_latency: float | None = None
    pause_file: Path | None = None
