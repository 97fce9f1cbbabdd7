"""Changes that fieldfare does not support, because every document would have to be converted."""

from __future__ import annotations

from fieldfare.changes import ChangeFieldPath, ChangeFieldType, ChangeStorage
from fieldfare.plan import Claim

__all__ = ["claim_unsupported"]


def claim_unsupported(change: ChangeStorage | ChangeFieldType | ChangeFieldPath) -> Claim:
    """Claim an unsupported change, with the reason and a workaround."""
    match change:
        case ChangeStorage(old, new):
            return Claim.blocked(
                f"{old} and {new} documents have different data formats",
                workaround="export the documents, transform them, and load them into a new index",
            )
        case ChangeFieldType(name, old, new):
            return Claim.blocked(
                f"values that were written as {old} may not be valid as {new}, and documents with such values "
                "would drop out of the index",
                workaround=f"once its values fit, add a {new} field with another name and the same path, and remove "
                f"{name!r} later",
            )
        case ChangeFieldPath(name, old, new):
            return Claim.blocked(
                f"the documents hold their values at {old!r}, and may not hold them at {new!r}",
                workaround=f"write the values to {new!r}, then remove {name!r} and add it again in two migrations",
            )
