"""How far ``sync --watch`` is behind what applications write: in metrics for Prometheus, and in ``status``."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from fieldfare.cli.app import run
from fieldfare.cli.metrics import publishing
from fieldfare.engine.shadow.sync_progress import SyncProgress
from fieldfare.engine.stop import StopRequest
from fieldfare.server import Server, connect
from shadow_migration import SHAPES, Migration


@pytest.fixture
def switched(server: Server, tmp_path: Path) -> Migration:
    """Return a migration that is switched."""
    migration = Migration(SHAPES["hash-datatype"], server, tmp_path / "backup")
    migration.fill()
    migration.apply()
    return migration


def scrape(port: int) -> dict[str, float]:
    """Return the metrics, with their labels."""
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_metrics_and_status_tell_the_lag(switched: Migration, capsys: pytest.CaptureFixture[str]) -> None:
    progress, stop = SyncProgress(), StopRequest()
    with publishing(progress, "127.0.0.1", 0) as port, connect(switched.server.url) as server:
        other = Migration(switched.shape, server, switched.backup_dir)
        thread = threading.Thread(target=lambda: other.sync(watch=True, stop=stop, progress=progress))
        thread.start()
        try:
            switched.server.bulk([switched.shape.update(f"d:{row}", 700) for row in range(20, 30)])
            assert switched.converges()
            label = '{index="books_1"}'
            wait_for(lambda: scrape(port)[f"fieldfare_sync_lag_keys{label}"] == 0)
            found = scrape(port)
            assert found[f"fieldfare_sync_following{label}"] == 1
            assert found[f"fieldfare_sync_passes_total{label}"] == 1
            assert found[f"fieldfare_sync_converted_total{label}"] >= 10
            assert found[f"fieldfare_sync_left_alone_total{label}"] == 0
            assert found[f"fieldfare_sync_lag_seconds{label}"] == 0
            wait_for(lambda: switched.executor.status(switched.backup_dir)[0]["speed"]["lag_keys"] == 0)
            assert run(["status", "--backup-dir", str(switched.backup_dir)]) == 0
            shown = " ".join(capsys.readouterr().out.split())
            assert "Running: sync --watch" in shown
            assert "Lag: none" in shown
        finally:
            stop.set()
            thread.join()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_lag_counts_from_when_the_server_told() -> None:
    progress = SyncProgress()
    assert (progress.lag_keys, progress.lag_seconds) == (0, 0.0)
    with progress.catching_up(3):
        first = progress.lag_seconds
        assert progress.lag_keys == 3
        assert progress.lag_seconds >= first >= 0
    assert (progress.lag_keys, progress.lag_seconds) == (0, 0.0)


def test_port_that_is_taken(switched: Migration, redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = ["sync", "--watch", "--url", redis_url, "--backup-dir", str(switched.backup_dir)]
        assert run([*line, "--metrics-port", str(port)]) == 4
    assert f"metrics cannot be published at 127.0.0.1:{port}" in capsys.readouterr().err


def test_without_the_extra(
    switched: Migration, redis_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "fieldfare.cli.metrics")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    line = ["sync", "--url", redis_url, "--backup-dir", str(switched.backup_dir), "--metrics-port", "0"]
    assert run(line) == 2
    assert "pip install 'fieldfare[metrics]'" in " ".join(capsys.readouterr().err.split())
