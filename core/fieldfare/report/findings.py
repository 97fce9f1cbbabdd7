"""Findings: the results of validation. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen

__all__ = ["Finding", "Severity"]


class Severity(StrEnum):
    """What a failed finding means for the run."""

    ERROR = "error"  # the run fails validation
    WARNING = "warning"  # reported; the run succeeds
    INFO = "info"


@frozen(hash=False)
class Finding:
    """One result of validation.

    Attributes:
        name: what was checked: ``schema``, ``document_count``, ``acme.no_plain_emails``.
        passed: whether the check passed.
        severity: what a failed check means for the run.
        detail: one line of text.
        data: the figures behind it; plain YAML values only.
    """

    name: str
    passed: bool
    severity: Severity = Severity.ERROR
    detail: str = ""
    data: Mapping[str, Any] = field(factory=dict)

    @property
    def fatal(self) -> bool:
        """Whether this finding makes the run fail."""
        return not self.passed and self.severity is Severity.ERROR
