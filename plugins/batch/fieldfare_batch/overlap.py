"""Which indexes cover the same keys, according to PREFIX of FT.CREATE, and how to group them.

A prefix is a literal string of bytes: ``*`` has no special meaning, and the empty prefix covers every key. An index
covers the keys of its storage type (hash or JSON) that start with any of its prefixes.
https://redis.io/docs/latest/commands/ft.create/
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from fieldfare.definition import IndexDefinition, Storage
from fieldfare.definition.reply import encode

__all__ = ["Keyspace", "Overlap", "connected_groups", "find_overlaps", "overlap_free_groups"]


@frozen
class Keyspace:
    """The keys that an index covers.

    Attributes:
        name: the name of the index.
        storage: the type of its keys.
        prefixes: the prefixes of its keys.
    """

    name: str
    storage: Storage
    prefixes: tuple[bytes, ...]

    @classmethod
    def of(cls, name: str, *definitions: IndexDefinition) -> Keyspace:
        """Return the keys that an index covers with any of these definitions, such as before and after a migration."""
        prefixes = {encode(prefix) for definition in definitions for prefix in definition.prefixes}
        return cls(name, definitions[0].storage, tuple(sorted(prefixes)))


@frozen
class Overlap:
    """Two indexes that can cover the same key, and their overlapping prefixes; the first prefix is the wider one."""

    first: str
    second: str
    first_prefix: bytes
    second_prefix: bytes

    def __str__(self) -> str:
        """Return ``a <-> b: 'product:' <-> 'product:premium:'``."""
        return f"{self.first} <-> {self.second}: {_shown(self.first_prefix)} <-> {_shown(self.second_prefix)}"


def find_overlaps(keyspaces: Iterable[Keyspace]) -> Iterator[Overlap]:
    """Yield each pair of overlapping indexes once.

    Takes O(n log n) for n prefixes, plus the number of pairs.
    """
    seen: set[tuple[str, str]] = set()
    for name, prefix, outer in _nested(keyspaces):
        for other, other_prefix in outer:
            pair = (name, other) if name < other else (other, name)
            if name == other or pair in seen:
                continue
            seen.add(pair)
            yield Overlap(other, name, other_prefix, prefix)


def overlap_free_groups(names: Sequence[str], overlaps: Iterable[Overlap]) -> tuple[tuple[str, ...], ...]:
    """Divide indexes into few groups, so that no two indexes of a group overlap.

    Each index is added to the first group that has no overlapping index.
    """
    overlapping: dict[str, set[str]] = defaultdict(set)
    for overlap in overlaps:
        overlapping[overlap.first].add(overlap.second)
        overlapping[overlap.second].add(overlap.first)
    group_of: dict[str, int] = {}
    groups: list[list[str]] = []
    for name in names:
        excluded = {group_of[other] for other in overlapping[name] if other in group_of}
        number = next(number for number in range(len(groups) + 1) if number not in excluded)
        if number == len(groups):
            groups.append([])
        groups[number].append(name)
        group_of[name] = number
    return tuple(map(tuple, groups))


def connected_groups(keyspaces: Sequence[Keyspace]) -> tuple[tuple[str, ...], ...]:
    """Divide indexes into groups, so that indexes of different groups never overlap and can run at the same time."""
    representatives = _representatives(keyspaces)
    groups: dict[str, list[str]] = defaultdict(list)
    for each in keyspaces:
        groups[representatives.get(each.name, each.name)].append(each.name)
    return tuple(map(tuple, groups.values()))


def _representatives(keyspaces: Iterable[Keyspace]) -> dict[str, str]:
    """Return for each index the representative of all indexes that overlap with it, directly or through others."""
    parents: dict[str, str] = {}

    def find(name: str) -> str:
        while parents.setdefault(name, name) != name:
            parents[name] = parents[parents[name]]
            name = parents[name]
        return name

    for name, _, outer in _nested(keyspaces):
        root = find(name)
        if outer:
            # the prefixes further out were joined with this one before
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


def _shown(prefix: bytes) -> str:
    return repr(prefix.decode("utf-8", "backslashreplace"))
