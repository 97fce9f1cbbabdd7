"""The plan, and the resources that its steps need. Data only; ``plan.file`` reads and writes plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from fieldfare.changes import Change, ChangePrefix
from fieldfare.definition import IndexDefinition, Snapshot
from fieldfare.definition.reply import encode
from fieldfare.plan.claim import ClaimedChange
from fieldfare.plan.forecast import Forecast
from fieldfare.plan.step import Phase, Step
from fieldfare.plan.summary import DiffClassification, RenameOperations, ValidationPolicy

__all__ = ["Estimate", "MigrationPlan"]


@frozen
class Estimate:
    """The resources that a plugin's steps need.

    Attributes:
        disk_bytes: new bytes in the backup directory.
        rdb_bytes: bytes of the rewritten values in the next RDB snapshot.
        aof_bytes: growth of the append-only file in bytes.
        memory_delta_bytes: change of the server's memory after the migration; negative for a saving.
        lines: further facts for the user, one per line.
    """

    disk_bytes: int = 0
    rdb_bytes: int = 0
    aof_bytes: int = 0
    memory_delta_bytes: int = 0
    lines: tuple[str, ...] = ()

    @property
    def total_new_disk_bytes(self) -> int:
        """Bytes on all disks, without the append-only file, which not every server has."""
        return self.disk_bytes + self.rdb_bytes

    @property
    def memory_savings_after_bytes(self) -> int:
        """Bytes of memory that the server saves after the migration; negative for a growth."""
        return -self.memory_delta_bytes

    @classmethod
    def total(cls, estimates: Sequence[Estimate]) -> Estimate:
        """Return the sum of estimates."""
        return cls(
            disk_bytes=sum(each.disk_bytes for each in estimates),
            rdb_bytes=sum(each.rdb_bytes for each in estimates),
            aof_bytes=sum(each.aof_bytes for each in estimates),
            memory_delta_bytes=sum(each.memory_delta_bytes for each in estimates),
            lines=tuple(line for each in estimates for line in each.lines),
        )


@frozen(hash=False, repr=False)
class MigrationPlan:
    """A reviewed migration of one index.

    Attributes:
        version: the version of the file format.
        mode: ``alter``, ``shadow`` or ``drop_recreate``.
        source: the live index as it was when the plan was made.
        target: the definition after every change.
        patch: the request, as the user wrote it (plain YAML values).
        claims: every change with its claim, in order.
        steps: in the order in which they run.
        plugins: name → version of every plugin that the steps need.
        warnings: what the user should know before the plan is applied.
        forecast: how long it will take; None if nobody has estimated it.
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
    forecast: Forecast | None = field(default=None, eq=False, kw_only=True)

    def __str__(self) -> str:
        """Return the text that ``fieldfare show`` writes."""
        from fieldfare.plan.text import plan_text  # noqa: PLC0415 - start-up time

        return plan_text(self)

    def __repr__(self) -> str:
        """Return one line."""
        from fieldfare.plan.text import plan_line  # noqa: PLC0415 - start-up time

        return f"<{type(self).__name__} {plan_line(self)}>"

    def _repr_html_(self) -> str:
        """Return the text for a notebook."""
        from html import escape  # noqa: PLC0415 - start-up time

        return f"<pre>{escape(str(self))}</pre>"

    @property
    def index(self) -> str:
        """The real name of the index that is migrated."""
        return self.source.definition.name

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes, in order."""
        return tuple(each.change for each in self.claims)

    @property
    def blocked_reasons(self) -> tuple[str, ...]:
        """One line per blocked change; empty if the plan can be applied."""
        return tuple(str(each) for each in self.claims if not each.claim.is_supported)

    @property
    def supported(self) -> bool:
        """Whether the plan can be applied."""
        return not self.blocked_reasons

    @property
    def is_unplanned(self) -> bool:
        """Whether the plan has no steps yet, because RedisVL made it."""
        return False

    @property
    def moves_keys(self) -> bool:
        """Whether the migration moves keys to another prefix."""
        return any(isinstance(change, ChangePrefix) for change in self.changes)

    def moved(self, key: bytes) -> bytes:
        """Return a key's name after the migration."""
        return self.moved_keys([key])[0]

    def moved_keys(self, keys: Sequence[bytes]) -> Sequence[bytes]:
        """Return the names of keys after the migration.

        If several prefixes of the source match, the longest one decides.
        """
        changed = {encode(each.old): encode(each.new) for each in self.changes if isinstance(each, ChangePrefix)}
        if not changed:
            return keys
        prefixes = sorted({*map(encode, self.source.definition.prefixes), *changed}, key=len, reverse=True)
        if len(prefixes) == 1:
            [(old, new)] = changed.items()
            length = len(old)
            return [new + key[length:] if key.startswith(old) else key for key in keys]
        matching = (next(filter(key.startswith, prefixes), b"") for key in keys)
        return [
            changed[old] + key[len(old) :] if old in changed else key for key, old in zip(keys, matching, strict=True)
        ]

    @property
    def has_outage(self) -> bool:
        """Whether the index cannot be queried during a part of the run."""
        return any(step.phase is Phase.DROP for step in self.steps)

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
        """The renames of the index, its prefix and its fields."""
        return RenameOperations.of(self.changes)

    @property
    def validation(self) -> ValidationPolicy:
        """What the validation requires."""
        return ValidationPolicy()

    @property
    def merged_target_schema(self) -> dict[str, Any]:
        """The target as the mapping that a schema file holds."""
        from fieldfare.definition.schema import to_schema  # noqa: PLC0415 - start-up time

        return to_schema(self.target)
