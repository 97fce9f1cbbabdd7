"""Dividing indexes into groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from fieldfare_batch.overlap import Keyspace, Overlap, components

__all__ = ["chains", "disjoint_groups"]


def disjoint_groups(names: Sequence[str], overlaps: Iterable[Overlap]) -> tuple[tuple[str, ...], ...]:
    """Divide indexes into few groups in which none overlap. Each index goes to the first group that takes it."""
    enemies: dict[str, set[str]] = defaultdict(set)
    for overlap in overlaps:
        enemies[overlap.first].add(overlap.second)
        enemies[overlap.second].add(overlap.first)
    group_of: dict[str, int] = {}
    groups: list[list[str]] = []
    for name in names:
        taken = {group_of[enemy] for enemy in enemies[name] if enemy in group_of}
        number = next(number for number in range(len(groups) + 1) if number not in taken)
        if number == len(groups):
            groups.append([])
        groups[number].append(name)
        group_of[name] = number
    return tuple(map(tuple, groups))


def chains(keyspaces: Sequence[Keyspace]) -> tuple[tuple[str, ...], ...]:
    """Divide indexes into rows of which any two cover different keys, so that rows can run at the same time."""
    representatives = components(keyspaces)
    rows: dict[str, list[str]] = defaultdict(list)
    for each in keyspaces:
        rows[representatives.get(each.name, each.name)].append(each.name)
    return tuple(map(tuple, rows.values()))
