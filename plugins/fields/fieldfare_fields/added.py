"""Adding a field to the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.plan import Claim
from fieldfare_fields.cost import costs_of_field
from fieldfare_fields.lookalike import find_lookalike
from fieldfare_fields.refusal import refused_field
from fieldfare_fields.requirement import lacking_for_field

if TYPE_CHECKING:
    from fieldfare.changes import AddField
    from fieldfare.live import LiveIndex

__all__ = ["claim_added"]


def claim_added(change: AddField, live: LiveIndex) -> Claim:
    """Claim a new field; documents that have it are found by it as soon as the index is there again."""
    new = change.field
    if new.is_vector:
        return Claim.blocked(
            "a new vector field requires vectors for all documents",
            workaround="write the vectors to the documents first, then add the field with FT.ALTER ... SCHEMA ADD",
        )
    old = find_lookalike(new, live)
    if old is not None:
        return Claim.blocked(
            f"removing {old.name!r} and adding {new.name!r}, of the same type and with the same attributes, looks "
            "like a rename, and this way the documents would keep their values under the old name",
            workaround=f"rename_fields, from {old.name!r} to {new.name!r}; or remove and add in two migrations "
            "if they are different fields",
        )
    refusal = refused_field(new)
    if refusal is not None:
        return Claim.blocked(refusal, workaround="correct the field in the patch")
    lack = lacking_for_field(new, live.server)
    if lack is not None:
        return Claim.blocked(lack, workaround="update the server, or leave that out of the patch")
    return Claim.supported(warnings=costs_of_field(new))
