"""Compares two indexes by a query check file."""

from __future__ import annotations

from attrs import evolve

from fieldfare.comparison.compare import ROUNDS, compare_indexes
from fieldfare.comparison.model import MIN_OVERLAP, IndexComparison
from fieldfare.hooks.manager import Plugins
from fieldfare.plan import MigrationPlan
from fieldfare.queries import Kind, Query, QueryChecks, QueryCommand
from fieldfare.server import Server

__all__ = ["comparable_queries", "compare_checks"]


def compare_checks(  # noqa: PLR0913 - what a comparison consists of
    server: Server,
    index: str,
    against: str,
    checks: QueryChecks,
    *,
    plugins: Plugins,
    plan: MigrationPlan | None = None,
    min_overlap: float | None = None,
    min_mean_overlap: float | None = None,
    rounds: int = ROUNDS,
) -> IndexComparison:
    """Ask two indexes all queries of a query check file, as :func:`~fieldfare.comparison.compare.compare_indexes` does.

    Args:
        server: as there.
        index: as there.
        against: as there.
        checks: the content of the file.
        plugins: as there.
        plan: as there.
        min_overlap: the minimum overlap of each query that has none of its own; None for that of the file, or 0.9.
        min_mean_overlap: the minimum mean overlap of all queries together; None for that of the file, if it has one.
        rounds: as there.

    Raises:
        IndexNotFound: there is no such index.
        CommandNotAllowed: the user may not ask it.
    """
    limits = (each for each in (min_overlap, checks.min_overlap, MIN_OVERLAP) if each is not None)
    return compare_indexes(
        server,
        index,
        against,
        comparable_queries(checks),
        plugins=plugins,
        plan=plan,
        min_overlap=next(limits),
        min_mean_overlap=checks.min_mean_overlap if min_mean_overlap is None else min_mean_overlap,
        rounds=rounds,
    )


def comparable_queries(checks: QueryChecks) -> tuple[Query, ...]:
    """Return all queries of a file: one that only counts is compared like any other."""
    names = {each.name for each in checks.queries}
    counts = (Query(each.text, QueryCommand(Kind.SEARCH, each.text)) for each in checks.counts)
    unnamed = (each if each.name not in names else evolve(each, name=f"query: {each.name}") for each in counts)
    return (*unnamed, *checks.queries)
