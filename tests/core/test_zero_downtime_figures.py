"""The load benchmark measures what it says, and the documentation quotes its file."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from comparison.documents import WORDNET
from fieldfare.server import Server
from fieldfare.server.pipeline import pack
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.load import Answer, querying
from fieldfare.testing.load_clients import Client
from live.documents import Dictionary
from live.final_state import count_stale
from live.measure import CASES, find_outage, run_case, to_float16, to_int8
from live.page import BEGIN, END, make_section
from live.results import read, write

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_quotes_the_file(tmp_path: Path) -> None:
    run = read(DOCS / "zero_downtime.json")
    assert f"{BEGIN}\n{make_section(run)}{END}" in (DOCS / "zero-downtime.md").read_text()
    write(run, tmp_path / "again.json")
    assert read(tmp_path / "again.json") == run


def test_an_outage_lasts_until_a_query_succeeds() -> None:
    answers = [Answer(1, 0.1, 3), Answer(2, 0.1, 0, "no such index"), Answer(3, 0.1, 0), Answer(5, 0.1, 3)]
    assert find_outage(answers) == 3
    assert find_outage(answers[:1]) == 0


def test_a_query_that_is_encoded_anew_does_not_fail(server: Server, redis_url: str) -> None:
    dictionary = Dictionary.read(WORDNET.with_name("documents.jsonl"), WORDNET, 20)
    dictionary.load(server, has_vectors=True, is_alias=True)
    vector = dictionary.vectors[:1].astype("<f2")
    create = ("FT.CREATE", "words_2", "PREFIX", 1, "other:", "SCHEMA", "embedding", "VECTOR", "FLAT", 6, "TYPE")
    server.command(*create, "FLOAT16", "DIM", vector.shape[1], "DISTANCE_METRIC", "COSINE")
    server.command("HSET", "other:1", "embedding", vector.tobytes())
    wait_until_indexed(server)
    queries = dictionary.queries(has_vectors=True)[:1]
    with querying(redis_url, queries, encoded_anew={0: dictionary.nearest(vector.tobytes())}, pause=0.001) as load:
        for index in ("words_2", "words_1"):
            server.command("FT.ALIASUPDATE", "words", index)
            time.sleep(0.1)  # the client asks
    assert load.errors == []
    assert {each.results for each in load.answers} == {10, 1}


def test_a_client_with_a_schedule_makes_up_for_answers_that_take_long(server: Server) -> None:
    options = server.nodes()[0].connection_pool.connection_kwargs
    address = [options["path"]] if "path" in options else [options["host"], options["port"]]
    password = options.get("password")
    login = [pack(("AUTH", options.get("username") or "default", password))] if password else []
    client = Client(address, login, [pack(("DEL", "no"))], [], 0.3, keeps_schedule=True)
    with client.socket:
        first = client.due
        for _ in range(3):
            client.send()
            client.receive()
        assert client.due == pytest.approx(first + 3 * 0.3)
        client.due -= 60  # the server did not answer for a minute
        client.send()
        client.receive()
        assert client.due > first - 2


def test_documents_that_are_not_as_they_were_written_are_counted(server: Server) -> None:
    vector = np.arange(4, dtype="<f4")
    for key in ("word:1", "word:2", "entry:2"):
        server.command("HSET", key, "embedding", vector.tobytes())
    server.command("HSET", "word:1", "embedding__v2", to_float16(vector).tobytes())
    assert count_stale(server, to_float16, "word:") == 1
    assert count_stale(server, None, "entry:") == 1


def test_documents_of_all_nodes_of_a_cluster_are_counted(cluster: Server) -> None:
    vector = np.arange(4, dtype="<f4")
    for number in range(30):
        cluster.command("HSET", f"word:{number}", "embedding", vector.tobytes())
    assert count_stale(cluster, to_float16, "word:") == 30


def test_vectors_become_int8_each_with_its_own_scale() -> None:
    vectors = np.random.default_rng(1).standard_normal((20, 8)).astype("<f4")
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    assert np.array_equal(to_int8(vectors), np.rint(vectors / largest * 127))


def test_clients_see_an_outage_of_a_dropped_index_alone(
    server: Server, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.measure.QUIET_SECONDS", 0.5)
    dictionary = Dictionary.read(WORDNET.with_name("documents.jsonl"), WORDNET, 200)
    rolled_back, dropped = CASES[1], CASES[-1]
    result = run_case(rolled_back, server, redis_url, dictionary)
    assert sum(each.errors + each.empty for each in result.parts.values()) == 0
    assert (result.outage_seconds, result.not_found, result.write_errors) == (0, 0, 0)
    assert result.back_ms is not None
    assert result.writes_per_second
    assert f"({result.writes_per_second:.0f}/s)" in make_section(
        evolve(read(DOCS / "zero_downtime.json"), cases=[result])
    )
    assert {"before", "apply", "apply: switch", "after", "rollback", "rollback: switch"} <= result.parts.keys()
    result = run_case(dropped, server, redis_url, dictionary)
    assert result.outage_seconds > 0
    assert result.not_found == 0
