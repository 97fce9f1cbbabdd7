"""The memory that documents with both values, and a second index, need until a run is finalized."""

from __future__ import annotations

from typing import Final

from fieldfare.engine.copied_keys import copies_keys
from fieldfare.engine.shadow_paths import shadow_paths
from fieldfare.plan import Estimate, MigrationPlan
from fieldfare.server.knn import WIDTHS

__all__ = ["estimate_extra_memory"]

MIB: Final = 1024 * 1024


def estimate_extra_memory(plan: MigrationPlan) -> Estimate | None:
    """Return a line about the memory until the run is finalized; None for a plan with one of each."""
    stats = plan.source.stats
    index = int((stats.vector_index_size_mb + stats.other_memory_size_mb) * MIB)
    if copies_keys(plan):
        documents = f"{stats.num_docs:,} documents for a second time"
        return Estimate(lines=(f"Until finalize: ~{index / MIB:,.1f} MiB for a second index, and {documents}",))
    if not shadow_paths(plan):
        return None
    vectors = _shadow_field_bytes(plan)
    line = (
        f"Until finalize: ~{index / MIB:,.1f} MiB for a second index, and ~{vectors / MIB:,.1f} MiB for the vectors of "
        "shadow fields"
    )
    return Estimate(lines=(line,))


def _shadow_field_bytes(plan: MigrationPlan) -> int:
    """Return the bytes of the vectors that shadow fields will hold; of other values nobody knows them."""
    shadows = set(shadow_paths(plan).values())
    widths = (
        int(field.attrs["dims"]) * WIDTHS[str(field.attrs["datatype"]).lower()]
        for field in plan.target.fields
        if field.is_vector and field.path in shadows
    )
    return plan.source.stats.num_docs * sum(widths)
