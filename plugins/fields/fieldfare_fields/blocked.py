"""Changes that would need other documents than there are."""

from __future__ import annotations

from fieldfare.changes import ChangeFieldPath, ChangeFieldType, ChangeStorage
from fieldfare.plan import Claim

__all__ = ["claim_blocked"]


def claim_blocked(change: ChangeStorage | ChangeFieldType | ChangeFieldPath) -> Claim:
    """Claim a change that cannot be carried out, with the reason and what to do instead."""
    match change:
        case ChangeStorage(old, new):
            return Claim.blocked(
                f"{old} and {new} documents have different data formats",
                workaround="export the documents, transform them, and load them into a new index",
            )
        case ChangeFieldType(name, old, new):
            return Claim.blocked(
                f"values that were written as {old} need not be valid as {new}, and documents with other values "
                "would drop out of the index",
                workaround=f"remove {name!r}, and add the {new} field in a second migration, once its values fit",
            )
        case ChangeFieldPath(name, old, new):
            return Claim.blocked(
                f"the documents have their values at {old!r}, and nothing says that they have them at {new!r} too",
                workaround=f"write the values to {new!r}, then remove {name!r} and add it again in two migrations",
            )
