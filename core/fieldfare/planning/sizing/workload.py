"""What a run has to do, as far as the model is concerned; and a plan for another number of documents."""

from __future__ import annotations

import math
from typing import Final

from attrs import evolve, frozen

from fieldfare.definition.attribute import Algorithm
from fieldfare.errors import UsageError
from fieldfare.hooks.manager import Plugins
from fieldfare.plan import MigrationPlan
from fieldfare.planning.forecast import MOVED_SECONDS, usual_rewrite_seconds

__all__ = ["Workload", "scale_plan", "workload_of"]

UNKNOWN_BYTES: Final = 1024
"""Of a document whose size no plugin has estimated."""


@frozen
class Workload:
    """What a run has to do.

    Attributes:
        documents: how many documents the index has.
        original_bytes: of the values of a document that are rewritten; they go to the backup.
        new_bytes: of the values that replace them.
        index_seconds: for a node to index one document.
        rewrites: whether workers rewrite documents.
        moved: how many steps rename fields or move keys: the coordinator has the server do that.
        move_seconds: for each of them and each document.
        is_shadow: whether the new values are written beside the old ones.
        live_index_seconds: for a node to index a document again when a shadow field of it is written.
        has_outage: whether the index cannot be queried meanwhile.
    """

    documents: int
    original_bytes: float
    new_bytes: float
    index_seconds: float
    rewrites: bool = True
    moved: int = 0
    move_seconds: float = MOVED_SECONDS
    is_shadow: bool = False
    live_index_seconds: float = 0.0
    has_outage: bool = True


def scale_plan(plan: MigrationPlan, documents: int) -> MigrationPlan:
    """Return a plan as it would be if its index had another number of documents of the same kind.

    Raises:
        UsageError: the index of the plan has no documents, so nothing is known of their kind.
    """
    known = plan.source.stats.num_docs
    if not known:
        raise UsageError(
            f"The plan was made for an index without documents, so their size is not known. Plan {plan.index!r} again "
            "when it has some. Nothing was changed."
        )
    factor = documents / known
    forecast = plan.forecast
    if forecast is not None:
        index = forecast.index_seconds * factor * graph_growth(plan, documents)
        rewrite = forecast.rewrite_seconds * factor
        outage = forecast.downtime_seconds - forecast.index_seconds - forecast.rewrite_seconds
        forecast = evolve(
            forecast,
            backup_seconds=forecast.backup_seconds * factor,
            rewrite_seconds=rewrite,
            index_seconds=index,
            downtime_seconds=index + rewrite + outage if plan.has_outage else 0.0,
            memory_bytes=int(forecast.memory_bytes * factor),
            memory_delta_bytes=int(forecast.memory_delta_bytes * factor),
            disk_bytes=int(forecast.disk_bytes * factor),
            rdb_bytes=int(forecast.rdb_bytes * factor),
            basis=(*forecast.basis, f"size: {documents:,} documents instead of the {known:,} of the plan"),
        )
    stats = evolve(plan.source.stats, num_docs=documents)
    return evolve(plan, source=evolve(plan.source, stats=stats), forecast=forecast)


def graph_growth(plan: MigrationPlan, documents: float) -> float:
    """Return how many times as long a document takes to be indexed than with the documents of the plan.

    The search for the neighbours of a vector in an HNSW graph takes a time that grows with the logarithm of the number
    of vectors (Malkov and Yashunin, 2018).

    Args:
        plan: its index has the documents for which the time is known.
        documents: how many there are in one graph.
    """
    graphs = any(
        field.is_vector and str(field.attrs["algorithm"]).upper() != Algorithm.FLAT for field in plan.target.fields
    )
    known = plan.source.stats.num_docs
    return math.log(max(documents, 2)) / math.log(max(known, 2)) if graphs else 1.0


def workload_of(plan: MigrationPlan, plugins: Plugins, *, documents: int | None = None, nodes: int = 1) -> Workload:
    """Return what a plan has to do.

    Args:
        plan: made for an index with documents of the same kind.
        plugins: that estimate what their steps need.
        documents: how many documents there will be; by default as many as when the plan was made.
        nodes: primaries among which they are spread; each has a graph of its own.

    Raises:
        UsageError: the index of the plan has no documents.
        PluginError: the hook of a plugin failed.
    """
    known = plan.source.stats.num_docs
    count = known if documents is None else documents
    growth = graph_growth(plan, count / nodes)
    needed = plugins.estimate(scale_plan(plan, count))
    forecast = plan.forecast
    rewriting = [step for step in plan.steps if step.rewrites_documents]
    moved = sum(not step.transforms for step in rewriting)
    rewrites = len(rewriting) > moved
    is_shadow = plan.mode == "shadow"
    index = forecast.index_seconds / known * growth if forecast is not None else 0.0
    again = 0.0
    if is_shadow and rewrites and forecast is not None:
        usual = usual_rewrite_seconds(forecast.disk_bytes, known) + known * moved * MOVED_SECONDS
        again = max(forecast.rewrite_seconds - usual, 0.0) / known
    return Workload(
        count,
        needed.disk_bytes / count if needed.disk_bytes else UNKNOWN_BYTES,
        needed.aof_bytes / count if needed.aof_bytes else UNKNOWN_BYTES,
        index,
        rewrites=rewrites,
        moved=moved,
        is_shadow=is_shadow,
        live_index_seconds=again,
        has_outage=plan.has_outage,
    )
