"""What a worker says about itself before a run changes anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fieldfare import __version__
from fieldfare.backup.paths import read_prefix
from fieldfare.engine.load import read_state
from fieldfare.engine.worker.context import plugins_without, secrets, server_at
from fieldfare.errors import FieldfareError
from fieldfare.hooks.sources import KERNEL, distributions, source_digests
from fieldfare.server.process import this_process
from fieldfare.storage import StoragePath
from fieldfare.support.error_text import error_text
from fieldfare.support.redaction import redact

__all__ = ["describe_worker", "missing_plugins", "other_sources", "process_name"]

ANSWER_SECONDS: Final = 5.0
"""How long a worker tries to reach the storage of the backup before it says that it cannot."""


def process_name() -> str:
    """Return what this process is called in messages."""
    process = this_process()
    return f"process {process.pid} on {process.host}"


def missing_plugins(worker: str, needed: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return a line for each plugin that a worker lacks, or has in another version.

    Args:
        worker: what it is called.
        needed: name → version.
        found: likewise.
    """
    return [
        f"{name} {version}: {worker} has {f'version {found[name]}' if name in found else 'none'}"
        for name, version in sorted(needed.items())
        if found.get(name) != version
    ]


def other_sources(worker: str, needed: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return a line for each distribution that a worker has under the same version, but with other sources.

    Args:
        worker: what it is called.
        needed: :data:`~fieldfare.hooks.sources.KERNEL`, or name of a plugin → digest of the coordinator's sources.
        found: likewise, of the worker's.
    """
    differing: dict[str, list[str]] = {}
    for name, digest in sorted(needed.items()):
        if found.get(name) != digest:
            distribution = KERNEL if name == KERNEL else distributions().get(name, "")
            differing.setdefault(distribution, []).append("the kernel" if name == KERNEL else f"the plugin {name}")
    return [
        f"{worker} has the coordinator's version of {distribution}, but other sources of it: {', '.join(parts)}"
        for distribution, parts in sorted(differing.items())
    ]


def describe_worker(
    url: str,
    cluster: bool,  # noqa: FBT001 - travels by position
    prefix: str,
    blocked: tuple[str, ...],
) -> dict[str, Any]:
    """Return what this worker is and sees, as plain values that every version of fieldfare can read.

    Args:
        url: of the server, with ``***`` in the place of what may be secret.
        cluster: whether it is a cluster.
        prefix: of the files of the backup, as :func:`~fieldfare.backup.paths.prefix_reference` writes it.
        blocked: names of plugins that the user excluded.

    Returns:
        ``process``, ``version``, ``plugins`` (name → version), ``sources`` (name → digest), ``server`` (its run ids),
        ``holder`` (host and process of the coordinator, as the backup says; None if this worker does not see it),
        ``problems``.
    """
    problems: list[str] = []
    found: dict[str, Any] = {"process": process_name(), "version": __version__, "holder": None}
    try:
        plugins = plugins_without(blocked)
        found["plugins"] = dict(plugins.versions)
        found["sources"] = dict(source_digests())
        problems += [str(error) for error in plugins.broken]
        found["server"] = list(server_at(url, cluster=cluster).run_ids())
    except Exception as error:  # noqa: BLE001 - it is for the coordinator to say
        problems.append(redact(error_text(error), secrets()))
    try:
        location = read_prefix(prefix)
        if isinstance(location, StoragePath):
            location.storage.retry_for = ANSWER_SECONDS
            location.parent.names()  # says why it cannot be read
        if (state := read_state(location)) is not None:
            found["holder"] = [state.process.host, state.process.pid]
    except FieldfareError as error:
        problems.append(error_text(error))
    return {**found, "problems": problems}
