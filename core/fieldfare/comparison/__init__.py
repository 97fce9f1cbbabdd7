"""Comparing what two live indexes answer: overlap, scores, counts and latency of the user's own queries.

May import: ``hooks`` and below. Must not know: runs, backups, what became of the first index.
"""

from fieldfare.comparison.checks import comparable_queries, compare_checks
from fieldfare.comparison.compare import compare_indexes
from fieldfare.comparison.count import count_query_results
from fieldfare.comparison.findings import comparison_findings
from fieldfare.comparison.model import IndexComparison, Latency, Pair, QueryComparison
from fieldfare.comparison.query_vector import VectorEncoder, find_unusable
from fieldfare.comparison.sample_queries import sample_queries

__all__ = [
    "IndexComparison",
    "Latency",
    "Pair",
    "QueryComparison",
    "VectorEncoder",
    "comparable_queries",
    "compare_checks",
    "compare_indexes",
    "comparison_findings",
    "count_query_results",
    "find_unusable",
    "sample_queries",
]
