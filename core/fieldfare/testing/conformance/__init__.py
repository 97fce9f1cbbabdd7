"""A suite of tests for plugins: say what yours does, and inherit them.

Subclass :class:`RewriteConformance` for a plugin that rewrites documents through ``fieldfare_transform``,
:class:`StepConformance` for one whose steps do their own work, :class:`FindingConformance` for one that validates.
Needs ``pytest_plugins = ["fieldfare.testing.fixtures"]`` in ``conftest.py``.
"""

from fieldfare.testing.conformance.finding import FindingConformance
from fieldfare.testing.conformance.rewrite import RewriteConformance
from fieldfare.testing.conformance.step import StepConformance
from fieldfare.testing.conformance.subject import Document, Subject
from fieldfare.testing.conformance.trial import Trial

__all__ = ["Document", "FindingConformance", "RewriteConformance", "StepConformance", "Subject", "Trial"]
