"""What a plan is said to need."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from fieldfare.changes import Change, UpdateField, apply_changes
from fieldfare.definition import AttributeValue, Field, FieldType, IndexDefinition, IndexStats, Snapshot, Storage
from fieldfare.plan import Claim, ClaimedChange, Estimate, MigrationPlan, Step
from fieldfare_quantize import plugin
from fieldfare_quantize.conversion import ConversionParameters, plan_conversion

TO_FLOAT16 = UpdateField("embedding", "datatype", "float32", "float16")


def plan(*steps: Step, changes: tuple[Change, ...] = (), storage: Storage = Storage.HASH) -> MigrationPlan:
    """Build a plan for a million documents."""
    attrs: Mapping[str, AttributeValue] = {"algorithm": "FLAT", "datatype": "float32", "dims": 768}
    definition = IndexDefinition(
        "products", storage, ("product:",), (Field("embedding", FieldType.VECTOR, "embedding", attrs),)
    )
    return MigrationPlan(
        version=1,
        mode="drop_recreate",
        source=Snapshot(definition, IndexStats(num_docs=1_000_000)),
        target=apply_changes(definition, changes),
        patch={},
        claims=tuple(ClaimedChange(change, "quantize", Claim.supported()) for change in changes),
        steps=steps,
        plugins={},
    )


def test_narrowing() -> None:
    step = plan_conversion(ConversionParameters("embedding", "embedding", "float32", "float16", 768))
    assert plugin.fieldfare_estimate(plan(step, changes=(TO_FLOAT16,))) == Estimate(
        disk_bytes=3_072_000_000,
        rdb_bytes=3_072_000_000,
        aof_bytes=1_536_000_000,
        memory_delta_bytes=-1_536_000_000,
        lines=("Vector field 'embedding': 768 dims, float32 -> float16",),
    )


def test_widening_and_a_second_field() -> None:
    steps = (
        plan_conversion(ConversionParameters("embedding", "embedding", "float32", "float64", 768)),
        plan_conversion(ConversionParameters("image", "image", "float16", "bfloat16", 100)),
    )
    estimate = plugin.fieldfare_estimate(plan(*steps))
    assert estimate is not None
    assert estimate.disk_bytes == 3_272_000_000
    assert estimate.rdb_bytes == 6_344_000_000
    assert estimate.memory_delta_bytes == 3_072_000_000
    assert len(estimate.lines) == 2


def test_json_writes_nothing() -> None:
    assert plugin.fieldfare_estimate(plan(changes=(TO_FLOAT16,), storage=Storage.JSON)) == Estimate(
        memory_delta_bytes=-1_536_000_000,
        lines=(
            (
                "Vector field 'embedding': 768 dims, float32 -> float16 "
                "(in the index only; JSON documents stay as they are)"
            ),
        ),
    )


def test_a_plan_without_vectors_is_not_mentioned() -> None:
    assert plugin.fieldfare_estimate(plan(changes=(UpdateField("embedding", "m", 16, 20),))) is None
    assert plugin.fieldfare_estimate(plan(storage=Storage.JSON)) is None


def test_a_blocked_plan_is_not_estimated() -> None:
    blocked = plan(changes=(TO_FLOAT16,), storage=Storage.JSON)
    claim = ClaimedChange(TO_FLOAT16, "quantize", Claim.blocked("no"))
    assert plugin.fieldfare_estimate(evolve(blocked, claims=(claim,))) is None
