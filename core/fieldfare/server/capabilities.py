"""What a Redis server can do: versions, modules, limits. Data only."""

from __future__ import annotations

from typing import Final, TypeAlias

from attrs import frozen

__all__ = [
    "COORDINATOR_VERSION",
    "UNKNOWN_VERSION",
    "VECTOR_DATATYPES",
    "Capabilities",
    "Version",
    "format_version",
]

Version: TypeAlias = tuple[int, int, int]

VECTOR_DATATYPES: Final[dict[str, Version]] = {
    "float32": (0, 0, 0),
    "float64": (0, 0, 0),
    "float16": (2, 10, 0),
    "bfloat16": (2, 10, 0),
    "int8": (8, 0, 0),
    "uint8": (8, 0, 0),
}
"""Vector datatypes and the first search version that indexes them."""

UNKNOWN_VERSION: Final[Version] = (0, 0, 0)
"""Of a server, or of its search module, whose version the user may not read."""

SVS_VERSION: Final[Version] = (8, 2, 0)
COORDINATOR_VERSION: Final[Version] = (8, 0, 0)
"""The first search version whose indexes cover a whole cluster."""

HSETEX_VERSION: Final[Version] = (8, 0, 0)
HASH_FIELD_TTL_VERSION: Final[Version] = (7, 4, 0)


@frozen
class Capabilities:
    """A server's versions and modules.

    Attributes:
        redis_version: the version of the server.
        search_version: the version of the search module; 0.0.0 if the user may not read it.
        json: whether the JSON module is loaded.
        cluster: whether this is a cluster.
        coordinator: whether every primary of the cluster holds every index; else an index lives on the primary that
            owns the slot of its name.
        max_memory: ``maxmemory`` in bytes; 0 for no limit.
        used_memory: in bytes, when the connection was opened.
        eviction_policy: ``maxmemory-policy``.
        replica_of: the primary of this server (``host:port``) if it is a replica; "" if it is a primary itself.
    """

    redis_version: Version
    search_version: Version
    json: bool = True
    cluster: bool = False
    coordinator: bool = False
    max_memory: int = 0
    used_memory: int = 0
    eviction_policy: str = "noeviction"
    replica_of: str = ""

    @property
    def replica_refusal(self) -> str:
        """What the user of a replica should know; "" for a primary."""
        if not self.replica_of:
            return ""
        return f"This server is a replica of {self.replica_of}, and what is written to a replica is refused or lost"

    @property
    def has_svs(self) -> bool:
        """Whether SVS-VAMANA indexes can be created."""
        return self.has_search(SVS_VERSION)

    @property
    def knows_search_version(self) -> bool:
        """Whether the version of the search module is known."""
        return self.search_version != UNKNOWN_VERSION

    @property
    def search_name(self) -> str:
        """The search module, as messages name it."""
        return f"search {format_version(self.search_version)}" if self.knows_search_version else "an unknown search"

    def has_search(self, needed: Version) -> bool:
        """Whether the search module is as new as this; if its version is unknown, the rehearsal will tell."""
        return self.search_version >= needed or not self.knows_search_version

    @property
    def has_hsetex(self) -> bool:
        """Whether HSETEX exists: an HSET that keeps TTLs and creates nothing."""
        return self.redis_version >= HSETEX_VERSION

    @property
    def has_hash_field_ttl(self) -> bool:
        """Whether single hash fields can expire."""
        return self.redis_version >= HASH_FIELD_TTL_VERSION

    def indexes(self, datatype: str) -> bool:
        """Whether vectors of this datatype can be indexed."""
        return self.has_search(VECTOR_DATATYPES[datatype.lower()]) if datatype.lower() in VECTOR_DATATYPES else False


def format_version(version: Version) -> str:
    """Return a version as text: ``2.10.5``."""
    return ".".join(map(str, version))
