"""Claims: a plugin's answer to a change. Data only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from fieldfare.changes import Change

__all__ = ["Claim", "ClaimedChange"]


@frozen
class Claim:
    """A plugin's answer to one change.

    Attributes:
        is_supported: whether the change can be carried out.
        reason: why the change is blocked.
        workaround: what to do instead of a blocked change.
        warnings: what the user should know before the plan is applied.
        rewrites_documents: whether document bytes are overwritten.
        lossy: whether information is lost (float32 → float16), so that only the backup can undo the change.
        details: facts and figures for the user, by title; plain YAML values. A list of mappings is shown as a table.
    """

    is_supported: bool
    reason: str | None = None
    workaround: str | None = None
    warnings: tuple[str, ...] = ()
    rewrites_documents: bool = False
    lossy: bool = False
    details: Mapping[str, Any] = field(factory=dict, hash=False)

    @classmethod
    def supported(
        cls,
        *,
        rewrites_documents: bool = False,
        lossy: bool = False,
        warnings: Sequence[str] = (),
        details: Mapping[str, Any] | None = None,
    ) -> Claim:
        """Claim a change as supported."""
        return cls(
            is_supported=True,
            warnings=tuple(warnings),
            rewrites_documents=rewrites_documents,
            lossy=lossy,
            details=dict(details or {}),
        )

    @classmethod
    def blocked(cls, reason: str, *, workaround: str | None = None, details: Mapping[str, Any] | None = None) -> Claim:
        """Claim a change as blocked."""
        return cls(is_supported=False, reason=reason, workaround=workaround, details=dict(details or {}))


@frozen(hash=False)
class ClaimedChange:
    """A change, the plugin that claimed it, and the claim."""

    change: Change
    plugin: str
    claim: Claim

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know before this change, and after it."""
        lossy = (f"Lossy: {self.change}; only the backup can undo it",) if self.claim.lossy else ()
        return (*lossy, *self.claim.warnings)

    def __str__(self) -> str:
        """Return one line for people."""
        if self.claim.is_supported:
            return f"{self.change} [{self.plugin}]"
        if not self.claim.workaround:
            return f"{self.change}: {self.claim.reason}"
        return f"{self.change}: {(self.claim.reason or '').rstrip('.')}. Workaround: {self.claim.workaround}"
