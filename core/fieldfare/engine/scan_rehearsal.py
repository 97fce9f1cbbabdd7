"""Rehearsing the scan: whether a new index would hold the documents that the live one holds."""

from __future__ import annotations

import heapq
from collections import Counter
from itertools import chain
from typing import Final
from zlib import crc32

from attrs import evolve
from redis.exceptions import ResponseError

from fieldfare.changes import Change, UpdateField, UpdateOption
from fieldfare.definition import Algorithm, IndexDefinition
from fieldfare.definition.reply import encode, text
from fieldfare.engine.index import wait_until_scanned
from fieldfare.engine.rehearsal import drop_left_over, trial_name
from fieldfare.engine.run import ActiveRun
from fieldfare.errors import IndexBuildFailed, PreconditionError, UnsupportedServer
from fieldfare.plan import MigrationPlan, Phase
from fieldfare.server import index_commands
from fieldfare.server.inspect import read_stats
from fieldfare.server.refusal import CommandNotAllowed
from fieldfare.server.search import find_indexed

__all__ = ["rehearse_scan"]

SAMPLE: Final = 100
"""How many documents are indexed for the rehearsal."""

SEARCH_ATTRIBUTES: Final = ("m", "ef_construction", "ef_runtime", "epsilon", "initial_cap", "block_size")
"""Attributes of vector fields that say how vectors are searched, and not which ones the field takes."""


def rehearse_scan(run: ActiveRun) -> None:
    """Build an index over a sample of the captured documents, and compare what it holds.

    An index takes documents in one by one as they are written; a new one scans them, and may leave some out: a FILTER
    can judge differently then, and a new field can refuse a value. The keys of the sample are the prefixes of the
    trial index, so that no document is written.

    Raises:
        PreconditionError: documents of the live index would not be in the new one.
        UnsupportedServer: the server refuses the trial index.
    """
    definition = _definition(run.plan)
    if definition is None:
        return
    # "*" and what begins all keys would cover all documents: too many, unless the index has few
    is_small = run.store.key_count <= SAMPLE
    unfit = {b"", b"*", *map(encode, () if is_small else run.source.prefixes)}
    sampled = (key for key in chain.from_iterable(run.captured_keys()) if _prefix(key) not in unfit)
    # the longest of them: a short key begins others
    keys = sorted(set(heapq.nsmallest(10 * SAMPLE, sampled, key=crc32)), key=len)[-SAMPLE:]
    if definition.filter is not None:
        # a scan has a FILTER judge the document whose key ends at the NUL byte
        with_nul = (key for key in chain.from_iterable(run.captured_keys()) if b"\0" in key)
        keys = sorted({*keys, *heapq.nsmallest(SAMPLE, with_nul, key=crc32)})
    keys = _narrow(run, keys)
    if not keys:
        return
    name = trial_name(run.server, run.source)
    # never TEMPORARY: its documents would be deleted with it
    prefixes = tuple(dict.fromkeys(text(_prefix(key)) for key in keys))
    trial = evolve(definition, name=name, prefixes=prefixes, temporary=None)
    drop_left_over(run.server, name)
    with run.activity("rehearse", f"Index {len(keys)} documents on trial"):
        try:
            index_commands.create(run.server, trial)
        except CommandNotAllowed:
            raise
        except ResponseError as error:
            raise UnsupportedServer(
                f"A trial index for {run.plan.index!r}", has=str(error), needs="room for it"
            ) from error
        try:
            try:
                wait_until_scanned(run, name)
            except IndexBuildFailed as error:
                raise UnsupportedServer(
                    f"A trial index for {run.plan.index!r}", has=error.reason, needs="room for it"
                ) from error
            held = find_indexed(run.server, name, keys)
            # a captured key may be no document of the live index either: it failed to be indexed, or is deleted by now
            missing = find_indexed(run.server, run.source.name, [key for key in keys if key not in held])
            missing -= find_indexed(run.server, name, sorted(missing))  # written since the first look
            failures = read_stats(run.server, name).hash_indexing_failures
        finally:
            drop_left_over(run.server, name)
    if missing:
        examples = ", ".join(key.decode("utf-8", "backslashreplace") for key in sorted(missing)[:5])
        by_filter = definition.filter is not None and not failures
        why = "its FILTER leaves them out when they are scanned" if by_filter else "their values do not fit the fields"
        raise PreconditionError(
            f"{len(missing)} of {len(keys)} sampled documents of {run.plan.index!r} would not be in the new index, "
            f"such as {examples}: {why}. Nothing was changed. Fix these documents or the definition, and plan again"
        )


def _prefix(key: bytes) -> bytes:
    """Return what the server makes of a key as a prefix: it ends at a NUL byte."""
    return key.partition(b"\0")[0]


def _narrow(run: ActiveRun, keys: list[bytes]) -> list[bytes]:
    """Leave out keys with a NUL byte of which the part before it begins many other keys."""
    cut = tuple({_prefix(key) for key in keys if b"\0" in key})
    if not cut:
        return keys
    begun = Counter(
        start
        for key in chain.from_iterable(run.captured_keys())
        if key.startswith(cut)
        for start in cut
        if key.startswith(start)
    )
    return [key for key in keys if begun[_prefix(key)] <= SAMPLE]


def _definition(plan: MigrationPlan) -> IndexDefinition | None:
    """Return what to build: the target; the source where documents are still to be changed; None if neither tells."""
    if not plan.target.filter and all(map(_changes_only_the_search, plan.changes)):
        return None
    if any(isinstance(change, UpdateOption) and change.affects_coverage for change in plan.changes):
        return None
    if any(step.phase is Phase.REWRITE for step in plan.steps):
        return plan.source.definition if plan.source.definition.filter else None
    return plan.target


def _changes_only_the_search(change: Change) -> bool:
    """Whether a change leaves it as it is which values the fields take."""
    if not isinstance(change, UpdateField):
        return False
    if change.attribute == "algorithm":
        return {change.old, change.new} <= {Algorithm.FLAT, Algorithm.HNSW}
    return change.attribute in SEARCH_ATTRIBUTES
