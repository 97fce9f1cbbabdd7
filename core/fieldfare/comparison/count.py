"""How much one index finds: where nothing is left to compare with."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from fieldfare.changes import RenameField
from fieldfare.comparison.command import query_command, sorted_command
from fieldfare.comparison.key_names import KeyNames
from fieldfare.comparison.query_vector import QueriedIndex, VectorEncoder
from fieldfare.definition import IndexDefinition
from fieldfare.definition.reply import encode, text
from fieldfare.hooks.manager import Plugins
from fieldfare.plan import MigrationPlan
from fieldfare.queries import DocumentVector, Kind, Parameter, Query
from fieldfare.server import Server
from fieldfare.server.query_reply import aggregate_rows, total_of

__all__ = ["count_query_results"]


def count_query_results(
    server: Server, index: IndexDefinition, query: Query, *, plugins: Plugins, plan: MigrationPlan
) -> int:
    """Ask the target of a migration a query, and return how many results it finds, or rows.

    Args:
        server: it has the index.
        index: the target.
        query: its documents and fields have the names that they had before the migration.
        plugins: they encode query vectors.
        plan: the plan of the migration.

    Raises:
        redis.exceptions.ResponseError: the server refuses the query.
        PreconditionError: a vector of the query cannot be read or encoded.
    """
    names = KeyNames.of(plan)
    fields = {each.old: each.new for each in plan.changes if isinstance(each, RenameField)}
    query = evolve(query, params={name: _renamed(each, names, fields) for name, each in query.params.items()})
    queried = QueriedIndex(index, sorted_command(query.against or query.command), plan)
    params = VectorEncoder(server, plugins, index).params(query, queried)
    reply = server.command(*query_command(index.name, query, queried.command, params))
    return len(aggregate_rows(reply)) if queried.command.kind is Kind.AGGREGATE else total_of(reply)


def _renamed(value: Parameter, names: KeyNames, fields: Mapping[str, str]) -> Parameter:
    if not isinstance(value, DocumentVector):
        return value
    return DocumentVector(text(names.new(encode(value.key))), fields.get(value.field, value.field))
