"""What a batch does when the migration of one index fails."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["FailurePolicy"]


class FailurePolicy(StrEnum):
    """Whether the failure of one index stops the batch."""

    FAIL_FAST = "fail_fast"
    CONTINUE_ON_ERROR = "continue_on_error"
