"""A query as a command of Redis."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from fieldfare.definition.reply import encode
from fieldfare.queries import Kind, Query, QueryCommand
from fieldfare.queries.arguments import has_argument
from fieldfare.server.pipeline import Argument, Command

__all__ = ["query_command", "sorted_command"]

TIMEOUT_MS: Final = 60_000
"""An answer that the server's own, shorter limit cuts off would look like a loss."""

_KNN: Final = re.compile(r"\[\s*KNN\s+\S+\s+@((?:\\.|[^\s\\\]])+)\s+\$\w+([^\]]*)\]", re.IGNORECASE)
_AS: Final = re.compile(r"\bAS\s+(\S+)", re.IGNORECASE)
_YIELD: Final = re.compile(r"\$YIELD_DISTANCE_AS\s*:\s*([^\s;}]+)", re.IGNORECASE)


def sorted_command(command: QueryCommand) -> QueryCommand:
    """Return a KNN query sorted by its distance, as every application sorts it; another query as it is."""
    match = _KNN.search(command.text)
    if command.kind is not Kind.SEARCH or match is None or has_argument(command.arguments, "SORTBY"):
        return command
    named = _AS.search(match[2]) or _YIELD.search(command.text)
    distance = named[1] if named else re.sub(r"\\(.)", r"\1", f"__{match[1]}_score")
    return QueryCommand(command.kind, command.text, (*command.arguments, "SORTBY", distance))


def query_command(
    index: str, query: Query, command: QueryCommand, params: Mapping[str, Argument], *, within: Sequence[bytes] = ()
) -> Command:
    """Return the command that asks an index.

    Args:
        index: its name.
        query: the query.
        command: as this index is asked.
        params: name → value of each parameter.
        within: for FT.SEARCH, keys of the only documents that may be found.
    """
    pairs: list[Argument] = [item for pair in params.items() for item in pair]
    timeout: Command = () if has_argument(command.arguments, "TIMEOUT") else ("TIMEOUT", TIMEOUT_MS)
    parameters: Command = ("PARAMS", len(pairs), *pairs) if pairs else ()
    common: Command = (*command.arguments, *timeout, *parameters, "DIALECT", query.dialect)
    if command.kind is Kind.AGGREGATE:
        return ("FT.AGGREGATE", encode(index), encode(command.text), *common)
    keys: Command = ("INKEYS", len(within), *within) if within else ()
    form: Command = ("NOCONTENT", "WITHSCORES", "WITHSORTKEYS", "LIMIT", 0, max(query.top, len(within)))
    return ("FT.SEARCH", encode(index), encode(command.text), *keys, *form, *common)
