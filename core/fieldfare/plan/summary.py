"""Summaries of a plan's changes, as sections of the plan file. Data only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from fieldfare.changes import Change, ChangePrefix, RenameField, RenameIndex

__all__ = ["DiffClassification", "Rename", "RenameOperations", "ValidationPolicy"]


@frozen
class DiffClassification:
    """Whether a plan can be applied.

    Attributes:
        supported: whether every change is supported.
        blocked_reasons: one line per blocked change.
    """

    supported: bool
    blocked_reasons: tuple[str, ...] = ()


@frozen
class Rename:
    """A field's name before and after.

    Attributes:
        old_name: before.
        new_name: after.
        logical: whether documents keep the value where it is.
    """

    old_name: str
    new_name: str
    logical: bool = False


@frozen(hash=False)
class RenameOperations:
    """The renames of a plan.

    Attributes:
        rename_index: the index's new name, or None.
        change_prefix: the new prefix, or old prefix → new prefix if there are several, or None.
        rename_fields: the fields.
    """

    rename_index: str | None = None
    change_prefix: str | Mapping[str, str] | None = None
    rename_fields: tuple[Rename, ...] = ()

    @property
    def has_operations(self) -> bool:
        """Whether anything is renamed."""
        return bool(self.rename_index or self.change_prefix is not None or self.rename_fields)

    @classmethod
    def of(cls, changes: Iterable[Change]) -> RenameOperations:
        """Return the renames among changes."""
        index: str | None = None
        prefixes: dict[str, str] = {}
        fields: list[Rename] = []
        for change in changes:
            match change:
                case RenameIndex(_, new):
                    index = new
                case ChangePrefix(old, new):
                    prefixes[old] = new
                case RenameField(old, new, logical):
                    fields.append(Rename(old, new, logical))
                case _:
                    pass
        prefix = next(iter(prefixes.values())) if len(prefixes) == 1 else prefixes or None
        return cls(index, prefix, tuple(fields))


@frozen
class ValidationPolicy:
    """What the validation requires; not less can be asked for.

    Attributes:
        require_doc_count_match: as many documents in the index as before.
        require_schema_match: the live definition is the target.
    """

    require_doc_count_match: bool = True
    require_schema_match: bool = True
