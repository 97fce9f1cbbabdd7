"""Asks two indexes the same queries, in turn, and compares what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any, Final

from attrs import define, evolve, field
from redis.exceptions import ResponseError

from fieldfare.comparison.command import query_command, sorted_command
from fieldfare.comparison.key_names import KeyNames
from fieldfare.comparison.latency import summarize
from fieldfare.comparison.model import MIN_OVERLAP, IndexComparison, Latency, Pair, QueryComparison
from fieldfare.comparison.query_vector import QueriedIndex, VectorEncoder
from fieldfare.comparison.ranking import Ranking, Score, overlap, score_differences
from fieldfare.comparison.rows import row_overlap
from fieldfare.definition import IndexDefinition
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.errors import FieldfareError
from fieldfare.hooks.manager import Plugins
from fieldfare.plan import MigrationPlan
from fieldfare.queries import Kind, Query
from fieldfare.queries.arguments import SortOrder, aggregate_cutoff, search_order
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition, read_stats
from fieldfare.server.pipeline import Argument, Command
from fieldfare.server.query_reply import aggregate_rows, ranked_results, total_of
from fieldfare.server.refusal import CommandNotAllowed

__all__ = ["ROUNDS", "compare_indexes"]

ROUNDS: Final = 5
"""How often each index is asked each query."""


def compare_indexes(  # noqa: PLR0913 - what a comparison consists of
    server: Server,
    index: str,
    against: str,
    queries: Sequence[Query],
    *,
    plugins: Plugins,
    plan: MigrationPlan | None = None,
    min_overlap: float = MIN_OVERLAP,
    min_mean_overlap: float | None = None,
    rounds: int = ROUNDS,
) -> IndexComparison:
    """Ask two indexes the same queries, and compare what they answer. Changes nothing.

    The indexes are asked in turn, and the best of all rounds counts: what an application writes between two questions
    is not a difference of the indexes.

    Args:
        server: it has both indexes.
        index: the first one, or an alias of it: its answers are what the second one should find.
        against: the second one, or an alias of it.
        queries: those of a query check file, or of :func:`~fieldfare.comparison.sample_queries.sample_queries`.
        plugins: they encode query vectors for an index whose vectors are integers, or are shorter.
        plan: of the migration that made the second index: it tells how vectors are encoded and keys are named there.
        min_overlap: the least overlap of each query that has none of its own.
        min_mean_overlap: the least overlap of all queries together; None requires nothing of it.
        rounds: how often each index is asked each query.

    Raises:
        IndexNotFound: there is no such index.
        CommandNotAllowed: the user may not ask it.
    """
    definitions = Pair(read_definition(server, index), read_definition(server, against))
    asker = _Asker(server, definitions, VectorEncoder(server, plugins, definitions.index), plan, rounds)
    compared = [asker.compare(each, min_overlap if each.min_overlap is None else each.min_overlap) for each in queries]
    renamed = evolve(definitions.against, name=definitions.index.name)
    return IndexComparison(
        index=definitions.index.name,
        against=definitions.against.name,
        queries=tuple(compared),
        documents=Pair(read_stats(server, index).num_docs, read_stats(server, against).num_docs),
        differences=find_mismatches(definitions.index, renamed),
        min_mean_overlap=min_mean_overlap,
        latency=asker.latency(),
    )


@define
class _Side:
    """One index, and its parameters of one query."""

    queried: QueriedIndex
    params: dict[str, Argument]
    seconds: list[float] = field(factory=list)

    @property
    def order(self) -> SortOrder:
        return search_order(self.queried.command.arguments)

    def request(self, query: Query, within: Sequence[bytes] = ()) -> Command:
        return query_command(self.queried.definition.name, query, self.queried.command, self.params, within=within)


@define
class _Asker:
    server: Server
    definitions: Pair[IndexDefinition]
    encoder: VectorEncoder
    plan: MigrationPlan | None
    rounds: int
    names: KeyNames = field(init=False)
    _seconds: Pair[list[float]] = field(init=False, factory=lambda: Pair([], []))

    def __attrs_post_init__(self) -> None:
        self.names = KeyNames.of(self.plan)

    def compare(self, query: Query, required: float) -> QueryComparison:
        """Ask both indexes one query; an error is part of the result."""
        failed = QueryComparison(query.name, overlap=0.0, min_overlap=required)
        try:
            sides = Pair(
                self._side(query, QueriedIndex(self.definitions.index, sorted_command(query.command))),
                self._side(
                    query,
                    QueriedIndex(
                        self.definitions.against, sorted_command(query.against or query.command), self.plan, self.names
                    ),
                ),
            )
            best = self._ask(query, sides, failed)
        except CommandNotAllowed:
            raise
        except (ResponseError, FieldfareError) as error:
            return evolve(failed, error=str(error))
        self._seconds.index.extend(sides.index.seconds)
        self._seconds.against.extend(sides.against.seconds)
        return evolve(best, latency=Pair(summarize(sides.index.seconds), summarize(sides.against.seconds)))

    def latency(self) -> Pair[Latency] | None:
        """Return the latencies of all queries together; None if there was no answer."""
        if not self._seconds.index:
            return None
        return Pair(summarize(self._seconds.index), summarize(self._seconds.against))

    def _side(self, query: Query, queried: QueriedIndex) -> _Side:
        return _Side(queried, self.encoder.params(query, queried))

    def _ask(self, query: Query, sides: Pair[_Side], best: QueryComparison) -> QueryComparison:
        for number in range(max(self.rounds, 1)):
            in_turn = (sides.index, sides.against) if number % 2 == 0 else (sides.against, sides.index)
            replies = {id(side): self._timed(side, query) for side in in_turn}
            if not best.passed or best.results is None:
                found = self._compared(query, sides, Pair(replies[id(sides.index)], replies[id(sides.against)]), best)
                if best.results is None or (found.passed, found.overlap) > (best.passed, best.overlap):
                    best = found
        return best

    def _timed(self, side: _Side, query: Query) -> Any:
        request = side.request(query)
        started = perf_counter()
        reply = self.server.command(*request)
        side.seconds.append(perf_counter() - started)
        return reply

    def _compared(
        self, query: Query, sides: Pair[_Side], replies: Pair[Any], unanswered: QueryComparison
    ) -> QueryComparison:
        if query.command.kind is Kind.AGGREGATE:
            ours, theirs = aggregate_rows(replies.index), aggregate_rows(replies.against)
            share = row_overlap(ours, theirs, aggregate_cutoff(query.command.arguments))
            return evolve(unanswered, overlap=share, compared=len(ours), results=Pair(len(ours), len(theirs)))
        first = self._scores(sides.index, replies.index, move=True)
        second = self._scores(sides.against, replies.against)
        asked_first = [self.names.old(key) for key in second if key not in first]
        asked_second = [key for key in first if key not in second]
        rankings = Pair(
            Ranking(
                total_of(replies.index),
                first,
                sides.index.order,
                self._others(query, sides.index, asked_first, move=True),
            ),
            Ranking(
                total_of(replies.against),
                second,
                sides.against.order,
                self._others(query, sides.against, asked_second),
            ),
        )
        return evolve(
            unanswered,
            overlap=overlap(rankings.index, rankings.against),
            compared=len(first),
            results=Pair(rankings.index.total, rankings.against.total),
            scores=score_differences(rankings.index, rankings.against),
        )

    def _others(self, query: Query, side: _Side, keys: Sequence[bytes], *, move: bool = False) -> dict[bytes, Score]:
        """Ask an index for its own scores of documents that only the other one returned."""
        if not keys:
            return {}
        return self._scores(side, self.server.command(*side.request(query, keys)), move=move)

    def _scores(self, side: _Side, reply: Any, *, move: bool = False) -> dict[bytes, Score]:
        """Return key → score; with ``move`` under the keys that documents have in the second index."""
        return {
            self.names.new(key) if move else key: _sort_value(sort_key) if side.order.by_field else score
            for key, score, sort_key in ranked_results(reply)
        }


def _sort_value(sort_key: bytes | None) -> Score:
    """Return a number for ``#number``, the text for ``$text``."""
    return float(sort_key[1:]) if sort_key is not None and sort_key.startswith(b"#") else sort_key
