"""``--index-workers``: more threads of the server for an index while it is built, and the former number afterwards.

The former number is in the journal before it is changed, so that resume and rollback restore it after a crash.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redis import Redis
from redis.exceptions import RedisError

from fieldfare.backup.progress import RaisedWorkers
from fieldfare.engine.run import ActiveRun
from fieldfare.errors import PreconditionError
from fieldfare.hooks.run_defaults import AUTO
from fieldfare.hooks.run_options import RunOptions
from fieldfare.server import Server
from fieldfare.server.cores import count_cores
from fieldfare.server.index_workers import (
    MOST_WORKERS,
    SETTING,
    WorkersUnchangeable,
    read_workers,
    require_changeable,
    write_workers,
)
from fieldfare.server.pipeline import address_of

__all__ = ["more_index_workers", "require_known_cores", "restore_index_workers"]


def require_known_cores(server: Server, options: RunOptions) -> None:
    """Refuse ``auto`` where the number of the server's cores is not known, if it would matter.

    Raises:
        PreconditionError: it is not known.
    """
    if options.index_workers != AUTO:
        return
    for node in server.nodes():
        try:
            require_changeable(server.capabilities)
            read_workers(server, node)
        except WorkersUnchangeable:
            return  # the number stays as it is, and the report says so
        if count_cores(node) is None:
            raise PreconditionError(
                "--index-workers auto needs the number of the server's cores, which can be found out only where the "
                "server runs on this machine. Give the number of workers. Nothing was changed"
            )


@contextmanager
def more_index_workers(run: ActiveRun, name: str) -> Iterator[None]:
    """Let the server build an index with as many workers as the user wants, while the body waits for it.

    Args:
        run: its report says where the number was not changed, and why.
        name: the name of the index.
    """
    if run.options.index_workers is None:
        yield
        return
    for node in run.server.nodes() if run.server.capabilities.coordinator else [run.server.node_for("FT.INFO", name)]:
        try:
            _raise_workers(run, node)
        except WorkersUnchangeable as error:
            run.warn(f"{SETTING} was not changed: {error}")
    try:
        yield
    except BaseException:
        with suppress(RedisError):  # the next attempt, resume or rollback restores it
            restore_index_workers(run)
        raise
    restore_index_workers(run)


def restore_index_workers(run: ActiveRun) -> None:
    """Give the server the number of workers that the journal remembers, unless somebody has changed it since.

    Raises:
        redis.exceptions.ConnectionError: the server did not answer.
    """
    raised = run.journal.progress.raised_workers
    if not raised:
        return
    nodes = {address_of(node): node for node in run.server.nodes()}
    if not run.server.capabilities.cluster:  # a server may have several addresses
        nodes = {address: node for address in raised for node in nodes.values()}
    for address, workers in raised.items():
        try:
            _restore(run.server, nodes.get(address), workers)
        except WorkersUnchangeable as error:
            where = f" of {address}" if address else ""
            run.warn(f"{SETTING}{where} was {workers.before} before the index was built, and is not restored: {error}")
    run.journal.update(raised_workers={})


def _restore(server: Server, node: Redis | None, workers: RaisedWorkers) -> None:
    if node is None:
        raise WorkersUnchangeable("it is no longer a primary of the cluster")
    found = read_workers(server, node)
    if found == workers.now:
        write_workers(server, node, workers.before)
    elif found != workers.before:
        raise WorkersUnchangeable(f"it is {found} by now, so somebody else has changed it")


def _raise_workers(run: ActiveRun, node: Redis) -> None:
    """Raise the number of workers of one node, after it is in the journal.

    Raises:
        WorkersUnchangeable: it cannot be changed, or not restored without a risk.
    """
    server = run.server
    before = read_workers(server, node)
    require_changeable(server.capabilities)
    wanted = _wanted_workers(run, node)
    if wanted <= before:
        return
    address = address_of(node)
    others = run.journal.progress.raised_workers
    run.journal.update(raised_workers={**others, address: RaisedWorkers(before, wanted)})
    try:
        write_workers(server, node, wanted)
    except WorkersUnchangeable:
        run.journal.update(raised_workers=others)
        raise


def _wanted_workers(run: ActiveRun, node: Redis) -> int:
    """Return the number that the user wants, but no more than the node has cores, as far as that is known."""
    wanted, cores = run.options.index_workers, count_cores(node)
    if wanted in {AUTO, None}:
        if cores is None:  # after a failover to another machine
            raise WorkersUnchangeable("the number of the server's cores is no longer known")
        return min(cores, MOST_WORKERS)
    number = int(str(wanted))
    if cores is not None and number > cores:
        run.warn(f"{SETTING} was raised to {cores}, not to {number}: the server has no more cores")
        return cores
    return number
