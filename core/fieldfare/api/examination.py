"""Examines a live index."""

from __future__ import annotations

from pathlib import Path

from fieldfare.api.arguments import server_at
from fieldfare.errors import UsageError
from fieldfare.examination import SAMPLE, Examination, examine
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.patch.target_schema import load_target_schema, with_unnamed_values
from fieldfare.server import Server
from fieldfare.server.client_address import AnyClient
from fieldfare.server.inspect import read_definition

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
    """Look for what is wrong in an index: documents that are not indexed, unfit values, fields without use. Read-only.

    Args:
        index: its name, or an alias of it.
        redis_url: where it lives.
        redis_client: a client of redis-py, to whose server to connect in place of ``redis_url``.
        server: an open connection of fieldfare, in place of both.
        sample: how many documents are read at most, drawn at random; None for all of them.
        schema_path: a schema file, from which the live definition should not differ.
        plugins: those that have checks; by default every installed plugin.

    Raises:
        UsageError: ``sample`` is below 1.
        FileError: the schema file cannot be used.
        IndexNotFound: there is no such index.
        CommandNotAllowed: the user may not read what is looked at.
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
