"""Crash-safe, plugin-extensible migrations for Redis Search indexes."""

from typing import TYPE_CHECKING, Any

from fieldfare.hooks.markers import hookimpl, hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    def encode_query(vector: Sequence[float] | Any, source: Any, field: str, *, index: str | None = None) -> bytes:
        """Encode a query vector as the documents of a migrated index are. The plugin ``quantize`` provides it.

        Args:
            vector: floats, as many as the field has dimensions: a list, or an array of numpy.
            source: the plan or the report of the migration, or the file of either; or the Redis that has the index,
                as a client of redis-py or a URL.
            field: the vector field.
            index: its index, if the source is a Redis.
        """
        ...


__all__ = ["__version__", "encode_query", "hookimpl", "hookspec"]

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """Load ``encode_query`` from its plugin on first use."""
    if name != "encode_query":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fieldfare.hooks.api_entry_points import load_api_entry_point  # noqa: PLC0415 - start-up time

    return load_api_entry_point(name, __name__)
