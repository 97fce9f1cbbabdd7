"""Crash-safe, plugin-extensible migrations for Redis Search indexes."""

from typing import TYPE_CHECKING, Any, Final

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

    def encoder(client: Any, index: str, field: str, *, plan: Any = None, max_age: float = 30.0) -> Any:
        """Return an encoder of query vectors that follows an index through migrations. ``quantize`` provides it.

        Args:
            client: a client of redis-py; or a URL.
            index: the name that queries use: an index, or an alias.
            field: its vector field.
            plan: the plan or the report of the migration, or the file of either: how its target truncates vectors.
            max_age: seconds after which the definition is read again.
        """
        ...


__all__ = ["__version__", "encode_query", "encoder", "hookimpl", "hookspec"]

PROVIDED: Final = ("encode_query", "encoder")
"""What plugins provide; it is loaded on first use."""

__version__ = "0.2.0"


def __dir__() -> list[str]:
    """Name what the package offers, with what plugins provide."""
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    """Load what a plugin provides."""
    if name not in PROVIDED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fieldfare.hooks.api_entry_points import load_api_entry_point  # noqa: PLC0415 - start-up time

    return load_api_entry_point(name, __name__)
