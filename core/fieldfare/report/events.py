"""The reports during a run: of its steps, of its shards, and of the run as a whole. Data only."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

__all__ = ["Moment", "RunReport", "ShardMoment", "ShardReport", "StepReport"]


class Moment(StrEnum):
    """The event that a step report or a run report is about."""

    STARTED = "started"
    PROGRESS = "progress"
    STALLED = "stalled"  # no progress for a while; ``error`` says what was seen
    FINISHED = "finished"
    SKIPPED = "skipped"  # found done by an earlier run
    FAILED = "failed"


@frozen(hash=False)
class StepReport:
    """An event during a run.

    Attributes:
        index: the index's real name.
        activity: ``enumerate``, ``dump``, ``drop``, ``rewrite``, ``create``, ``index``, ``validate``, ``restore``, or
            the kind of a plugin's own step.
        moment: started, progress, stalled, finished, skipped or failed.
        step: the step's id; "" for an activity that is not a step.
        title: one line of text: ``Back up originals``.
        documents_done: documents processed so far.
        documents_total: documents in all; 0 if it is not known.
        seconds: since the activity started.
        error: the error of a failed activity; what was seen of a stalled one.
        unavailable_since: since when the index cannot be queried, in seconds since the epoch; None while it answers.
        throttled_seconds: how long the run has waited because of the user's limits, in all attempts together.
    """

    index: str
    activity: str
    moment: Moment
    step: str = ""
    title: str = ""
    documents_done: int = 0
    documents_total: int = 0
    seconds: float = 0.0
    error: str | None = None
    unavailable_since: float | None = None
    throttled_seconds: float = 0.0


@frozen(hash=False)
class RunReport:
    """An event of a whole run: it starts or ends, or ``sync --watch`` says how far it is behind.

    Attributes:
        index: the index's real name.
        target: the name of the index after the migration.
        command: ``apply`` (also for ``switch``), ``rollback``, ``finalize`` or ``sync``.
        moment: started, progress (only ``sync --watch``), finished or failed.
        mode: the mode of the plan.
        plan_fingerprint: the SHA-256 of the plan.
        seconds: since the command started.
        throttled_seconds: how long this command has waited because of the user's limits.
        unavailable_seconds: how long the index could not be queried during this command.
        error: the class of the exception if the run failed, without its text.
        lag_keys: keys that applications have changed and ``sync --watch`` has not checked yet; None for other reports.
        lag_seconds: seconds since the server reported the first of these keys; None for other reports.
    """

    index: str
    target: str
    command: str
    moment: Moment
    mode: str
    plan_fingerprint: str
    seconds: float = 0.0
    throttled_seconds: float = 0.0
    unavailable_seconds: float = 0.0
    error: str | None = None
    lag_keys: int | None = None
    lag_seconds: float | None = None


class ShardMoment(StrEnum):
    """How an attempt at a shard ended."""

    FINISHED = "finished"
    STOPPED = "stopped"  # after a batch, because the run stops, or the lock was lost
    FAILED = "failed"  # ``error`` names the class of the exception
    LOST = "lost"  # its worker ended, or lost its network
    SUPERSEDED = "superseded"  # another attempt had finished the shard


@frozen(hash=False)
class ShardReport:
    """One attempt of a worker in another process at one shard, at its end.

    Attributes:
        index: the index's real name.
        activity: the activity that the shard is part of, as in :class:`StepReport`.
        shard: its number, from 0.
        moment: how the attempt ended.
        worker: host and process; "" if they are not known.
        documents: how many documents the worker has looked at.
        seconds: how long it worked; of a lost one, since it was given the shard.
        error: the class of the exception of an attempt that failed, without its text.
    """

    index: str
    activity: str
    shard: int
    moment: ShardMoment
    worker: str = ""
    documents: int = 0
    seconds: float = 0.0
    error: str | None = None
