"""The figures as people and machines read them, on a real server."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fieldfare.cli.app import run
from fieldfare.plan.file import load_plan
from fieldfare.server import Server

IMAGE = ("TYPE", "FLOAT32", "DIM", 8, "DISTANCE_METRIC", "COSINE")
VECTORS = np.load(Path(__file__).parents[3] / "examples" / "wordnet" / "vectors.npy")[:400]


@pytest.fixture(autouse=True)
def index(server: Server, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    monkeypatch.chdir(tmp_path)
    fields = ("gloss", "TEXT", "vec", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 384, "DISTANCE_METRIC", "COSINE")
    server.command("FT.CREATE", "words", "PREFIX", 1, "word:", "SCHEMA", *fields)
    server.bulk([("HSET", f"word:{row}", "vec", vector.tobytes()) for row, vector in enumerate(VECTORS)])


def test_advise_shows_a_table_without_a_patch(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["advise", "--index", "words"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Vector field 'vec':"
    assert "documents 400, vectors 400" in lines[1]
    assert [line.split()[0] for line in lines[4:9]] == ["float32", "float16", "bfloat16", "int8", "uint8"]
    assert lines[-1].startswith("Advice: ")


def test_advise_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["advise", "--index", "words", "--field", "vec", "--json"]) == 0
    advice = json.loads(capsys.readouterr().out)["fields"]["vec"]
    kept = {row["datatype"]: row["recall@10"] for row in advice["details"]["prediction"]}
    assert kept["float16"] > 0.99
    assert kept["int8"] > 0.98
    assert advice["better"] in kept


def test_advise_about_a_field_that_is_no_vector(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["advise", "--index", "words", "--field", "gloss"]) == 2
    assert "has no vector field 'gloss'; it has vec" in capsys.readouterr().err


def test_advise_about_nothing_but_nan(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    broken = np.full(384, np.nan, "<f4").tobytes()
    server.bulk([("HSET", f"word:{row}", "vec", broken) for row in range(len(VECTORS))])
    assert run(["advise", "--index", "words"]) == 2
    assert "no vector of finite numbers" in capsys.readouterr().err


def test_a_field_that_no_document_has_does_not_keep_advice_on_others(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.command("FT.ALTER", "words", "SCHEMA", "ADD", "image", "VECTOR", "FLAT", 6, *IMAGE)
    assert run(["advise", "--index", "words"]) == 0
    out = capsys.readouterr().out
    assert "float16" in out
    assert out.endswith("Vector field 'image':\nAdvice: none: it has no vector of finite numbers\n")
    assert run(["advise", "--index", "words", "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)["fields"]
    assert fields["vec"]["better"]
    assert fields["image"] is None
    assert run(["advise", "--index", "words", "--field", "image"]) == 2
    assert "Field 'image': no vector of finite numbers" in capsys.readouterr().err


def test_plan_shows_the_table_and_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("patch.yaml").write_text("version: 1\nchanges: {update_fields: [{name: vec, attrs: {datatype: float16}}]}\n")
    assert run(["plan", "--index", "words", "--schema-patch", "patch.yaml"]) == 0
    out = capsys.readouterr().out
    assert "About field 'vec': datatype: float32 → float16:" in out
    assert "recall@10" in out
    (claimed,) = load_plan(tmp_path / "migration_plan.yaml").claims
    assert claimed.claim.details["sample"]["vectors"] == 400


def test_plan_blocks_what_keeps_too_little_until_the_loss_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    Path("patch.yaml").write_text("version: 1\nchanges: {update_fields: [{name: vec, attrs: {datatype: bfloat16}}]}\n")
    plan = ["plan", "--index", "words", "--schema-patch", "patch.yaml", "--min-recall", "1.0"]
    assert run(plan) == 4
    assert "of the ten nearest neighbours (recall@10) under cosine, less than the required 1" in capsys.readouterr().err
    assert run([*plan, "--accept-recall-loss"]) == 0
    assert "would keep" in capsys.readouterr().out


def test_integers_are_blocked_with_what_the_server_has_and_what_is_needed(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    if server.capabilities.indexes("int8"):
        pytest.skip("this server has int8 vectors")
    Path("patch.yaml").write_text(
        "version: 1\nchanges:\n  update_fields:\n"
        "    - {name: vec, attrs: {datatype: int8}, quantization: {clip: 0.999}}\n"
    )
    assert run(["plan", "--index", "words", "--schema-patch", "patch.yaml"]) == 4
    assert "and int8 needs search 8.0.0 or newer" in capsys.readouterr().err


@pytest.fixture
def documents(server: Server) -> None:
    """The same vectors as JSON documents."""
    server.bulk(
        [("JSON.SET", f"json:{row}", "$", json.dumps({"v": vector.tolist()})) for row, vector in enumerate(VECTORS)]
    )
    server.command(
        *("FT.CREATE", "numbers", "ON", "JSON", "PREFIX", 1, "json:", "SCHEMA", "$.v", "AS", "v", "VECTOR", "FLAT"),
        *(6, "TYPE", "FLOAT32", "DIM", 384, "DISTANCE_METRIC", "COSINE"),
    )


@pytest.mark.usefixtures("documents")
def test_json_documents_are_advised_on_but_not_towards_integers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["advise", "--index", "numbers", "--json"]) == 0
    numbers = json.loads(capsys.readouterr().out)["fields"]["v"]["details"]["prediction"]
    assert [row["datatype"] for row in numbers] == ["float32", "float16", "bfloat16"]
    assert run(["advise", "--index", "words", "--json"]) == 0
    words = json.loads(capsys.readouterr().out)["fields"]["vec"]["details"]["prediction"]
    for number, word in zip(numbers[1:], words[1:3], strict=True):
        assert number["recall@10"] == pytest.approx(word["recall@10"], abs=0.005)


@pytest.mark.usefixtures("documents")
def test_plan_blocks_what_an_index_of_json_would_not_find(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Each vector has a twin, so near that bfloat16 cannot tell which of the two is nearer to a third one."""
    twins = [vector + 0.001 * other for vector, other in zip(VECTORS, VECTORS[::-1], strict=True)]
    server.bulk([("JSON.SET", f"json:twin{row}", "$", json.dumps({"v": v.tolist()})) for row, v in enumerate(twins)])
    Path("patch.yaml").write_text("version: 1\nchanges: {update_fields: [{name: v, attrs: {datatype: bfloat16}}]}\n")
    assert run(["plan", "--index", "numbers", "--schema-patch", "patch.yaml", "--min-recall", "1.0"]) == 4
    assert "of the ten nearest neighbours (recall@10) under cosine, less than the required 1" in capsys.readouterr().err


def test_quantization_without_another_datatype_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    for change in ("", "attrs: {distance_metric: l2}, ", "attrs: {datatype: float32}, "):
        Path("patch.yaml").write_text(
            f"version: 1\nchanges:\n  update_fields:\n    - {{name: vec, {change}quantization: {{scale: 0.1}}}}\n"
        )
        assert run(["plan", "--index", "words", "--schema-patch", "patch.yaml"]) == 2
        assert "Field 'vec': quantization says how its vectors are converted" in capsys.readouterr().err
