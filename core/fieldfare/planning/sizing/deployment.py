"""What a run has at its disposal: workers, nodes, storage and network."""

from __future__ import annotations

import math
import os
import re
from typing import Final

from attrs import frozen

from fieldfare.errors import UsageError

__all__ = ["Deployment", "read_deployment"]

LOCAL: Final = re.compile(r"(threads|processes):([1-9]\d*)")


@frozen
class Deployment:
    """What a run has at its disposal.

    Attributes:
        workers: how many.
        nodes: primaries among which the documents are spread evenly.
        cores: processor cores that all workers share; infinite if each worker has one of its own.
        is_one_process: whether the workers are threads, which compute one at a time.
        servers_share_cores: whether the nodes run on these cores, too.
        storage_rate: bytes per second that the storage of the backup takes and gives in all.
        storage_latency: seconds until a storage such as S3 answers one request; 0 for a directory.
        network_rate: bytes per second in each direction between a node and the workers.
    """

    workers: int
    nodes: int = 1
    cores: float = math.inf
    is_one_process: bool = False
    servers_share_cores: bool = False
    storage_rate: float = math.inf
    storage_latency: float = 0.0
    network_rate: float = math.inf


def read_deployment(  # noqa: PLR0913 - what the user may say
    executor: str,
    *,
    workers: int | None = None,
    nodes: int = 1,
    storage_rate: float = math.inf,
    storage_latency: float = 0.0,
    network_rate: float = math.inf,
) -> Deployment:
    """Return what a run has with an executor.

    Args:
        executor: as ``--executor`` takes it. Nothing is started, and no scheduler is asked.
        workers: how many workers it has; needed if its name does not tell.
        nodes: primaries of the server.
        storage_rate: bytes per second of the storage in all.
        storage_latency: seconds for one request to the storage.
        network_rate: bytes per second in each direction for each node.

    Raises:
        UsageError: the executor does not say how many workers it has.
    """
    here = len(os.sched_getaffinity(0))
    found = LOCAL.fullmatch(executor)
    if found is not None:
        workers = int(found[2])
    elif executor == "dask":
        workers = workers or here
    elif workers is None:
        raise UsageError(
            f"--executor {executor} does not say how many workers there are: pass --workers N. Without --workers it "
            "is threads:N, processes:N or dask. Nothing was changed."
        )
    return Deployment(
        workers,
        nodes,
        cores=here if found is not None or executor == "dask" else math.inf,
        is_one_process=executor.startswith("threads:"),
        storage_rate=storage_rate,
        storage_latency=storage_latency,
        network_rate=network_rate,
    )
