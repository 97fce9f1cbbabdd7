"""Predicted recall, and which changes it blocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from attrs import evolve

from fieldfare.changes import UpdateField
from fieldfare.definition import Field
from fieldfare.documents import Batch, Column
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.plan import Claim
from fieldfare_quantize import plugin
from fieldfare_quantize.recall_prediction import predict
from fieldfare_vectors.recall_prediction import QUERIES

RANDOM = np.random.default_rng(11)


def test_vectors_of_any_magnitude_can_be_compared() -> None:
    vectors = (RANDOM.standard_normal((200, 8)) * 1e30).astype(np.float32)
    found = predict(vectors, "l2", {"bfloat16": None})["bfloat16"]
    assert found.recall[10] > 0.9
    assert found.cosine[1] > 0.99


def test_a_prediction_says_how_far_vectors_move() -> None:
    vectors = RANDOM.standard_normal((100, 64)).astype(np.float32)
    half, brain = predict(vectors, "l2", {"float16": None, "bfloat16": None}).values()
    assert half.error[0] < 2**-11
    assert half.error[0] < brain.error[0] < brain.error[1] < 2**-8
    assert 0.9999 < brain.cosine[1] <= brain.cosine[0] < half.cosine[0] <= 1


@pytest.fixture
def crowded(live: Callable[..., LiveIndex], embedding: Callable[..., Field]) -> LiveIndex:
    """An index of vectors that differ in digits that bfloat16 does not have."""
    vectors = 1 + RANDOM.standard_normal((200, 4)).astype("<f4") * 1e-3
    keys = tuple(b"product:%d" % row for row in range(len(vectors)))
    batch = Batch(keys, {"embedding": Column.of(vector.astype("<f4").tobytes() for vector in vectors)})
    return live(embedding(distance_metric="l2"), documents=[batch])


def claim_of(live: LiveIndex, target: str, **options: object) -> Claim:
    """Return the claim on a change to a datatype."""
    change = UpdateField("embedding", "datatype", "float32", target)
    claim = plugin.fieldfare_classify(change, evolve(live, options=options))
    assert claim is not None
    return claim


def test_a_conversion_that_loses_neighbours_is_blocked_with_the_figures_and_a_better_choice(crowded: LiveIndex) -> None:
    claim = claim_of(crowded, "bfloat16", min_recall=0.6)
    assert not claim.is_supported
    row = next(each for each in claim.details["prediction"] if each["datatype"] == "bfloat16")
    assert row["recall@10"] < 0.6
    assert row["note"] == "requested, below 0.6"
    assert f"would keep {row['recall@10']:.3f} of the ten nearest neighbours" in str(claim.reason)
    assert "less than the required 0.6; predicted on 200 vectors" in str(claim.reason)
    assert str(claim.workaround).startswith("choose ")
    assert str(claim.workaround).endswith("or plan with --accept-recall-loss")


def test_the_loss_can_be_accepted(crowded: LiveIndex) -> None:
    claim = claim_of(crowded, "bfloat16", accept_recall_loss=True)
    assert claim.is_supported
    assert any("would keep" in line for line in claim.warnings)


def test_the_limit_is_the_users(crowded: LiveIndex) -> None:
    assert not claim_of(crowded, "bfloat16").is_supported
    assert claim_of(crowded, "bfloat16", min_recall=0).is_supported


def test_the_plan_holds_sample_seed_and_figures(crowded: LiveIndex) -> None:
    details = claim_of(crowded, "float16", min_recall=0.5).details
    assert details["sample"] == {
        "documents": 200,
        "vectors": 200,
        "queries": min(QUERIES, 200),
        "seed": 7,
        "metric": "l2",
        "min_recall": 0.5,
    }
    assert [each["datatype"] for each in details["prediction"]] == ["float32", "float16"]
    assert claim_of(crowded, "float16", min_recall=0.5).details == details
    refused = claim_of(crowded, "bfloat16", min_recall=0.6).details
    assert [each["datatype"] for each in refused["prediction"]] == ["float32", "bfloat16", "float16", "int8", "uint8"]


def test_with_too_few_vectors_nothing_is_refused(live: Callable[..., LiveIndex]) -> None:
    claim = claim_of(live(), "float16", min_recall=1.0)
    assert claim.is_supported
    assert {each["recall@10"] for each in claim.details["prediction"]} == {None}


def test_nothing_is_predicted_where_nothing_can_be_lost(crowded: LiveIndex) -> None:
    assert claim_of(crowded, "float64").details == {}
