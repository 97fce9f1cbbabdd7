"""What must hold before a run changes anything."""

from __future__ import annotations

from collections.abc import Sequence

from fieldfare.definition import Snapshot
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.errors import PreconditionError, StalePlan, UsageError
from fieldfare.hooks.manager import Plugins
from fieldfare.patch.mode import ModeName
from fieldfare.plan import MigrationPlan
from fieldfare.queries import QueryChecks
from fieldfare.server import Server
from fieldfare.server.index_commands import find_differences
from fieldfare.server.inspect import index_exists, read_snapshot

__all__ = [
    "check_source",
    "refuse_replica",
    "require_comparable",
    "require_query_vectors",
    "source_differences",
]


def require_comparable(plan: MigrationPlan, checks: QueryChecks) -> None:
    """Refuse to compare answers where the two indexes never exist at the same time.

    Raises:
        UsageError: the query check file has queries to compare, and the mode is not ``shadow``.
    """
    if checks.queries and plan.mode != ModeName.SHADOW:
        first = checks.queries[0].name
        raise UsageError(
            f"The query check file has queries whose answers are compared, such as {first!r}. The mode {plan.mode!r} "
            "has no two indexes to compare. Keep 'keys_exist', 'fetch_ids' and queries with 'query' here, and give "
            "the others to 'fieldfare validate' afterwards, or to 'fieldfare compare'. Nothing was changed."
        )


def require_query_vectors(server: Server, plugins: Plugins, plan: MigrationPlan, checks: QueryChecks) -> None:
    """Look for the vectors that queries take from documents, which would be missed only when the target is built.

    Raises:
        PreconditionError: a document is not there, or has no such vector.
    """
    if not checks.queries:
        return
    from fieldfare.comparison import VectorEncoder, find_unusable  # noqa: PLC0415 - start-up time

    problems = find_unusable(checks.queries, VectorEncoder(server, plugins, plan.source.definition))
    if problems:
        lines = "".join(f"\n  - {problem}" for problem in problems)
        raise PreconditionError(f"Queries take vectors from documents that have none. Nothing was changed.{lines}")


def refuse_replica(server: Server) -> None:
    """Make sure that writes are kept.

    Raises:
        PreconditionError: this is a replica.
    """
    refusal = server.capabilities.replica_refusal
    if refusal:
        raise PreconditionError(f"{refusal}. Nothing was changed. Give --url of the primary")


def source_differences(server: Server, plan: MigrationPlan) -> tuple[tuple[str, ...], Snapshot]:
    """Return how the live index differs from the one that was planned for, and the live index.

    Raises:
        IndexNotFound: there is no such index.
        PreconditionError: an alias no longer leads to it.
    """
    live = read_snapshot(server, plan.index, aliases=plan.source.aliases, key_sample_limit=0)
    found = list(find_mismatches(plan.source.definition, live.definition, is_complete=True))
    found += find_differences(server, plan.source)
    if live.knows_synonyms and live.synonyms != plan.source.synonyms:
        found.append(f"synonym groups: {sorted(plan.source.synonyms)} planned for, {sorted(live.synonyms)} now")
    if live.aliases_listed and live.aliases != plan.source.aliases:
        found.append(f"aliases: {_names(plan.source.aliases)} planned for, {_names(live.aliases)} now")
    return tuple(found), live


def _names(aliases: Sequence[str]) -> str:
    return ", ".join(aliases) or "none"


def check_source(server: Server, plan: MigrationPlan) -> Snapshot:
    """Return the live source, which must be what was planned for.

    Raises:
        StalePlan: it is not, or the target's name has been taken.
        IndexNotFound: it is gone.
    """
    found, live = source_differences(server, plan)
    if plan.target.name != plan.index and index_exists(server, plan.target.name):
        found = (*found, f"an index or alias named {plan.target.name!r} exists now")
    if found:
        raise StalePlan(plan.index, found)
    return live
