"""Following what applications change between the dump and the rewrite, so that only that has to be compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fieldfare.backup.progress import RunPhase
from fieldfare.definition import Storage
from fieldfare.engine.rewrite_pass import rewrite_pass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_paths import has_shadow_fields
from fieldfare.server.change_tracking import track_changes

__all__ = ["follow_changes"]


@contextmanager
def follow_changes(run: ActiveRun) -> Iterator[None]:
    """Have ``run.tracking`` follow changes during the body, if the dump is still to come.

    A resumed run, one with several workers, and one that lost a connection compare every value instead.

    Raises:
        redis.exceptions.ConnectionError: the server does not answer.
    """
    is_before_dump = run.journal.progress.phase is RunPhase.DUMP
    overwrites = rewrite_pass(run.plan).steps and not has_shadow_fields(run.plan)
    is_only_worker = run.options.workers == 1 and run.pool is None
    can_be_used = run.source.storage is Storage.HASH and is_only_worker and overwrites
    tracking = track_changes(run.server, run.source.prefixes) if is_before_dump and can_be_used else None
    if tracking is None:
        yield
        return
    with tracking:
        run.tracking = tracking
        try:
            yield
        finally:
            run.tracking = None
