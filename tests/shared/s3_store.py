"""An S3-compatible store on this machine: moto's server, with one bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, Final
from urllib.request import Request, urlopen

from attrs import define, field

__all__ = ["SECRET", "S3Store", "s3_store"]

SECRET: Final = "s3cret-of-the-store"  # noqa: S105 - nobody's
BUCKET: Final = "backups"


@define
class S3Store:
    """A store that can be stopped and started again; its objects stay.

    Attributes:
        port: of the server, on loopback; 0 for a free one.
        url: of the place for backups.
    """

    port: int = 0
    url: str = f"s3://{BUCKET}/run"
    _server: Any = field(default=None, init=False)

    def start(self) -> None:
        """Start the server."""
        from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 - slow to import
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server  # noqa: PLC0415 - comes with it

        class Handler(MotoRequestHandler):
            protocol_version = "HTTP/1.0"  # no connection outlives the server

            def log(self, *_: Any) -> None:
                """Write nothing."""

        application: Any = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", self.port, application, threaded=True, request_handler=Handler)
        self.port = self._server.port
        Thread(target=self._server.serve_forever, name="S3 store", daemon=True).start()

    def stop(self) -> None:
        """Stop the server: connections are refused from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def is_running(self) -> bool:
        """Whether it answers."""
        return self._server is not None

    @property
    def environment(self) -> dict[str, str]:
        """What tells clients where it is, and their credentials."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "fieldfare",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@contextmanager
def s3_store() -> Iterator[S3Store]:
    """Start a store for the body."""
    store = S3Store()
    store.start()
    try:
        with urlopen(Request(f"http://127.0.0.1:{store.port}/{BUCKET}", method="PUT")):
            pass
        yield store
    finally:
        store.stop()
