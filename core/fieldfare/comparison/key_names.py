"""The keys of documents in the two indexes: a migration may have given them another prefix."""

from __future__ import annotations

from attrs import frozen

from fieldfare.changes import ChangePrefix
from fieldfare.definition.reply import encode
from fieldfare.plan import MigrationPlan

__all__ = ["KeyNames"]


@frozen
class KeyNames:
    """How a migration names keys.

    Attributes:
        plan: the plan of the migration; None if keys have the same names in both indexes.
    """

    plan: MigrationPlan | None = None

    @classmethod
    def of(cls, plan: MigrationPlan | None) -> KeyNames:
        """Return the names of a plan; the same ones if it moves no keys."""
        return cls(plan if plan is not None and plan.moves_keys else None)

    def new(self, key: bytes) -> bytes:
        """Return a key's name in the second index."""
        return key if self.plan is None else self.plan.moved(key)

    def old(self, key: bytes) -> bytes:
        """Return a key's name in the first index; the key itself if the migration gives none this name."""
        for each in self.plan.changes if self.plan is not None else ():
            if isinstance(each, ChangePrefix) and key.startswith(encode(each.new)):
                old = encode(each.old) + key[len(encode(each.new)) :]
                if self.new(old) == key:
                    return old
        return key
