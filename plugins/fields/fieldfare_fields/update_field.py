"""Changing an attribute of a field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.plan import Claim
from fieldfare_fields.algorithm import algorithm_blockers, algorithm_warnings
from fieldfare_fields.cost_warnings import costs_of_update
from fieldfare_fields.ft_create_rules import invalid_field_reason
from fieldfare_fields.server_requirements import unsupported_field_reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.changes import UpdateField
    from fieldfare.definition import Field
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["claim_update_field"]


def claim_update_field(change: UpdateField, live: LiveIndex) -> Claim | None:
    """Claim a changed attribute.

    Returns:
        None for a vector's datatype and dims, which also change documents, and if there is no such field.
    """
    before, after = live.definition.find(change.name), live.after(change).definition.find(change.name)
    if before is None or after is None or (before.is_vector and change.attribute in {"datatype", "dims"}):
        return None
    return next(_blockers(change, after, live), None) or Claim.supported(warnings=_warnings(change, before, after))


def _blockers(change: UpdateField, after: Field, live: LiveIndex) -> Iterator[Claim]:
    invalid = invalid_field_reason(after)
    if invalid is not None:
        yield Claim.blocked(invalid, workaround="correct the patch; if it sets both right, do so in two migrations")
    unsupported = unsupported_field_reason(after, live.server)
    if unsupported is not None:
        yield Claim.blocked(unsupported, workaround="update the server, or leave that out of the patch")
    if change.attribute == "algorithm":
        yield from algorithm_blockers(after)


def _warnings(change: UpdateField, before: Field, after: Field) -> tuple[str, ...]:
    if change.attribute == "algorithm":
        return algorithm_warnings(before, after)
    return costs_of_update(change)
