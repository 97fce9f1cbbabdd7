"""The model: each part of a run takes as long as the resource that it keeps busy for longest.

This is the asymptotic bound of operational analysis (Denning and Buzen, 1978): all resources work at the
same time. Shards are counted whole: with 11 shards, ten workers take as long as six.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from attrs import evolve, frozen

from fieldfare.backup.segment_file import SEGMENT_BYTES
from fieldfare.engine.checks.content import SAMPLE
from fieldfare.engine.distribution.sizes import shard_count
from fieldfare.planning.sizing.deployment import Deployment
from fieldfare.planning.sizing.rates import Rates, WorkRates
from fieldfare.planning.sizing.workload import Workload

__all__ = ["Limit", "Part", "Sizing", "size_run"]

TOLERANCE: Final = 0.1
"""By which a run may take longer with the fewest workers that are recommended."""


class Limit(StrEnum):
    """What a part of a run waits for."""

    WORKERS = "workers"
    CORES = "cores of the workers"
    NODES = "nodes of the server"
    STORAGE = "storage"
    NETWORK = "network of the nodes"
    COORDINATOR = "coordinator"


@frozen
class Part:
    """A part of a run.

    Attributes:
        name: the activity of step reports: ``enumerate``, ``dump``, ``rewrite``, ``index``, ``validate``, ``restore``.
        title: what is done.
        busy: what the part needs → seconds for which that is busy.
        enough_workers: more workers gain nothing; None if the workers have no share in it.
        storage_written: bytes.
        storage_read: bytes.
        network_in: bytes that the nodes get.
        network_out: bytes that the nodes give.
    """

    name: str
    title: str
    busy: Mapping[Limit, float]
    enough_workers: int | None = None
    storage_written: float = 0.0
    storage_read: float = 0.0
    network_in: float = 0.0
    network_out: float = 0.0

    @property
    def limit(self) -> Limit:
        """What it waits for."""
        return max(self.busy, key=self.busy.__getitem__)

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return self.busy[self.limit]


@frozen(hash=False)
class Sizing:
    """How long a run takes, and what it needs.

    Attributes:
        workload: what is done.
        deployment: by whom.
        shards: into how many shards the documents are split.
        apply: the parts of the run, in order.
        rollback: those of a rollback of the complete run; none for the mode shadow.
        fewest_workers: with so many a run takes a tenth longer than with any number of workers; None if they have no
            share in it.
    """

    workload: Workload
    deployment: Deployment
    shards: int
    apply: tuple[Part, ...]
    rollback: tuple[Part, ...] = ()
    fewest_workers: int | None = None

    @property
    def seconds(self) -> float:
        """How long the run takes."""
        return sum(part.seconds for part in self.apply)

    @property
    def downtime_seconds(self) -> float:
        """For how long the index cannot be queried."""
        outage = ("rewrite", "index")
        return sum(part.seconds for part in self.apply if part.name in outage) if self.workload.has_outage else 0.0

    @property
    def rollback_seconds(self) -> float:
        """How long a rollback of the complete run takes."""
        return sum(part.seconds for part in self.rollback)

    @property
    def enough_workers(self) -> int | None:
        """More workers gain nothing in any part; None if they have a share in none."""
        return max((part.enough_workers for part in self.apply if part.enough_workers is not None), default=None)


def size_run(workload: Workload, deployment: Deployment, rates: Rates) -> Sizing:
    """Return how long a run takes, and what it needs."""
    sizing = _size(workload, deployment, rates)
    most = sizing.enough_workers
    if most is None:
        return sizing

    def seconds(workers: int) -> float:
        return _size(workload, evolve(deployment, workers=workers), rates).seconds

    longest = seconds(most) * (1 + TOLERANCE)
    found = bisect_left(range(1, most), True, key=lambda workers: seconds(workers) <= longest)  # noqa: FBT003 - as it is
    return evolve(sizing, fewest_workers=found + 1)


def _size(workload: Workload, deployment: Deployment, rates: Rates) -> Sizing:
    shards = shard_count(int(workload.documents * workload.original_bytes), deployment.workers)
    if deployment.is_one_process:
        shards = deployment.workers
    model = _Model(workload, deployment, rates, shards)
    return Sizing(workload, deployment, shards, tuple(model.apply()), tuple(model.rollback()))


@frozen
class _Model:
    """The arithmetic."""

    workload: Workload
    deployment: Deployment
    rates: Rates
    shards: int

    def apply(self) -> Iterator[Part]:
        """Yield the parts of a run."""
        load, rates = self.workload, self.rates
        before, after = load.original_bytes, load.new_bytes
        yield self._coordinator("enumerate", "list keys", rates.list_key)
        if load.rewrites:
            back = 1 if self.deployment.storage_latency else 0  # objects are read back
            yield self._shared("dump", "back up", rates.dump, sent=before, written=1, read=back)
            title = "fill shadow fields" if load.is_shadow else "rewrite"
            again = load.live_index_seconds
            yield self._shared("rewrite", title, rates.rewrite, got=after, read=1, node_seconds=again)
        if load.moved:
            yield self._coordinator("rewrite", "rename fields, move keys", load.move_seconds * load.moved)
        yield self._index()
        yield self._validate()

    def rollback(self) -> Iterator[Part]:
        """Yield the parts of a rollback; none for the mode shadow, which removes what it has added."""
        load, rates = self.workload, self.rates
        if load.is_shadow:
            return
        if load.rewrites:
            verified = rates.verify.of(load.original_bytes)
            size = load.documents * load.original_bytes
            yield self._coordinator("verify", "read and check the backup", verified, storage_read=size)
            yield self._shared(
                "restore", "restore", rates.restore, got=load.original_bytes, sent=load.new_bytes, read=1
            )
        if load.moved:
            yield self._coordinator("restore", "rename fields and move keys back", load.move_seconds * load.moved)
        yield self._index()

    def _index(self) -> Part:
        seconds = self.workload.index_seconds * self.workload.documents / self.deployment.nodes
        return Part("index", "build the index", {Limit.NODES: seconds})

    def _validate(self) -> Part:
        """Return the checks at the end: all keys by the coordinator, a sample of each shard by workers."""
        load = self.workload
        checked = load.documents * self.rates.check_key
        if not load.rewrites:
            return Part("validate", "check", {Limit.COORDINATOR: checked})
        if load.is_shadow:  # before the switch, every document is compared
            checked += load.documents * self.rates.compare.worker.of(load.original_bytes + load.new_bytes)
            traffic = load.documents * (load.original_bytes + load.new_bytes)
            return Part("validate", "compare and check", {Limit.COORDINATOR: checked}, network_out=traffic)
        sampled = min(load.documents, self.shards * SAMPLE)
        part = self._shared("validate", "check", self.rates.compare, sent=load.new_bytes, read=1, documents=sampled)
        both = checked + part.seconds  # one after the other
        return Part(
            part.name,
            part.title,
            {Limit.COORDINATOR: both} if checked >= part.seconds else {part.limit: both},
            storage_read=part.storage_read,
            network_in=part.network_in,
            network_out=part.network_out,
        )

    def _coordinator(self, name: str, title: str, seconds: float, storage_read: float = 0.0) -> Part:
        busy = {Limit.COORDINATOR: seconds * self.workload.documents}
        if storage_read:
            busy[Limit.STORAGE] = storage_read / self.deployment.storage_rate
        return Part(name, title, busy, storage_read=storage_read)

    def _shared(  # noqa: PLR0913 - what work consists of
        self,
        name: str,
        title: str,
        rates: WorkRates,
        *,
        sent: float = 0.0,
        got: float = 0.0,
        written: int = 0,
        read: int = 0,
        node_seconds: float = 0.0,
        documents: int | None = None,
    ) -> Part:
        """Return a part that workers share.

        Args:
            name: of the part.
            title: of the part.
            rates: what it costs.
            sent: bytes of values that the nodes give for each document.
            got: bytes of values that they get.
            written: how often the originals are written to the storage.
            read: how often they are read from it.
            node_seconds: further seconds of a node for each document.
            documents: how many; all of them by default.
        """
        load, given = self.workload, self.deployment
        count = load.documents if documents is None else documents
        stored = count * load.original_bytes
        requests = (written + read) * math.ceil(stored / self.shards / SEGMENT_BYTES)
        shard = count / self.shards * rates.worker.of(load.original_bytes) + requests * given.storage_latency
        client = count * rates.client.of(load.original_bytes)
        server = count * (rates.server.of(load.original_bytes) + node_seconds)
        network_in, network_out = count * (got + rates.network_overhead), count * (sent + rates.network_overhead)
        others = {
            Limit.CORES: (client + server * given.servers_share_cores) / given.cores,
            Limit.NODES: server / given.nodes,
            Limit.STORAGE: (written + read) * stored / given.storage_rate,
            Limit.NETWORK: max(network_in, network_out) / given.nodes / given.network_rate,
        }
        if given.is_one_process:
            others[Limit.CORES] = max(others[Limit.CORES], client)
        return Part(
            name,
            title,
            {Limit.WORKERS: math.ceil(self.shards / given.workers) * shard, **others},
            enough_workers=math.ceil(self.shards * shard / max(others.values())) if count else None,
            storage_written=written * stored,
            storage_read=read * stored,
            network_in=network_in,
            network_out=network_out,
        )
