"""Reads the capabilities of a live server."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis import Redis
from redis.exceptions import BusyLoadingError, ResponseError

from fieldfare.errors import UnsupportedServer
from fieldfare.server.capabilities import UNKNOWN_VERSION, Capabilities, Version, format_version
from fieldfare.server.pipeline import Argument, Command, exchange
from fieldfare.server.refusal import TRIAL_KEY, CommandNotAllowed, name_refusal
from fieldfare.server.search_module import refuse_other_search, server_title

__all__ = ["read_aof_enabled", "read_capabilities", "read_process", "read_run_id"]

TRIED_COMMANDS: Final = {"search": ("FT.INFO", TRIAL_KEY), "ReJSON": ("JSON.GET", TRIAL_KEY)}
"""A command of each module. Redis looks for the command before it looks at the rights."""

TRIED_VERSIONS: Final = {
    (8, 0, 0): ("HSETEX", TRIAL_KEY, "FXX", "FIELDS", 1, "nobody", b"0"),
    (7, 4, 0): ("HPEXPIRETIME", TRIAL_KEY, "FIELDS", 1, "nobody"),
}
"""A command that came with each of these versions of Redis, newest first; on a key that does not exist."""

_MODULE_LINE = re.compile(r"^module:name=(?P<name>[^,]+),ver=(?P<version>\d+)", re.MULTILINE)


def read_capabilities(client: Redis) -> Capabilities:
    """Read a server's versions, modules and memory limits.

    INFO reports all of them. If the user may not call it, or if it does not list modules, they are read from
    MODULE LIST and HELLO as far as possible, and found out by trying commands.

    Raises:
        UnsupportedServer: the server has no search module, or another one than Redis Search.
        redis.exceptions.BusyLoadingError: it is still loading its data.
        redis.exceptions.RedisError: it does not answer, or refuses all of these commands.
    """
    text = _reply_or_none(client, "INFO", "everything")
    facts = _facts(text)
    if facts.get("loading") == "1":
        done = facts.get("loading_loaded_perc", "?").partition(".")[0]
        raise BusyLoadingError(f"the server is still loading its data ({done} % done); try again when it has finished")
    greeting = {} if facts.get("redis_version") else _pairs(_reply_or_none(client, "HELLO"))
    version = _version(facts.get("redis_version") or greeting.get("version", "")) or _tried_version(client)
    title = server_title(facts, greeting, "" if version == UNKNOWN_VERSION else format_version(version))
    listed = {match["name"]: int(match["version"]) for match in _MODULE_LINE.finditer(text or "")} or _listed_modules(
        client
    )
    modules = listed or _modules_of_commands(client)
    if "search" not in modules:
        raise UnsupportedServer(
            "fieldfare",
            has=f"{title} without the search module",
            needs="a server with Redis Search",
        )
    refuse_other_search(client, facts, greeting, title, listed.get("search"))
    return Capabilities(
        redis_version=version,
        search_version=_module_version(modules["search"]),
        json="ReJSON" in modules,
        cluster=facts.get("cluster_enabled") == "1" or greeting.get("mode") == "cluster",
        max_memory=int(facts.get("maxmemory", 0)),
        used_memory=int(facts.get("used_memory", 0)),
        eviction_policy=facts.get("maxmemory_policy", "noeviction"),
        replica_of=_primary(facts, greeting),
    )


def read_run_id(client: Redis) -> str:
    """Return the run id of a server process; "" if the user may not read it.

    Raises:
        redis.exceptions.ConnectionError: the server did not answer.
    """
    return _facts(_reply_or_none(client, "INFO", "server")).get("run_id", "")


def read_process(client: Redis) -> tuple[int, int]:
    """Return the id of a server process on its machine, and its age in seconds; 0 if the user may not read them.

    Raises:
        redis.exceptions.ConnectionError: the server did not answer.
    """
    facts = _facts(_reply_or_none(client, "INFO", "server"))
    return int(facts.get("process_id", 0)), int(facts.get("uptime_in_seconds", 0))


def read_aof_enabled(nodes: Sequence[Redis]) -> bool | None:
    """Return whether any node writes an append-only file; None if the user may not ask.

    Raises:
        redis.exceptions.ConnectionError: a node did not answer.
    """
    answers = {_facts(_reply_or_none(node, "INFO", "persistence")).get("aof_enabled") for node in nodes}
    return None if answers == {None} else "1" in answers


def _reply_or_none(client: Redis, *command: Argument) -> Any:
    """Return the reply, or None for an error reply."""
    reply = exchange(client, [command])[0]
    return None if isinstance(reply, ResponseError) else _text(reply)


def _primary(facts: Mapping[str, str], greeting: Mapping[str, Any]) -> str:
    """Return the primary of a replica; "" for a primary."""
    if facts.get("role", greeting.get("role")) not in ("slave", "replica"):
        return ""
    return f"{facts['master_host']}:{facts['master_port']}" if "master_host" in facts else "another server"


def _facts(text: str | None) -> dict[str, str]:
    lines = (line.partition(":") for line in (text or "").splitlines())
    return {name: value for name, colon, value in lines if colon}


def _pairs(reply: Any) -> dict[str, Any]:
    """Read a map: a dict in RESP3, a flat list in RESP2."""
    if not reply:
        return {}
    pairs = reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2], strict=False)
    return {_text(name): _text(value) for name, value in pairs}


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _version(text: str) -> Version | None:
    numbers = [int(number) for number in re.findall(r"\d+", text)[:3]]
    if not numbers:
        return None
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return major, minor, patch


def _module_version(number: int) -> Version:
    """Spell out a module's version: 21005 is 2.10.5."""
    return number // 10000, number // 100 % 100, number % 100


def _listed_modules(client: Redis) -> dict[str, int]:
    listed = [_pairs(module) for module in _reply_or_none(client, "MODULE", "LIST") or ()]
    return {module["name"]: int(module["ver"]) for module in listed}


def _modules_of_commands(client: Redis) -> dict[str, int]:
    """Infer the modules from the commands that exist; their versions are unknown, 0."""
    return {name: 0 for name, command in TRIED_COMMANDS.items() if _exists(client, command)}


def _tried_version(client: Redis) -> Version:
    return next((version for version, command in TRIED_VERSIONS.items() if _exists(client, command)), UNKNOWN_VERSION)


def _exists(client: Redis, command: Command) -> bool:
    reply = name_refusal(command, exchange(client, [command])[0])
    return not (isinstance(reply, CommandNotAllowed) and reply.right is None)
