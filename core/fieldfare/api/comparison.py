"""Compares what two live indexes answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fieldfare.api.server_argument import server_at
from fieldfare.comparison import IndexComparison, comparable_queries, compare_checks, sample_queries
from fieldfare.comparison.compare import ROUNDS
from fieldfare.comparison.sample_queries import SAMPLES
from fieldfare.errors import UsageError
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.queries import QueryChecks
from fieldfare.queries.file import load_query_checks
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition

if TYPE_CHECKING:
    from fieldfare.server.client_address import AnyClient

__all__ = ["compare_indexes"]


def compare_indexes(  # noqa: PLR0913 - what a comparison consists of
    index: str,
    against: str,
    *,
    redis_url: str | None = None,
    redis_client: AnyClient | None = None,
    server: Server | None = None,
    query_check_file: str | Path | None = None,
    min_overlap: float | None = None,
    min_mean_overlap: float | None = None,
    samples: int = SAMPLES,
    rounds: int = ROUNDS,
    plugins: Plugins | None = None,
) -> IndexComparison:
    """Send the same queries to two indexes of one server, and compare the answers. Changes nothing.

    Args:
        index: the reference index, or an alias.
        against: the index that should find the same, or an alias.
        redis_url: the URL of the server.
        redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
        server: an open connection of fieldfare, instead of both.
        query_check_file: the queries, as YAML. Without it: the number of documents, and nearest neighbours of some.
        min_overlap: the minimum overlap of each query that sets none; None for the value of the file, or 0.9.
        min_mean_overlap: the minimum overlap of all queries together; None for the value of the file, if it has one.
        samples: without a file, how many documents of each vector field give query vectors.
        rounds: how often each query is sent to each index.
        plugins: they encode vectors for integer datatypes; by default every installed plugin.

    Raises:
        UsageError: a share is not from 0 to 1, there are no queries, or both names lead to one index.
        FileError: the file, or a file of a vector that it names, cannot be used.
        IndexNotFound: one of the indexes does not exist.
        CommandNotAllowed: the user may not query one of them.
    """
    for name, share in (("min_overlap", min_overlap), ("min_mean_overlap", min_mean_overlap)):
        if share is not None and not 0 <= share <= 1:
            raise UsageError(f"{name}={share:g}: it is a share from 0 to 1")
    if samples < 1 or rounds < 1:
        raise UsageError(f"samples={samples}, rounds={rounds}: both are at least 1")
    checks = load_query_checks(query_check_file)
    if query_check_file and not comparable_queries(checks):
        raise UsageError(f"{query_check_file} has no queries")
    plugins = plugins or load_plugins()
    plugins.raise_if_broken()
    with server_at(server, redis_url, redis_client) as opened:
        first, second = read_definition(opened, index), read_definition(opened, against)
        if first.name == second.name:
            raise UsageError(f"{index!r} and {against!r} are one index: {first.name!r}. Name two")
        if not query_check_file:
            checks = QueryChecks(queries=sample_queries(opened, first, second, samples))
        return compare_checks(
            opened,
            index,
            against,
            checks,
            plugins=plugins,
            min_overlap=min_overlap,
            min_mean_overlap=min_mean_overlap,
            rounds=rounds,
        )
