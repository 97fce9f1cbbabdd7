"""Giving an attribute of a field another value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.plan import Claim
from fieldfare_fields.algorithm import algorithm_warnings, refused_algorithm
from fieldfare_fields.cost import costs_of_update
from fieldfare_fields.refusal import refused_field
from fieldfare_fields.requirement import lacking_for_field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.changes import UpdateField
    from fieldfare.definition import Field
    from fieldfare.live import LiveIndex

__all__ = ["claim_updated"]


def claim_updated(change: UpdateField, live: LiveIndex) -> Claim | None:
    """Claim a changed attribute.

    Returns:
        None for a vector's datatype and dims, which are no matter of the index alone, and if there is no such field.
    """
    before, after = live.definition.find(change.name), live.after(change).definition.find(change.name)
    if before is None or after is None or (before.is_vector and change.attribute in {"datatype", "dims"}):
        return None
    return next(_refusals(change, after, live), None) or Claim.supported(warnings=_warnings(change, before, after))


def _refusals(change: UpdateField, after: Field, live: LiveIndex) -> Iterator[Claim]:
    refusal = refused_field(after)
    if refusal is not None:
        yield Claim.blocked(refusal, workaround="correct the patch; if it sets both right, do so in two migrations")
    lack = lacking_for_field(after, live.server)
    if lack is not None:
        yield Claim.blocked(lack, workaround="update the server, or leave that out of the patch")
    if change.attribute == "algorithm":
        yield from refused_algorithm(after)


def _warnings(change: UpdateField, before: Field, after: Field) -> tuple[str, ...]:
    if change.attribute == "algorithm":
        return algorithm_warnings(before, after)
    return costs_of_update(change)
