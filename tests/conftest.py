"""Fixtures for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

pytest_plugins = ["fieldfare.testing.fixtures"]

# how long an example takes depends on what else the machine does; fixtures serve all examples of a test
settings.register_profile(
    "fieldfare", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("fieldfare")
