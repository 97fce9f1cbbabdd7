"""What the plugin says to a change of a vector's dims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from fieldfare.changes import AddField, Change, RemoveField, UpdateField
from fieldfare.definition import Field, FieldType, Storage
from fieldfare.documents import Batch, Column
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.plan import Claim, Step
from fieldfare_dims import plugin
from fieldfare_vectors.datatype import DATATYPES

Live = Callable[..., LiveIndex]
Embedding = Callable[..., Field]

HALF = UpdateField("embedding", "dims", 4, 2)
TO_QUERIES = (
    "'embedding': queries must be truncated to 2 dims too (fieldfare encode-query); an application that still sends "
    "longer vectors gets errors"
)


def claim_of(change: Change, live: LiveIndex, **truncation: Any) -> Claim:
    """Return the claim, which there must be."""
    patch = {"update_fields": [{"name": "embedding", "truncation": truncation}]}
    claim = plugin.fieldfare_classify(change, evolve(live, patch=patch))
    assert claim is not None
    return claim


def plan(change: Change, live: LiveIndex) -> Step:
    """Return the step that truncates."""
    claim = claim_of(change, live)
    assert claim.is_supported
    return plugin.fieldfare_plan_steps(change, claim, live)[0]


@pytest.mark.parametrize("metric", ["cosine", "l2", "ip"])
@pytest.mark.parametrize("storage", Storage)
@pytest.mark.parametrize("datatype", DATATYPES)
def test_fewer_dims_are_supported(
    live: Live, embedding: Embedding, datatype: str, storage: Storage, metric: str
) -> None:
    path = "embedding" if storage is Storage.HASH else "$.embedding"
    index = live(embedding(path=path, datatype=datatype, distance_metric=metric), storage=storage)
    claim = claim_of(HALF, index)
    assert claim.is_supported
    assert claim.rewrites_documents
    assert claim.lossy
    assert claim.warnings == (TO_QUERIES,)
    step = plan(HALF, index)
    assert step.lossy
    assert step.reversible
    assert step.transforms
    assert step.fields == (path,)
    assert step.params == {
        "field": "embedding",
        "path": path,
        "storage": storage.value,
        "datatype": datatype,
        "source": 4,
        "target": 2,
        "metric": metric,
        "renormalize": True,
    }
    assert step.summary == "Truncate 'embedding' from 4 to 2 dims, and renormalize"


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (
            5,
            (
                "vectors of 4 dims can be truncated but not extended to 5: changing vector dimensions requires "
                "re-embedding"
            ),
        ),
        (0, "dims is a whole number, 1 or more, not 0"),
        (-2, "dims is a whole number, 1 or more, not -2"),
        (2.5, "dims is a whole number, 1 or more, not 2.5"),
        (True, "dims is a whole number, 1 or more, not True"),
        ("2", "dims is a whole number, 1 or more, not '2'"),
        (None, "dims is a whole number, 1 or more, not None"),
    ],
)
def test_dims_that_are_blocked(live: Live, new: Any, reason: str) -> None:
    claim = claim_of(UpdateField("embedding", "dims", 4, new), live())
    assert claim.reason == reason
    assert claim.workaround


@pytest.mark.parametrize("datatype", ["int8", "uint8"])
@pytest.mark.parametrize(
    ("metric", "truncation", "reason"),
    [
        ("cosine", {}, None),
        ("cosine", {"renormalize": False}, None),
        ("cosine", {"renormalize": True}, "which cannot be renormalized"),
        ("l2", {}, "which cannot be renormalized, and l2 compares lengths"),
        ("ip", {"renormalize": True}, "which cannot be renormalized, and ip compares lengths"),
        ("l2", {"renormalize": False}, None),
    ],
)
def test_integers_are_only_truncated(  # noqa: PLR0913 - columns of the table
    live: Live,
    embedding: Embedding,
    *,
    datatype: str,
    metric: str,
    truncation: Mapping[str, bool],
    reason: str | None,
) -> None:
    claim = claim_of(HALF, live(embedding(datatype=datatype, distance_metric=metric)), **truncation)
    assert claim.is_supported == (reason is None)
    assert reason is None or reason in str(claim.reason)


def test_a_patch_can_turn_renormalizing_off(live: Live, embedding: Embedding) -> None:
    index = live(embedding(distance_metric="l2"))
    claim = claim_of(HALF, index, renormalize=False)
    assert claim.warnings == (
        TO_QUERIES,
        (
            "'embedding': without renormalizing, vectors of length one become shorter, each by a different factor; l2 "
            "compares lengths too"
        ),
    )
    patch = {"update_fields": [{"name": "vec", "truncation": {"renormalize": False}}]}
    renamed = patch | {"rename_fields": [{"old_name": "embedding", "new_name": "vec"}]}
    (step,) = (each for each in plugin.fieldfare_plan_steps(HALF, claim, evolve(index, patch=renamed)))
    assert step.params["renormalize"] is False
    assert step.summary == "Truncate 'embedding' from 4 to 2 dims"
    assert claim_of(HALF, live(), renormalize=False).warnings == (TO_QUERIES,)


@pytest.mark.parametrize(
    ("truncation", "reason"),
    [
        ({"normalise": True}, "truncation of 'embedding' knows renormalize, not normalise"),
        ({"renormalize": "yes"}, "truncation of 'embedding': renormalize takes true or false, not 'yes'"),
    ],
)
def test_an_invalid_truncation_is_blocked(live: Live, truncation: dict[str, Any], reason: str) -> None:
    claim = claim_of(HALF, live(), **truncation)
    assert (claim.reason, claim.workaround) == (reason, "correct the patch")


def test_another_field_over_the_same_vectors_blocks(live: Live, embedding: Embedding) -> None:
    index = live(embedding(), embedding("exact", "embedding", algorithm="FLAT"))
    assert claim_of(HALF, index).reason == (
        "field 'exact' of this index reads 'embedding' too: it would get shorter vectors"
    )
    assert claim_of(HALF, index.after(RemoveField("exact"))).is_supported


@pytest.mark.parametrize(("reduce", "supported"), [(1, True), (2, False), (3, False)])
def test_svs_cannot_reduce_to_more_than_there_is(
    live: Live, embedding: Embedding, reduce: int, *, supported: bool
) -> None:
    index = live(embedding(algorithm="SVS-VAMANA", compression="LeanVec4x8", reduce=reduce))
    claim = claim_of(HALF, index)
    assert claim.is_supported == supported
    assert supported or claim.reason == f"REDUCE {reduce} of 'embedding' must be less than its new dims, 2"


@pytest.mark.parametrize(
    "change",
    [
        UpdateField("embedding", "datatype", "float32", "float16"),
        UpdateField("title", "dims", 4, 2),
        UpdateField("nothing", "dims", 4, 2),
        AddField(Field("name", FieldType.TEXT, "name")),
    ],
)
def test_other_changes_are_left_to_others(live: Live, change: Change) -> None:
    assert plugin.fieldfare_classify(change, live()) is None


def documents(*vectors: list[float]) -> Batch:
    values = [np.array(vector, "<f4").tobytes() for vector in vectors]
    return Batch(tuple(b"product:%d" % row for row in range(len(values))), {"embedding": Column.of(values)})


def test_a_sample_is_truncated_and_its_notes_are_warnings(live: Live) -> None:
    batch = documents([1, 2, 3, 4], [0, 0, 3, 4], [1, 2, 3, 4], [float("nan"), 0, 0, 0])
    queries, nan, nothing, duplicate = claim_of(HALF, live(documents=[batch])).warnings
    assert queries == TO_QUERIES
    assert nan == (
        "NaN in 'embedding' of 1 of 4 sampled documents (product:3): NaN stays NaN, and the vector "
        "is truncated without being renormalized; apply stops unless --allow-overflow is given"
    )
    assert nothing == (
        "zero after truncation in 'embedding' of 1 of 4 sampled documents (product:1): the first 2 values are all "
        "zeros: the truncated vector has no direction, and no cosine; apply stops unless --allow-overflow is given"
    )
    assert duplicate.startswith("duplicate in 'embedding' of 1 of 4 sampled documents (product:2)")


@pytest.fixture
def leading(live: Live, embedding: Embedding) -> LiveIndex:
    """An index of vectors of which the first half of the values decides nearly everything."""
    vectors = np.random.default_rng(1).standard_normal((300, 8)) * [8, 6, 4, 2, 0.1, 0.01, 0.01, 0.01]
    return live(embedding(dims=8, distance_metric="l2"), documents=[documents(*vectors.tolist())])


def rows(claim: Claim) -> dict[int, Mapping[str, Any]]:
    """Return what is predicted of each number of dims; the first row that has it."""
    return {row["dims"]: row for row in reversed(claim.details["prediction"])}


def test_recall_is_predicted_for_the_requested_and_other_dims(leading: LiveIndex) -> None:
    claim = claim_of(UpdateField("embedding", "dims", 8, 5), leading)
    assert claim.is_supported
    found = rows(claim)
    assert sorted(found) == [1, 2, 4, 5, 6, 8]
    recalls = [found[dims]["recall@10"] for dims in (1, 2, 4, 5, 6)]
    assert recalls == sorted(recalls)
    assert found[5]["recall@10"] > 0.98
    assert found[5]["note"] == "requested"
    assert found[8]["note"] == "now"
    assert found[1]["note"] == "below 0.95"
    assert found[5]["mean_cosine"] > 0.99
    assert claim.details["sample"] == {
        "documents": 300,
        "vectors": 300,
        "queries": 250,
        "seed": 7,
        "metric": "l2",
        "min_recall": 0.95,
    }


def test_dims_that_lose_neighbours_are_blocked_with_the_figures_and_a_better_choice(leading: LiveIndex) -> None:
    change = UpdateField("embedding", "dims", 8, 1)
    claim = claim_of(change, leading)
    assert not claim.is_supported
    kept = rows(claim)[1]["recall@10"]
    assert claim.reason == (
        f"'embedding': 1 dims would keep {kept:.3f} of the ten nearest neighbours (recall@10) under l2, less than the "
        "required 0.95; predicted on 300 vectors"
    )
    assert claim.workaround == (
        f"choose 4 dims, which keep {rows(claim)[4]['recall@10']:.3f}, or plan with --accept-recall-loss"
    )
    assert claim_of(change, evolve(leading, options={"min_recall": kept - 0.01})).is_supported
    accepted = claim_of(change, evolve(leading, options={"accept_recall_loss": True}))
    assert accepted.is_supported
    assert claim.reason in accepted.warnings


def test_where_no_dims_are_enough_the_advice_is_to_keep_them(live: Live) -> None:
    vectors = np.random.default_rng(1).standard_normal((100, 4)).tolist()
    claim = claim_of(HALF, live(documents=[documents(*vectors)]))
    assert claim.workaround == (
        "keep the dims, since only vectors of models that were trained for it (Matryoshka) can be truncated far, or "
        "plan with --accept-recall-loss"
    )


@pytest.mark.parametrize("metric", ["l2", "ip"])
def test_where_lengths_count_both_ways_of_truncating_are_predicted(
    live: Live, embedding: Embedding, metric: str
) -> None:
    vectors = np.random.default_rng(1).standard_normal((300, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = live(embedding(dims=8, distance_metric=metric), documents=[documents(*vectors.tolist())])
    change, loose = UpdateField("embedding", "dims", 8, 6), evolve(index, options={"accept_recall_loss": True})
    scaled, cut = (claim_of(change, loose, renormalize=each).details["prediction"] for each in (True, False))
    assert [row["note"] for row in (scaled[1], scaled[2])] == [
        "requested, below 0.95",
        "with renormalize: false, below 0.95",
    ]
    assert [row["note"] for row in (cut[1], cut[2])] == [
        "requested, below 0.95",
        "with renormalize: true, below 0.95",
    ]
    assert scaled[1]["recall@10"] == cut[2]["recall@10"] != scaled[2]["recall@10"] == cut[1]["recall@10"]
