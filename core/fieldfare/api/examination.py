"""Examines a live index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fieldfare.api.server_argument import server_at
from fieldfare.errors import UsageError
from fieldfare.examination import SAMPLE, Examination, examine
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.patch.target_schema import load_target_schema, with_unnamed_values
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition

if TYPE_CHECKING:
    from fieldfare.server.client_address import AnyClient

__all__ = ["examine_index"]


def examine_index(  # noqa: PLR0913 - what an examination consists of
    index: str,
    *,
    redis_url: str | None = None,
    redis_client: AnyClient | None = None,
    server: Server | None = None,
    sample: int | None = SAMPLE,
    schema_path: str | Path | None = None,
    plugins: Plugins | None = None,
) -> Examination:
    """Find problems of an index: documents that are not indexed, invalid values, unused fields. Read-only.

    Args:
        index: the name of the index, or an alias.
        redis_url: the URL of the server.
        redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
        server: an open connection of fieldfare, instead of both.
        sample: the maximum number of documents to read, chosen at random; None for all of them.
        schema_path: a schema file to compare with the live definition.
        plugins: the plugins with checks; by default every installed plugin.

    Raises:
        UsageError: ``sample`` is below 1.
        FileError: the schema file cannot be used.
        IndexNotFound: the index does not exist.
        CommandNotAllowed: the user may not read the index or its documents.
        PluginError: a plugin failed.
    """
    if sample is not None and sample < 1:
        raise UsageError(f"sample={sample}: it is at least 1, or None for all documents")
    plugins = plugins or load_plugins()
    plugins.raise_if_broken()
    schema = load_target_schema(schema_path)[0] if schema_path is not None else None
    with server_at(server, redis_url, redis_client) as opened:
        if schema is not None:
            schema = with_unnamed_values(schema, read_definition(opened, index))
        return examine(opened, plugins, index, sample=sample, schema=schema)
