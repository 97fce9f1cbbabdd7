"""Adding a field to the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.plan import Claim
from fieldfare_fields.cost_warnings import costs_of_field
from fieldfare_fields.ft_create_rules import invalid_field_reason
from fieldfare_fields.rename_suspect import find_rename_suspect
from fieldfare_fields.server_requirements import unsupported_field_reason

if TYPE_CHECKING:
    from fieldfare.changes import AddField
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["claim_add_field"]


def claim_add_field(change: AddField, live: LiveIndex) -> Claim:
    """Claim a new field; documents that already hold it are indexed when the index is built again."""
    new = change.field
    if new.is_vector:
        return Claim.blocked(
            "a new vector field requires vectors for all documents",
            workaround="write the vectors to the documents first, then add the field with FT.ALTER ... SCHEMA ADD",
        )
    removed = find_rename_suspect(new, live)
    if removed is not None:
        return Claim.blocked(
            f"removing {removed.name!r} and adding {new.name!r}, of the same type and with the same attributes, looks "
            "like a rename, but the documents would keep their values under the old name",
            workaround=f"rename_fields, from {removed.name!r} to {new.name!r}; or remove and add in two migrations "
            "if they are different fields",
        )
    invalid = invalid_field_reason(new)
    if invalid is not None:
        return Claim.blocked(invalid, workaround="correct the field in the patch")
    unsupported = unsupported_field_reason(new, live.server)
    if unsupported is not None:
        return Claim.blocked(unsupported, workaround="update the server, or leave that out of the patch")
    return Claim.supported(warnings=costs_of_field(new))
