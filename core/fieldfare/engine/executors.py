"""Opening the executor that the user named, and asking its workers whether they can do the work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final

from attrs import evolve, frozen

from fieldfare import __version__
from fieldfare.backup.paths import prefix_reference
from fieldfare.engine.distribution.pool import WorkerPool
from fieldfare.engine.session import Session
from fieldfare.errors import PluginMissing, UsageError, WorkersUnfit
from fieldfare.hooks.executor import LocalThreads
from fieldfare.hooks.manager import Plugins
from fieldfare.hooks.run_options import RunOptions
from fieldfare.hooks.sources import KERNEL, source_digests
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.server.process import this_process
from fieldfare.support.error_text import error_text

__all__ = ["Workers", "open_workers"]

HOOK: Final = "fieldfare_executor"


@frozen(hash=False)
class Workers:
    """Who works on shards.

    Attributes:
        options: the user's, with as many threads as the executor says.
        pool: the workers in other processes; None if threads of this process do the work.
    """

    options: RunOptions
    pool: WorkerPool | None = None


@contextmanager
def open_workers(
    server: Server, plugins: Plugins, plan: MigrationPlan, session: Session, options: RunOptions
) -> Iterator[Workers]:
    """Open the executor of ``options.executor``; close it at the end.

    Args:
        server: where the index lives.
        plugins: one of them knows the executor; those of the plan must be with every worker.
        plan: what is carried out.
        session: the backup, which every worker must see, and the lock.
        options: the user's.

    Raises:
        UsageError: no plugin knows the executor; or the backup is at a URL with a password.
        PluginMissing: a worker lacks a plugin of the plan, or has another version of it.
        WorkersUnfit: there are no workers, or some of them have another version of fieldfare, other sources of it or of
            a plugin of the plan, or do not see the server or the backup.
    """
    if not options.executor:
        yield Workers(options)
        return
    from fieldfare.engine.worker import describe_worker, run_task  # noqa: PLC0415 - start-up time

    executor = plugins.call_first(HOOK, spec=options.executor, server=server)
    if executor is None:
        raise UsageError(
            f"--executor {options.executor}: no plugin knows it. It is threads:N, processes:N, or with the extra "
            "fieldfare[dask] dask or dask://HOST:PORT. Nothing was changed."
        )
    if isinstance(executor, LocalThreads):
        yield Workers(evolve(options, workers=executor.workers))
        return
    with closing(executor):
        url = "" if server.address is None else server.address.reference
        needed = {name: plugins.versions[name] for name in sorted(plan.plugins) if name in plugins.names}
        sources = {name: digest for name, digest in source_digests().items() if name in {KERNEL, *needed}}
        pool = WorkerPool(
            executor,
            run_task,
            url,
            session.lock.holder,
            plugins=tuple(needed.items()),
            sources=tuple(sources.items()),
            blocked=plugins.blocked,
        )
        prefix = prefix_reference(session.prefix)
        answers = executor.ask_each(describe_worker, url, server.capabilities.cluster, prefix, plugins.blocked)
        _require_fit(answers, server, needed, sources)
        yield Workers(options, pool)


def _require_fit(
    answers: Mapping[str, Any], server: Server, needed: Mapping[str, str], sources: Mapping[str, str]
) -> None:
    from fieldfare.engine.worker.greeting import missing_plugins, other_sources  # noqa: PLC0415 - start-up time

    if not answers:
        raise WorkersUnfit(["there is no worker"])
    run_ids = list(server.run_ids())
    missing: list[str] = []
    problems: list[str] = []
    for name, answer in sorted(answers.items()):
        if not isinstance(answer, Mapping):
            problems.append(f"{name}: {error_text(answer)}")
            continue
        worker = f"{name} ({answer['process']})"
        if answer["version"] != __version__:
            problems.append(f"{worker} has fieldfare {answer['version']}, this command {__version__}")
            continue
        problems += [f"{worker}: {each}" for each in answer["problems"]]
        if "plugins" in answer:
            lacking = missing_plugins(worker, needed, answer["plugins"])
            missing += lacking
            problems += [] if lacking else other_sources(worker, sources, answer.get("sources", {}))
        if "server" in answer and answer["server"] != run_ids:
            problems.append(
                f"{worker} reaches another Redis server: see FIELDFARE_URL and REDIS_URL in its environment"
            )
        if answer["holder"] != [this_process().host, this_process().pid]:
            problems.append(
                f"{worker} does not see the backup: it must be on a disk or in a storage that all workers reach"
            )
    if problems:
        raise WorkersUnfit(problems)
    if missing:
        raise PluginMissing(missing)
