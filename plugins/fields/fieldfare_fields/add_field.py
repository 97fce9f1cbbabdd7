"""Adding a field to the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.definition.canonical import canonical_field
from fieldfare.plan import Claim
from fieldfare_fields.cost_warnings import costs_of_field
from fieldfare_fields.ft_create_rules import refused_field, refused_number_of_fields

if TYPE_CHECKING:
    from fieldfare.changes import AddField
    from fieldfare.definition import Field
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
    removed = _find_rename_suspect(new, live)
    if removed is not None:
        return Claim.blocked(
            f"removing {removed.name!r} and adding {new.name!r}, of the same type and with the same attributes, looks "
            "like a rename, but the documents would keep their values under the old name",
            workaround=f"rename_fields, from {removed.name!r} to {new.name!r}; or remove and add in two migrations "
            "if they are different fields",
        )
    refused = refused_field(new, live.server, workaround="correct the field in the patch")
    refused = refused or refused_number_of_fields(live.after(change).definition)
    return refused or Claim.supported(warnings=costs_of_field(new))


def _find_rename_suspect(new: Field, live: LiveIndex) -> Field | None:
    """Return the removed field that ``new`` may be a rename of, or None.

    It has the same type and attributes, and another path. A field with the same path is no suspect: documents
    keep their values where the new field reads them.
    """
    storage = live.definition.storage
    attrs = canonical_field(new, storage).attrs
    removed = (each for each in live.snapshot.definition.fields if live.definition.find(each.name) is None)
    return next(
        (
            each
            for each in removed
            if each.type is new.type and each.path != new.path and canonical_field(each, storage).attrs == attrs
        ),
        None,
    )
