"""Warnings of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from fieldfare.definition import Snapshot
from fieldfare.engine.drop_recreate.planner import unreadable_warning
from fieldfare.engine.mode import DOWNTIME
from fieldfare.plan import ClaimedChange, Step
from fieldfare.server import Server
from fieldfare.server.capabilities import Capabilities
from fieldfare.server.inspect import read_stats
from fieldfare.support.wording import counted

__all__ = ["plan_warnings"]


@frozen
class PlanFacts:
    """Facts that are found out while a plan is made.

    Attributes:
        key_count: keys with the prefixes of the index; with a FILTER, those that the index holds.
        unreadable: what the user may not read of other indexes, one line each.
    """

    key_count: int
    unreadable: Sequence[str]


def plan_warnings(  # noqa: PLR0913 - what a plan is made of
    server: Server,
    snapshot: Snapshot,
    claims: Sequence[ClaimedChange],
    steps: Sequence[Step],
    *,
    facts: PlanFacts,
    of_mode: Sequence[str],
    hints: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return what a user should know before a plan is applied, one line each: what is at stake most comes first.

    That is what is lost for good, then what only the backup restores, then the outage, or what happens without one.

    Args:
        server: for its memory settings.
        snapshot: the source.
        claims: with the warnings of plugins.
        steps: the steps of the plan; empty if there is nothing to do.
        facts: what was found out besides.
        of_mode: the warnings of the plan's mode.
        hints: about other modes, which come last.
    """
    replica = server.capabilities.replica_refusal
    rewrites = any(step.rewrites_documents for step in steps)
    lossy = [line for each in claims if each.claim.lossy for line in each.warnings]
    others = [line for each in claims if not each.claim.lossy for line in each.warnings]
    lines = [f"{replica}: apply this plan there"] if replica else []
    lost = [line for line in of_mode if DOWNTIME in of_mode or line in map(unreadable_warning, snapshot.unreadable)]
    lines += [line for line in lost if line != DOWNTIME] + lossy
    lines += [DOWNTIME] if DOWNTIME in of_mode else [line for line in of_mode if line not in lost]
    if steps:
        lines += _build_warnings(snapshot)
        lines += _outside_warnings(server, snapshot, facts.key_count, rewrites=rewrites)
    lines += [*_failure_warnings(snapshot, rewrites=rewrites), *_memory_warnings(server.capabilities), *others]
    if steps:
        lines.extend(f"Indexes over the same keys may be overlooked: unknown is {each}" for each in facts.unreadable)
        lines.extend(_unknown_facts(server))
    return tuple(dict.fromkeys((*lines, *hints)))


def _build_warnings(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.stats.indexing:
        yield (
            f"This index is still being built ({snapshot.stats.percent_indexed:.0%}): this plan counts only the "
            "documents that it has so far, and apply waits until it is built"
        )


def _failure_warnings(snapshot: Snapshot, *, rewrites: bool) -> Iterator[str]:
    failures = snapshot.stats.hash_indexing_failures
    if not failures:
        return
    yield (
        f"This index counts {failures:,} hash indexing failures (FT.INFO): documents that it could not index, or "
        "not always. They stay as they are until they are repaired"
    )
    if snapshot.definition.filter and rewrites:
        yield (
            "Only the index knows what its FILTER accepts: documents that it does not hold are not converted. "
            "Repair them first, or drop the FILTER"
        )


def _memory_warnings(capabilities: Capabilities) -> Iterator[str]:
    if capabilities.max_memory and capabilities.used_memory > 0.9 * capabilities.max_memory:
        yield (
            f"The server uses {capabilities.used_memory:,} of {capabilities.max_memory:,} bytes (maxmemory): "
            "building the index may run out of memory"
        )
    if capabilities.max_memory and capabilities.eviction_policy.startswith("allkeys"):
        yield f"maxmemory-policy is {capabilities.eviction_policy}: Redis may evict documents during the run"


def _outside_warnings(server: Server, snapshot: Snapshot, key_count: int, *, rewrites: bool) -> list[str]:
    """Warn of documents that this index does not hold and the new one will.

    No command tells SKIPINITIALSCAN, and the server does not keep it over a restart. With a FILTER nobody can count.
    """
    if snapshot.definition.filter is not None:
        return []
    now = read_stats(server, snapshot.definition.name)  # documents may have been added since the snapshot
    outside = key_count - max(now.num_docs, snapshot.stats.num_docs)
    if now.indexing or outside <= now.hash_indexing_failures:
        return []
    converted = " They are converted, too" if rewrites else ""
    line = (
        f"{counted(outside, 'document')} with the prefixes of this index are not in it: it was created with "
        "SKIPINITIALSCAN, or its build was interrupted. The new index will hold them, because the server scans all "
        f"documents, as it does after a restart.{converted}"
    )
    return [line]


def _unknown_facts(server: Server) -> Iterator[str]:
    if not server.capabilities.knows_search_version:
        yield (
            "This user may not read the version of the search module (INFO, MODULE LIST): apply tries before the drop "
            "whether the server supports the target index"
        )
    if not all(server.run_ids()):
        yield (
            "This user may not call INFO: it is not known whether the memory suffices, and a restart of the server "
            "during the run cannot be noticed"
        )
