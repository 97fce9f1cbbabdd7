"""Tells Redis Search from the search modules of other servers, which share some of its commands.

Sources: https://github.com/valkey-io/valkey-search (commands, replies, version numbers), and
https://docs.aws.amazon.com/memorydb/latest/devguide/vector-search-commands.html .
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from redis import Redis
from redis.exceptions import ResponseError

from fieldfare.errors import UnsupportedServer
from fieldfare.server.pipeline import exchange

__all__ = ["refuse_other_search", "server_title"]

REQUIRED: Final = ("FT.ALIASADD", "FT.ALIASUPDATE", "FT.SYNUPDATE", "FT.SYNDUMP", "FT.CURSOR", "FT.EXPLAIN")
"""Commands that carry an index over, and that other search modules lack."""

MEMORYDB_COMMAND: Final = "FT._ALIASLIST"
"""A command of Amazon MemoryDB, which no Redis has."""

VALKEY_VERSIONS: Final = range(0x010000, 80000)
"""Version numbers of Valkey's module, 0xMMmmpp. Those of Redis Search are near 20000 (2.0.0), or from 80000 (8.0.0)."""


def server_title(facts: Mapping[str, str], greeting: Mapping[str, Any], version: str) -> str:
    """Return a server's name and version, as INFO or HELLO give them."""
    if _is_valkey(facts, greeting):
        return f"Valkey {facts.get('valkey_version') or greeting.get('version') or ''}".rstrip()
    return f"Redis {version}".rstrip()


def refuse_other_search(
    client: Redis, facts: Mapping[str, str], greeting: Mapping[str, Any], title: str, number: int | None
) -> None:
    """Refuse a server whose search module is not Redis Search.

    Args:
        client: connected to it.
        facts: the content of its INFO.
        greeting: its reply to HELLO, if it was asked.
        title: its name and version.
        number: version of its search module; None if the server does not tell.

    Raises:
        UnsupportedServer: its module is another one.
    """
    by_number = number in VALKEY_VERSIONS
    if not by_number and number is not None and not _is_valkey(facts, greeting):
        return
    reply = exchange(client, [("COMMAND", "INFO", MEMORYDB_COMMAND, *REQUIRED)])[0]
    known = [] if isinstance(reply, ResponseError) else reply
    missing = [name for name, found in zip(REQUIRED, known[1:], strict=False) if not found]
    if not missing and not by_number:
        return
    if known and known[0]:
        title = "Amazon MemoryDB"
    module = "a search module of its own"
    if number is not None and by_number:
        module = f"the search module {number >> 16}.{number >> 8 & 255}.{number & 255}, which is Valkey's own"
    raise UnsupportedServer(
        "fieldfare",
        has=f"{title} with {module}",
        needs="Redis Search, for its FT.INFO" + (f" and for {', '.join(missing)}" if missing else ""),
    )


def _is_valkey(facts: Mapping[str, str], greeting: Mapping[str, Any]) -> bool:
    names = facts.get("server_name"), greeting.get("server")
    return "valkey_version" in facts or any(str(name).lower() == "valkey" for name in names)
