"""The plan and what it is made of: claims and steps. Data only; ``plan.file`` reads and writes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from attrs import evolve, field, frozen

from fieldfare.changes import Change, ChangePrefix
from fieldfare.definition import IndexDefinition, Snapshot
from fieldfare.plan.summary import DiffClassification, RenameOperations

__all__ = ["Claim", "ClaimedChange", "Estimate", "MigrationPlan", "Phase", "Receipt", "Step"]


class Phase(StrEnum):
    """When a step runs. Members stand in order."""

    CAPTURE = "capture"
    BACKUP = "backup"
    EXPAND = "expand"
    DROP = "drop"
    REWRITE = "rewrite"
    CREATE = "create"
    VALIDATE = "validate"
    SWITCH = "switch"
    CONTRACT = "contract"

    @property
    def rank(self) -> int:
        """Position in the order of a run."""
        return list(Phase).index(self)


@frozen
class Claim:
    """A plugin's answer to one change.

    Attributes:
        is_supported: whether it can be carried out.
        reason: if blocked, why.
        workaround: if blocked, what to do instead.
        warnings: what the user should know before applying.
        rewrites_documents: whether document bytes are overwritten.
        lossy: whether information is lost (float32 → float16), so that only the backup can undo it.
        details: facts and figures behind the answer, by title; plain YAML values. A list of mappings is shown as
            a table.
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
class Step:
    """One unit of work.

    Attributes:
        id: derived from the content; the same work has the same id on every machine.
        kind: what is to be done, as ``owner.action``.
        owner: the plugin that carries it out; filled in by the planner.
        phase: when.
        after: ids of steps of the same phase that must be done first.
        params: all that the owner needs; plain YAML values only.
        fields: for rewrite steps, the paths of the fields that ``fieldfare_transform`` gets and gives.
        reversible: whether undo can put everything back.
        lossy: whether information is lost.
        rewrites_documents: whether document bytes are overwritten.
        summary: one line for people.
    """

    id: str
    kind: str
    owner: str
    phase: Phase
    after: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(factory=dict)
    fields: tuple[str, ...] = ()
    reversible: bool = True
    lossy: bool = False
    rewrites_documents: bool = False
    summary: str = ""

    @classmethod
    def new(  # noqa: PLR0913 - a step's facts
        cls,
        kind: str,
        phase: Phase,
        *,
        params: Mapping[str, Any] | None = None,
        fields: Sequence[str] = (),
        after: Sequence[str] = (),
        reversible: bool = True,
        lossy: bool = False,
        rewrites_documents: bool = False,
        summary: str = "",
    ) -> Step:
        """Build a step; its id follows from kind, params and fields."""
        params = dict(params or {})
        content = json.dumps([kind, params, list(fields)], sort_keys=True, default=str)
        digest = hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        return cls(
            id=f"{kind}-{digest}",
            kind=kind,
            owner="",
            phase=phase,
            after=tuple(after),
            params=params,
            fields=tuple(fields),
            reversible=reversible,
            lossy=lossy,
            rewrites_documents=rewrites_documents,
            summary=summary or kind,
        )

    @classmethod
    def rewrite(
        cls,
        kind: str,
        fields: Sequence[str],
        *,
        params: Mapping[str, Any] | None = None,
        lossy: bool = True,
        summary: str = "",
    ) -> Step:
        """Build a step that rewrites these fields of every document through ``fieldfare_transform``.

        Backup, durability, journal, resume, verify and undo are the kernel's. ``params`` default to those
        of the custom change that asked for the step.
        """
        return cls.new(
            kind, Phase.REWRITE, params=params, fields=fields, lossy=lossy, rewrites_documents=True, summary=summary
        )

    @property
    def transforms(self) -> bool:
        """Whether the kernel carries this step out through ``fieldfare_transform``."""
        return self.phase is Phase.REWRITE and bool(self.fields)

    def owned_by(self, plugin: str, params: Mapping[str, Any] | None = None) -> Step:
        """Return the step with its owner, and with ``params`` where it has none of its own."""
        return evolve(self, owner=plugin, params=self.params or dict(params or {}))


@frozen(hash=False)
class Receipt:
    """What executing a step returned; kept in the journal, used by verify and undo.

    Attributes:
        step: the step's id.
        documents: how many documents were written.
        details: whatever the owner wants to remember; plain JSON values only.
    """

    step: str
    documents: int = 0
    details: Mapping[str, Any] = field(factory=dict)


@frozen(hash=False)
class ClaimedChange:
    """A change, who claimed it, and how."""

    change: Change
    plugin: str
    claim: Claim

    def __str__(self) -> str:
        """Say it in a line."""
        if self.claim.is_supported:
            return f"{self.change} [{self.plugin}]"
        workaround = f" Workaround: {self.claim.workaround}" if self.claim.workaround else ""
        return f"{self.change}: {self.claim.reason}{workaround}"


@frozen
class Estimate:
    """What a plugin's steps will need.

    Attributes:
        disk_bytes: new bytes in the backup directory.
        rdb_bytes: bytes that the next RDB snapshot holds of what is rewritten.
        aof_bytes: bytes that the append-only file grows by.
        memory_delta_bytes: change of the server's memory afterwards; negative is a saving.
        lines: what to tell the user, one fact a line.
    """

    disk_bytes: int = 0
    rdb_bytes: int = 0
    aof_bytes: int = 0
    memory_delta_bytes: int = 0
    lines: tuple[str, ...] = ()


@frozen(hash=False)
class MigrationPlan:
    """A reviewed migration of one index.

    Attributes:
        version: of the file format.
        mode: ``drop_recreate``.
        source: the live index as it was when the plan was made.
        target: the definition after every change.
        patch: the request, as the user wrote it (plain YAML values).
        claims: every change with its claim, in order.
        steps: in the order in which they run.
        plugins: name → version of every plugin that the steps need.
        warnings: what the user should know.
    """

    version: int
    mode: str
    source: Snapshot
    target: IndexDefinition
    patch: Mapping[str, Any]
    claims: tuple[ClaimedChange, ...]
    steps: tuple[Step, ...]
    plugins: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    @property
    def index(self) -> str:
        """The real name of the index that is migrated."""
        return self.source.definition.name

    @property
    def changes(self) -> tuple[Change, ...]:
        """What changes, in order."""
        return tuple(each.change for each in self.claims)

    @property
    def blocked_reasons(self) -> tuple[str, ...]:
        """One line per blocked change; empty if the plan can be applied."""
        return tuple(str(each) for each in self.claims if not each.claim.is_supported)

    @property
    def supported(self) -> bool:
        """Whether the plan can be applied."""
        return not self.blocked_reasons

    def moved(self, key: bytes) -> bytes:
        """Return the name that a document's key has after the migration.

        Where prefixes of the source contain each other, the longest one that fits decides.
        """
        changed = {_encoded(each.old): _encoded(each.new) for each in self.changes if isinstance(each, ChangePrefix)}
        known = {*map(_encoded, self.source.definition.prefixes), *changed}
        old = max((prefix for prefix in known if key.startswith(prefix)), key=len, default=b"")
        return changed[old] + key[len(old) :] if old in changed else key

    @property
    def lossy(self) -> bool:
        """Whether some step loses information."""
        return any(step.lossy for step in self.steps)

    @property
    def rewrites_documents(self) -> bool:
        """Whether some step overwrites document bytes."""
        return any(step.rewrites_documents for step in self.steps)

    @property
    def requested_changes(self) -> Mapping[str, Any]:
        """The request, as the user wrote it."""
        return self.patch

    @property
    def diff_classification(self) -> DiffClassification:
        """Whether the plan can be applied, and if not, why."""
        return DiffClassification(self.supported, self.blocked_reasons)

    @property
    def rename_operations(self) -> RenameOperations:
        """What gets another name: the index, its prefix, its fields."""
        return RenameOperations.of(self.changes)

    @property
    def merged_target_schema(self) -> dict[str, Any]:
        """The target as the mapping that a schema file holds."""
        from fieldfare.definition.schema import to_schema  # noqa: PLC0415 - start-up time

        return to_schema(self.target)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
