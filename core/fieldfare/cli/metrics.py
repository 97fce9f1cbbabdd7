"""Metrics of ``sync --watch`` for Prometheus. Imports prometheus_client: import it only to publish some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import frozen
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from fieldfare.errors import PreconditionError

if TYPE_CHECKING:
    from prometheus_client import Metric

    from fieldfare.engine.shadow.sync_progress import SyncProgress

__all__ = ["publishing"]


@frozen(eq=False)
class SyncCollector(Collector):
    """Reads the metrics of a synchronization when Prometheus asks.

    Attributes:
        progress: what it reads.
    """

    progress: SyncProgress

    def collect(self) -> Iterable[Metric]:
        """Yield each metric, with the index as its label."""
        progress = self.progress
        gauges = {
            "lag_keys": ("Keys that applications have changed and that are not checked yet", progress.lag_keys),
            "lag_seconds": ("Seconds since the server reported the first of these keys", progress.lag_seconds),
            "following": ("1 if the server reports which keys are changed, otherwise 0", int(progress.is_following)),
        }
        counters = {
            "passes": ("Comparisons of all documents", progress.passes),
            "converted": ("Documents that were converted, or copied to their new keys", progress.converted),
            "left_alone": ("Documents that applications have written in the new form", progress.left_alone),
        }
        for name, (text, value) in gauges.items():
            gauge = GaugeMetricFamily(f"fieldfare_sync_{name}", text, labels=["index"])
            gauge.add_metric([progress.index], value)
            yield gauge
        for name, (text, value) in counters.items():
            counter = CounterMetricFamily(f"fieldfare_sync_{name}", text, labels=["index"])
            counter.add_metric([progress.index], value)
            yield counter


@contextmanager
def publishing(progress: SyncProgress, address: str, port: int) -> Iterator[int]:
    """Answer Prometheus during the body, with the path ``/metrics``; give the port.

    Raises:
        PreconditionError: the port cannot be used.
    """
    registry = CollectorRegistry()
    registry.register(SyncCollector(progress))
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as error:
        raise PreconditionError(
            f"metrics cannot be published at {address}:{port}: {error.strerror}. Nothing was changed"
        ) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
