"""Trying the commands that move values, before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator

from fieldfare.definition import Storage
from fieldfare.hooks.run import Run
from fieldfare.server.document_writer import trial_expiries
from fieldfare.server.permissions import require_allowed
from fieldfare.server.pipeline import Command
from fieldfare.server.refusal import trial_keys
from fieldfare.server.transaction import require_isolation

__all__ = ["require_rights"]


def require_rights(run: Run) -> None:
    """Try the commands on documents that do not exist.

    Raises:
        CommandNotAllowed: the user may not run one of them.
    """
    keys = trial_keys((*run.source.prefixes, *run.target.prefixes))
    commands = _hash_commands if run.source.storage is Storage.HASH else _json_commands
    expiring = run.source.storage is Storage.HASH and run.server.capabilities.has_hash_field_ttl
    for key in keys:
        require_allowed(run.server, [*commands(key), *(trial_expiries(key) if expiring else ())])
    require_isolation(run.server, keys)


def _hash_commands(key: bytes) -> Iterator[Command]:
    yield "EXISTS", key
    yield "HEXISTS", key, "field"
    yield "HMGET", key, "field"
    yield "HSET", key, "field", b"0", "without a value"  # refused for its number of arguments
    yield "HDEL", key, "field"


def _json_commands(key: bytes) -> Iterator[Command]:
    yield "EXISTS", key
    for read in ("JSON.TYPE", "JSON.GET", "JSON.OBJLEN"):
        yield read, key, "$"
    yield "JSON.SET", key, "$", b"0", "XX"
    yield "JSON.DEL", key, "$"
