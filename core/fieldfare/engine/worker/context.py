"""What a worker's process keeps from one task to the next: a connection, its plugins, the plan."""

from __future__ import annotations

import os
import threading
from typing import Final

from fieldfare.backup import backup_file
from fieldfare.backup.journal import Journal
from fieldfare.backup.paths import read_prefix
from fieldfare.engine.distribution.task import RunReference
from fieldfare.errors import BackupUnusable, ServerUnavailable
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.server import Server, connect
from fieldfare.server.connector import connect_to
from fieldfare.server.url import Address
from fieldfare.storage import BackupPath, StoragePath
from fieldfare.support.redaction import MASK, secrets_in

__all__ = ["journal_of", "plugins_without", "prefix_of", "secrets", "server_at", "use_address"]

VARIABLES: Final = ("FIELDFARE_URL", "REDIS_URL")
"""Of the worker's environment; the first one that is set is the server."""

_guard = threading.RLock()
_address: Address | None = None
_servers: dict[tuple[str, bool], Server] = {}
_plugins: dict[tuple[str, ...], Plugins] = {}
_journals: dict[tuple[str, str], Journal] = {}
_prefixes: dict[tuple[str, str], BackupPath] = {}


def use_address(address: Address) -> None:
    """Connect to this server: that of the process which has started this one."""
    global _address  # noqa: PLW0603 - the process is a worker of one run
    _address = address


def server_at(url: str, *, cluster: bool) -> Server:
    """Return this process's connection to the server of a run.

    Args:
        url: of the server, with ``***`` in the place of what may be secret; used if the environment names no server.
        cluster: whether it is a cluster.

    Raises:
        PreconditionError: there is no usable server, or its password is not in the environment.
    """
    own = next(filter(None, map(os.environ.get, VARIABLES)), url)
    if _address is None and (not own or MASK in own):
        raise ServerUnavailable(
            url or "its address", "the environment of this worker has no FIELDFARE_URL, and passwords do not travel"
        )
    with _guard:
        if (own, cluster) not in _servers:
            server = connect(own, cluster=cluster) if _address is None else connect_to(_address, cluster=cluster)
            _servers[own, cluster] = server
        return _servers[own, cluster]


def secrets() -> frozenset[str]:
    """Return what must not leave this process."""
    words = [os.environ.get(name, "") for name in VARIABLES]
    password = (_address.options if _address else {}).get("password")
    return secrets_in(words) | ({str(password)} if password else set())


def plugins_without(blocked: tuple[str, ...]) -> Plugins:
    """Return this process's plugins, but for excluded ones.

    Raises:
        UsageError: no plugin has one of the names.
    """
    with _guard:
        if blocked not in _plugins:
            _plugins[blocked] = load_plugins(blocked=blocked)
        return _plugins[blocked]


def prefix_of(reference: RunReference) -> BackupPath:
    """Return the prefix of a run's backup. One client of its storage serves all tasks of the run.

    Raises:
        UsageError: a URL of a form that is not supported.
    """
    name = (reference.prefix, reference.holder)
    with _guard:
        if name not in _prefixes:
            prefix = read_prefix(reference.prefix)
            if isinstance(prefix, StoragePath):
                prefix.storage.retry_for = reference.retry_for
            _prefixes.clear()  # that of an earlier run
            _prefixes[name] = prefix
        return _prefixes[name]


def journal_of(reference: RunReference) -> Journal:
    """Return the journal of a run as it was when this process read it: its plan does not change.

    Raises:
        BackupUnusable: this process does not see the backup, or it is of another run.
    """
    name = (reference.prefix, reference.fingerprint)
    with _guard:
        if name not in _journals:
            path = backup_file(prefix_of(reference), "header")
            journal = Journal.load(path)
            if journal.fingerprint != reference.fingerprint:
                raise BackupUnusable(path, "this worker sees the backup of another run there")
            _journals.clear()  # that of an earlier run
            _journals[name] = journal
        return _journals[name]
