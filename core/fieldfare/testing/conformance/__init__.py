"""A suite of tests for plugins: declare what your plugin does, and inherit the tests.

Subclass :class:`RewriteConformance` for a plugin that rewrites documents through ``fieldfare_transform``,
:class:`StepConformance` for one whose steps do their own work, :class:`FindingConformance` for one that validates.
Needs ``pytest_plugins = ["fieldfare.testing.fixtures"]`` in ``conftest.py``.
"""

from fieldfare.testing.conformance.conformance_run import ConformanceRun
from fieldfare.testing.conformance.finding import FindingConformance
from fieldfare.testing.conformance.plugin_under_test import Document, PluginUnderTest
from fieldfare.testing.conformance.rewrite import RewriteConformance
from fieldfare.testing.conformance.step import StepConformance

__all__ = [
    "ConformanceRun",
    "Document",
    "FindingConformance",
    "PluginUnderTest",
    "RewriteConformance",
    "StepConformance",
]
