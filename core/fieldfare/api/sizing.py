"""How long a run takes with an executor, for as many documents and nodes as one likes."""

from __future__ import annotations

import math

from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.planning.sizing import Sizing, read_deployment, size_run, usual_rates, workload_of

__all__ = ["size_migration"]


def size_migration(  # noqa: PLR0913 - what the user may say
    plan: MigrationPlan,
    executor: str,
    *,
    documents: int | None = None,
    nodes: int = 1,
    workers: int | None = None,
    storage_rate: float | None = None,
    storage_latency: float = 0.0,
    network_rate: float | None = None,
    plugins: Plugins | None = None,
) -> Sizing:
    """Estimate how long a migration takes with workers, what limits it, and what it needs. Nothing is started.

    Args:
        plan: made for an index with documents of the same kind; it may be a small one.
        executor: as ``apply`` takes it: ``threads:N``, ``processes:N``, ``dask``, or another one with ``workers``.
        documents: how many documents there will be; by default as many as when the plan was made.
        nodes: primaries of the server, among which the documents are spread evenly.
        workers: how many workers the executor has, if its name does not tell.
        storage_rate: bytes per second that the storage of the backup takes and gives in all; None for no limit.
        storage_latency: seconds until a storage such as S3 answers one request; 0 for a directory.
        network_rate: bytes per second in each direction between a node and the workers; None for no limit.
        plugins: by default all that are installed.

    Raises:
        UsageError: the executor does not say how many workers it has, or the index of the plan has no documents.
        PluginError: a plugin of the plan is missing, or failed.
    """
    known = load_plugins() if plugins is None else plugins
    known.raise_if_broken()
    known.require(plan.plugins)
    deployment = read_deployment(
        executor,
        workers=workers,
        nodes=nodes,
        storage_rate=storage_rate or math.inf,
        storage_latency=storage_latency,
        network_rate=network_rate or math.inf,
    )
    return size_run(workload_of(plan, known, documents=documents, nodes=nodes), deployment, usual_rates(nodes))
