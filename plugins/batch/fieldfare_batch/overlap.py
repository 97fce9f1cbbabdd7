"""Which indexes cover the same keys, as FT.CREATE's PREFIX means it.

A prefix is a literal string of bytes: ``*`` stands for itself, the empty one covers every key. An index
covers a key that starts with any of its prefixes and that is of its type, a hash or a JSON document.
https://redis.io/docs/latest/commands/ft.create/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from fieldfare.definition import IndexDefinition, Storage

__all__ = ["Keyspace", "Overlap", "components", "find_overlaps"]


@frozen
class Keyspace:
    """The keys that an index covers.

    Attributes:
        name: of the index.
        storage: the type of its keys.
        prefixes: any of these.
    """

    name: str
    storage: Storage
    prefixes: tuple[bytes, ...]

    @classmethod
    def of(cls, name: str, *definitions: IndexDefinition) -> Keyspace:
        """Return the keys that an index covers under any of these definitions: before and after a migration."""
        prefixes = {_encoded(prefix) for definition in definitions for prefix in definition.prefixes}
        return cls(name, definitions[0].storage, tuple(sorted(prefixes)))


@frozen
class Overlap:
    """Two indexes that can cover the same key, and the prefixes by which they do."""

    first: str
    second: str
    first_prefix: bytes
    second_prefix: bytes

    def __str__(self) -> str:
        """Say it as ``a <-> b: 'product:' <-> 'product:premium:'``."""
        return f"{self.first} <-> {self.second}: {_shown(self.first_prefix)} <-> {_shown(self.second_prefix)}"


def find_overlaps(keyspaces: Iterable[Keyspace]) -> Iterator[Overlap]:
    """Yield each pair of indexes that overlap, once, ``first`` being the smaller name.

    Takes the time of sorting, plus that of the answer.
    """
    told: set[tuple[str, str]] = set()
    for name, prefix, outer in _nested(keyspaces):
        for other, others_prefix in outer:
            pair = (name, other) if name < other else (other, name)
            if name == other or pair in told:
                continue
            told.add(pair)
            prefixes = (prefix, others_prefix) if name < other else (others_prefix, prefix)
            yield Overlap(*pair, *prefixes)


def components(keyspaces: Iterable[Keyspace]) -> dict[str, str]:
    """Return for each index the one that stands for all that overlap with it, directly or through others."""
    parents: dict[str, str] = {}

    def find(name: str) -> str:
        while parents.setdefault(name, name) != name:
            parents[name] = parents[parents[name]]
            name = parents[name]
        return name

    for name, _, outer in _nested(keyspaces):
        root = find(name)
        if outer:
            # those further out were joined with this one when it came
            parents[root] = find(outer[-1][0])
    return {name: find(name) for name in parents}


def _nested(keyspaces: Iterable[Keyspace]) -> Iterator[tuple[str, bytes, list[tuple[str, bytes]]]]:
    """Yield (index, prefix, everything with a prefix of that prefix), in the order of prefixes."""
    ordered = sorted((each.storage, prefix, each.name) for each in keyspaces for prefix in each.prefixes)
    kind: Storage | None = None
    outer: list[tuple[str, bytes]] = []
    for storage, prefix, name in ordered:
        if storage is not kind:
            kind, outer = storage, []
        while outer and not prefix.startswith(outer[-1][1]):
            outer.pop()
        yield name, prefix, outer
        outer.append((name, prefix))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _shown(prefix: bytes) -> str:
    return repr(prefix.decode("utf-8", "backslashreplace"))
