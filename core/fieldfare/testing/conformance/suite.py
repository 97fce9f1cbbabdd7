"""What all test classes of the suite share: a migration to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldfare.server import Server
from fieldfare.testing.conformance.conformance_run import ConformanceRun
from fieldfare.testing.conformance.plugin_under_test import PluginUnderTest

__all__ = ["ConformanceSuite"]


class ConformanceSuite(PluginUnderTest):
    """A plugin under test, with a fixture that creates the index and plans its migration."""

    @pytest.fixture
    def run(self, server: Server, redis_url: str, tmp_path: Path) -> ConformanceRun:
        """The index with its documents, and a plan for it."""
        self.load(server)
        return ConformanceRun(self, server, redis_url, tmp_path)
