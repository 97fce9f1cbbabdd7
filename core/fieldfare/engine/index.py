"""Creating an index with its synonyms and aliases, and waiting until it is built."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, evolve, field

from fieldfare.definition import IndexDefinition, IndexStats, Snapshot
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.engine.index_workers import more_index_workers
from fieldfare.engine.run import ActiveRun
from fieldfare.errors import IndexBuildFailed, IndexNotFound, PreconditionError
from fieldfare.server import Server, index_commands
from fieldfare.server.index_commands import find_differences
from fieldfare.server.inspect import read_definition, read_info, read_snapshot

__all__ = [
    "create_index",
    "drop_index",
    "make_primaries_agree",
    "missing_aliases",
    "wait_until_ready",
    "wait_until_scanned",
    "wait_while_indexing",
]

FIRST_POLL: Final = 0.005
SHORT_POLL: Final = 0.02
SHORT_SHARE: Final = 0.005
"""Which part of the time that was waited the shortest pause lasts, between the two."""

LONGEST_POLL: Final = 0.5
"""Seconds. A long build is asked less often while it has long to go: each question takes time of the server."""

SPARED: Final = 50
"""How much longer the pause between two questions is than the server took to answer one, if queries are to be spared:
of a large HNSW index, FT.INFO keeps the server from everything else for as long."""

LONGEST_SPARED: Final = 5.0
"""Seconds that such a pause lasts at most."""

WAITED: Final = 0.5
"""Which part of the time that a build will still take, at its present pace, passes before it is asked again."""

OF_A_TARGET: Final = (
    ". If it makes progress again, resume the run, which waits for it; if it is stuck, drop the index (FT.DROPINDEX, "
    "without DD) before you resume"
)

STALL_SECONDS: Final = 30.0
"""Seconds without progress after which a wait is reported, and after which it is reported again."""


def create_index(
    server: Server,
    definition: IndexDefinition,
    synonyms: Mapping[str, Sequence[str]],
    aliases: Sequence[str],
    *,
    replaces: IndexDefinition | None = None,
) -> None:
    """Create an index with its synonym groups and aliases; what is there already stays.

    An index that the server gave up building is dropped and created again.

    Args:
        server: where.
        definition: the definition of the index.
        synonyms: the synonyms of the index.
        aliases: the aliases of the index.
        replaces: with a coordinator, a definition of which a primary that was down may still have an index: it is
            dropped.

    Raises:
        PreconditionError: an index of this name is there, and it is another one.
    """
    name = definition.name
    found = index_commands.read_definitions(server, name)
    for where, other in found:
        lines = find_mismatches(definition, other)
        if lines and (replaces is None or replaces.temporary is not None or find_mismatches(replaces, other)):
            raise PreconditionError(
                f"the name {name!r} was taken by another index in the meantime{where} ({'; '.join(lines)}). "
                "Drop that index; documents stay"
            )
        if lines:
            index_commands.drop(server, name)
            break
    if found and read_info(server, name).build_failure:
        drop_index(server, read_snapshot(server, name, key_sample_limit=0))
        found = []
    if not found or server.capabilities.coordinator:
        index_commands.create(server, definition)
    index_commands.add_synonyms(server, name, synonyms)
    for alias in aliases:
        index_commands.point_alias(server, alias, name)


def make_primaries_agree(run: ActiveRun, *, replaces: IndexDefinition) -> None:
    """With a coordinator, repeat what created the target on each primary that holds something else.

    A primary may come back from a crash with an older state, and a coordinator may deliver a command late.

    Args:
        run: its target is what every primary should hold.
        replaces: the definition before, which none of them should still hold.

    Raises:
        PreconditionError: a primary holds an index of this name that is neither of them.
    """
    plan, server = run.plan, run.server
    former = () if replaces.name == plan.target.name else (replaces.name,)
    if not find_differences(server, evolve(plan.source, definition=plan.target), former=former):
        return
    for name in former:
        held = index_commands.read_definitions(server, name)
        if held and not any(find_mismatches(replaces, found) for _, found in held):
            drop_index(server, read_snapshot(server, name, key_sample_limit=0))
    create_index(server, plan.target, plan.source.synonyms, plan.source.aliases, replaces=replaces)
    wait_until_ready(run, plan.target.name)


def drop_index(server: Server, live: Snapshot) -> None:
    """Drop the definition of a live index; documents stay.

    Raises:
        PreconditionError: it is TEMPORARY and has documents, which Redis would delete with it.
    """
    name = live.definition.name
    if live.definition.temporary is not None and live.stats.num_docs:
        raise PreconditionError(
            f"the index {name!r} is TEMPORARY, and FT.DROPINDEX would delete its {live.stats.num_docs:,} documents "
            "with it, so it was not dropped. To keep the documents, copy them to another prefix (COPY) first"
        )
    index_commands.drop(server, name)


def missing_aliases(server: Server, snapshot: Snapshot, aliases: Sequence[str]) -> list[str]:
    """Return the aliases that do not point to this index."""
    missing = []
    for alias in aliases:
        try:
            found = read_definition(server, alias).name
        except IndexNotFound:
            found = None
        if found != snapshot.definition.name:
            missing.append(alias)
    return missing


def wait_until_ready(run: ActiveRun, name: str, *, step: str = "", spare_queries: bool = False) -> None:
    """Wait until background indexing has finished. The longer it will take, the less often the server is asked.

    Args:
        run: its source says how many documents to expect.
        name: the name of the index.
        step: the id of the step that waits.
        spare_queries: whether applications query another index meanwhile, so that the end may be noticed later.

    Raises:
        TimeoutError: not within the timeout that the user gave, or without progress for as long as the user allows.
        IndexBuildFailed: the server gave up.
        StopRequested: the user asked to stop.
    """
    title, total = f"Index documents into {name!r}", run.plan.source.stats.num_docs
    # the build has begun, and does not wait for its workers
    with run.activity("index", title, step=step, total=total), more_index_workers(run, name):
        wait_until_scanned(run, name, timeout=run.options.timeout, spare_queries=spare_queries)


def wait_until_scanned(run: ActiveRun, name: str, *, timeout: float | None = None, spare_queries: bool = False) -> None:
    """Wait as :func:`wait_until_ready` does, as part of the current activity."""
    started = time.monotonic()
    deadline = math.inf if timeout is None else started + timeout
    pause = FIRST_POLL
    seen = 0
    stall = _Stall(run, name, OF_A_TARGET)
    while True:
        asked = time.monotonic()
        info = read_info(run.server, name)
        cost = time.monotonic() - asked
        stats = info.stats
        if not seen:  # documents that were indexed before it was watched tell nothing about its speed
            run.report_done(stats.num_docs)
            seen = stats.num_docs
        run.advance(max(stats.num_docs - seen, 0))
        seen = max(stats.num_docs, seen)
        if info.build_failure:
            raise IndexBuildFailed(name, stats.num_docs, info.build_failure)
        if not stats.indexing and stats.percent_indexed >= 1.0:
            return
        now = time.monotonic()
        if now >= deadline:
            raise TimeoutError(
                f"timeout waiting for index ready: {name!r} is {stats.percent_indexed:.0%} indexed "
                f"after {timeout:g} s; the server continues to build it"
            )
        stall.look(stats, now)
        pause = min(pause * 1.5, _longest_pause(now - started, stats.percent_indexed))
        spared = min(SPARED * cost, LONGEST_SPARED) if spare_queries else 0.0
        time.sleep(min(max(pause, spared), deadline - now))


def wait_while_indexing(run: ActiveRun, name: str) -> IndexStats:
    """Wait until a build that is under way ends: until then, an index does not know all of its documents.

    Returns:
        The figures of the index afterwards, also of one whose build the server gave up.

    Raises:
        TimeoutError: without progress for as long as the user allows.
        StopRequested: the user asked to stop.
    """
    stall = _Stall(run, name)
    pause = SHORT_POLL
    while (info := read_info(run.server, name)).stats.indexing and not info.build_failure:
        stall.look(info.stats, time.monotonic())
        run.check()
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_POLL)
    return info.stats


def _longest_pause(elapsed: float, built: float) -> float:
    """Return for how long a build need not be asked again.

    Args:
        elapsed: seconds since the wait began.
        built: which part of the index is built.
    """
    remaining = elapsed * (1 - built) / built if 0 < built < 1 else 0
    shortest = min(max(elapsed * SHORT_SHARE, FIRST_POLL), SHORT_POLL)
    return min(max(remaining * WAITED, shortest), LONGEST_POLL)


@define
class _Stall:
    """Notices that the progress of an index stands still.

    Attributes:
        run: the run that waits.
        name: the index.
        advice: the end of the error message.
    """

    run: ActiveRun
    name: str
    advice: str = ""
    _seen: tuple[int, float] | None = field(init=False, default=None)
    _since: float = field(init=False, default=0.0)
    _reported: float = field(init=False, default=0.0)

    def look(self, stats: IndexStats, now: float) -> None:
        """Report that nothing has changed for a while.

        Raises:
            TimeoutError: for as long as the user allows.
        """
        seen = (stats.num_docs, stats.percent_indexed)
        if seen != self._seen:
            self._seen, self._since, self._reported = seen, now, now
            return
        limit, seconds = self.run.options.stall_timeout, now - self._since
        state = (
            f"no progress for {seconds:.0f} s: {self.name!r} has {stats.num_docs:,} documents and is "
            f"{stats.percent_indexed:.0%} indexed"
        )
        if limit is not None and seconds >= limit:
            raise TimeoutError(f"{state}; the server's log may say why{self.advice}")
        if now - self._reported >= STALL_SECONDS:
            self._reported = now
            self.run.report_stall(state)
