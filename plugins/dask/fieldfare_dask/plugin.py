"""Hook implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.errors import UsageError
from fieldfare.hooks.markers import hookimpl

if TYPE_CHECKING:
    from fieldfare.hooks.executor import Executor
    from fieldfare.server import Server

SCHEMES: Final = {"dask": "tcp", "dask+tls": "tls"}
"""Scheme of an executor → that of Dask's own address of a scheduler."""


@hookimpl
def fieldfare_executor(spec: str, server: Server) -> Executor | None:
    """Work on the workers of a scheduler, or of a cluster of this machine that ends with the run."""
    scheme, separator, address = spec.partition("://")
    if scheme not in SCHEMES:
        return None
    if bool(separator) != bool(address) or (scheme != "dask" and not address):
        raise UsageError(f"--executor {spec}: write dask, or {scheme}://HOST:PORT. Nothing was changed.")
    try:
        from fieldfare_dask.executor import DaskExecutor  # noqa: PLC0415 - imports Dask
    except ImportError as error:
        raise UsageError(
            f"--executor {spec} needs Dask, which is not installed ({error}): pip install 'fieldfare[dask]'. "
            "Nothing was changed."
        ) from error
    if not address:
        return DaskExecutor.on_this_machine(server)
    return DaskExecutor.on_scheduler(f"{SCHEMES[scheme]}://{address}")
