"""A receiver of OTLP over HTTP, as a collector has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from attrs import define, field
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["Receiver", "receiving"]


@define
class Receiver:
    """What was sent.

    Attributes:
        url: to send to.
        status: of its answers.
        spans: in the order in which they came.
        metrics: likewise.
        resources: attributes of whoever sent.
        bodies: the raw requests.
    """

    url: str = ""
    status: int = 200
    spans: list[Any] = field(factory=list)
    metrics: list[Any] = field(factory=list)
    resources: list[dict[str, str]] = field(factory=list)
    bodies: list[bytes] = field(factory=list)

    def take(self, path: str, body: bytes) -> None:
        """Parse a request."""
        self.bodies.append(body)
        if path == "/v1/traces":
            for traced in ExportTraceServiceRequest.FromString(body).resource_spans:
                self._note(traced.resource)
                self.spans += [span for scope in traced.scope_spans for span in scope.spans]
        elif path == "/v1/metrics":
            for measured in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self._note(measured.resource)
                self.metrics += [metric for scope in measured.scope_metrics for metric in scope.metrics]

    def _note(self, resource: Any) -> None:
        self.resources.append({each.key: each.value.string_value for each in resource.attributes})


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive at a free port, during the body."""
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take a request."""
            received.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(received.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()
