"""Fixtures for all tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# several tests run at a time; each of the threads of a matrix product would wait for a core, and keep it busy meanwhile
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

pytest_plugins = ["fieldfare.testing.fixtures"]

# how long an example takes depends on what else the machine does; fixtures serve all examples of a test
settings.register_profile(
    "fieldfare", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("fieldfare")
