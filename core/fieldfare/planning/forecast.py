"""How long a migration will take: from what this server tells of its index, and from usual rates.

Nothing is timed here: the same server gives the same forecast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from redis.exceptions import RedisError

from fieldfare.definition.attribute import Algorithm
from fieldfare.engine.shadow.field_plan import indexes_whole_documents
from fieldfare.engine.shadow_paths import shadow_paths
from fieldfare.errors import PluginError
from fieldfare.plan import Estimate
from fieldfare.plan.forecast import Forecast

if TYPE_CHECKING:
    from fieldfare.definition import Field, IndexDefinition, Snapshot
    from fieldfare.hooks.manager import Plugins
    from fieldfare.plan import MigrationPlan
    from fieldfare.server import Server

__all__ = ["GRAPH_SECONDS", "MOVED_SECONDS", "PLAIN_SECONDS", "make_forecast", "usual_rewrite_seconds"]

BACKUP_BYTES: Final = 150e6
BACKUP_SECONDS: Final = 8e-6
"""Bytes that are backed up per second, and what each document takes besides. Measured, as all of these are, with 50,000
documents of 768 dims and 100,000 texts, on two cores of 2026."""

REWRITE_BYTES: Final = 220e6
REWRITE_SECONDS: Final = 6e-6
"""Bytes that are converted and written per second, and what each document takes besides."""

MOVED_SECONDS: Final = 5e-6
"""To rename a field of a document, or its key, on the server: 0.24 and 0.32 s for 100,000 documents."""

GRAPH_SECONDS: Final = 0.6e-3
"""To add a vector of 384 dims to an HNSW graph with M 16 and EF_CONSTRUCTION 200, on one core of 2026."""

PLAIN_SECONDS: Final = 20e-6
"""To index a document without a graph."""

SCAN_SECONDS: Final = 4e-6
"""For the server to see that a key does not belong to the new index: it scans all keys."""

UNCOUNTED: Final = 0.1
"""Below this share of the usual time, the server has left out what its workers did."""

DIGITS: Final = 9
"""Of seconds: the forecast of a small index serves for a large one."""

DROP_SECONDS: Final = 0.05
"""Between the last answer of the old index and the first command that builds the new one."""


def make_forecast(server: Server, plugins: Plugins, plan: MigrationPlan) -> Forecast | None:
    """Return how long the steps of a plan will take, and what they need; None if there is nothing to do.

    Args:
        server: the server of the index.
        plugins: that estimate what their steps need.
        plan: with the time that the server took to index a document of the source.
    """
    snapshot, target, steps = plan.source, plan.target, plan.steps
    if not steps:
        return None
    count = snapshot.stats.num_docs
    rewriting = [step for step in steps if step.rewrites_documents]
    moves = sum(not step.transforms for step in rewriting)
    documents = count if len(rewriting) > moves else 0
    per_document, index_basis = _index_seconds(snapshot, target)
    index = count * per_document + max(_key_count(server) - count, 0) * SCAN_SECONDS
    try:
        needed = plugins.estimate(plan)
    except PluginError:  # 'fieldfare estimate' reports it
        needed = Estimate()
    backup = needed.disk_bytes / BACKUP_BYTES + documents * BACKUP_SECONDS
    rewrite = documents and usual_rewrite_seconds(needed.disk_bytes, documents)
    rewrite += count * moves * MOVED_SECONDS
    usual = ("rewriting: usual rates, for the bytes that are rewritten",) if rewriting else ()
    if documents and shadow_paths(plan):
        again, basis = _seconds_again(server, snapshot)
        rewrite += documents * again
        usual = (*usual, basis)
    return Forecast(
        backup_seconds=round(backup, DIGITS),
        rewrite_seconds=round(rewrite, DIGITS),
        index_seconds=round(index, DIGITS),
        downtime_seconds=round(index + rewrite + DROP_SECONDS, DIGITS) if plan.has_outage else 0.0,
        memory_bytes=int((snapshot.stats.vector_index_size_mb + snapshot.stats.other_memory_size_mb) * 1024 * 1024),
        memory_delta_bytes=needed.memory_delta_bytes,
        disk_bytes=needed.disk_bytes,
        rdb_bytes=needed.rdb_bytes,
        basis=(*index_basis, *usual),
    )


def usual_rewrite_seconds(original_bytes: int, documents: int) -> float:
    """Return the usual seconds in which one worker rewrites documents with so many bytes of originals."""
    return original_bytes / REWRITE_BYTES + documents * REWRITE_SECONDS


def _seconds_again(server: Server, snapshot: Snapshot) -> tuple[float, str]:
    """Return the seconds in which the live index indexes a document again after a write of a shadow field, and why."""
    if indexes_whole_documents(server, snapshot.definition.storage) is False:
        return 0.0, "shadow fields: the live index does not index documents again (PARTIAL_INDEXED_DOCS is on)"
    seconds, _ = _index_seconds(snapshot, snapshot.definition)
    shown = f"{_milliseconds(seconds)} per document"
    return seconds, f"shadow fields: for each write the live index indexes the document again, {shown}"


def _key_count(server: Server) -> int:
    """Return how many keys there are on the primary that has most: all of them scan at the same time."""
    try:
        return max(int(server.command_at(node, "DBSIZE")) for node in server.nodes())
    except RedisError:
        return 0


def _index_seconds(snapshot: Snapshot, target: IndexDefinition) -> tuple[float, tuple[str, ...]]:
    """Return the seconds to index one document, and what that is based on."""
    measured = snapshot.stats.indexing_seconds
    before, after = _graph_seconds(snapshot.definition), _graph_seconds(target)
    if measured and before and measured < UNCOUNTED * before:
        measured = 0.0
    if not measured:
        seconds = after + PLAIN_SECONDS
        known = "this server does not report the time that indexing took"
        return seconds, (f"indexing: {_milliseconds(seconds)} per document is usual; {known}",)
    told = f"indexing: this server took {_milliseconds(measured)} per document for the current index (FT.INFO)"
    if before == after:
        return measured, (told,)
    if not before:
        seconds = measured + after
        return seconds, (f"{told}; {_milliseconds(after)} more is usual for the new graph of vectors",)
    seconds = measured * (after + PLAIN_SECONDS) / (before + PLAIN_SECONDS)
    return seconds, (f"{told}; {_milliseconds(seconds)} is expected for the new one, whose graph of vectors differs",)


def _graph_seconds(definition: IndexDefinition) -> float:
    """Return the usual seconds to add the vectors of one document to graphs."""
    return sum(map(_field_seconds, definition.fields))


def _field_seconds(field: Field) -> float:
    if not field.is_vector or str(field.attrs["algorithm"]).upper() == Algorithm.FLAT:
        return 0.0
    size = int(field.attrs["dims"]) / 384
    links = int(field.attrs.get("m", 16)) / 16
    candidates = int(field.attrs.get("ef_construction", 200)) / 200
    return float(GRAPH_SECONDS * candidates * links**0.5 * size**0.5)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2g} ms"
