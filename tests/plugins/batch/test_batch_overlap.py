"""Which indexes share keys: against the definition of a prefix, and on the server."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from fieldfare.definition import IndexDefinition, Storage
from fieldfare_batch.overlap import Keyspace, Overlap, connected_groups, find_overlaps, overlap_free_groups

PREFIXES = st.lists(st.text("a:é*", max_size=3).map(str.encode), min_size=1, max_size=3)
INDEXES = st.lists(st.tuples(st.sampled_from(Storage), PREFIXES), max_size=8)
KEYS = st.lists(st.text("a:é*", max_size=5).map(str.encode), max_size=20)


def keyspaces(indexes: list[tuple[Storage, list[bytes]]]) -> list[Keyspace]:
    return [Keyspace(f"i{number}", kind, tuple(prefixes)) for number, (kind, prefixes) in enumerate(indexes)]


def covers(index: Keyspace, key: bytes) -> bool:
    return any(key.startswith(prefix) for prefix in index.prefixes)


def share_keys(one: Keyspace, other: Keyspace) -> bool:
    """The definition: some key is covered by both. If any is, then one of the prefixes, taken as a key, is."""
    candidates = {*one.prefixes, *other.prefixes}
    return one.storage is other.storage and any(covers(one, key) and covers(other, key) for key in candidates)


@given(INDEXES)
def test_overlaps_are_the_pairs_that_share_keys(indexes: list[tuple[Storage, list[bytes]]]) -> None:
    spaces = keyspaces(indexes)
    expected = {frozenset({one.name, other.name}) for one, other in combinations(spaces, 2) if share_keys(one, other)}
    found = list(find_overlaps(spaces))
    assert {frozenset({each.first, each.second}) for each in found} == expected
    assert len(found) == len(expected), "each pair once"
    by_name = {each.name: each for each in spaces}
    for each in found:
        assert each.first_prefix in by_name[each.first].prefixes
        assert each.second_prefix in by_name[each.second].prefixes
        assert each.second_prefix.startswith(each.first_prefix), "the wider one first"
        longer = each.second_prefix
        assert covers(by_name[each.first], longer)
        assert covers(by_name[each.second], longer)


@given(INDEXES, KEYS)
def test_groups_that_run_at_the_same_time_share_no_key(
    indexes: list[tuple[Storage, list[bytes]]], keys: list[bytes]
) -> None:
    spaces = {each.name: each for each in keyspaces(indexes)}
    groups = connected_groups(list(spaces.values()))
    assert sorted(name for group in groups for name in group) == sorted(spaces)
    for one, other in combinations(groups, 2):
        for first in one:
            for second in other:
                assert not share_keys(spaces[first], spaces[second])
    for key in keys:
        holders = {
            (spaces[name].storage, number)
            for number, group in enumerate(groups)
            for name in group
            if covers(spaces[name], key)
        }
        assert len(holders) == len({storage for storage, _ in holders})


@given(INDEXES)
def test_groups_share_no_key_inside(indexes: list[tuple[Storage, list[bytes]]]) -> None:
    spaces = {each.name: each for each in keyspaces(indexes)}
    groups = overlap_free_groups(list(spaces), find_overlaps(spaces.values()))
    assert sorted(name for group in groups for name in group) == sorted(spaces)
    for group in groups:
        assert not any(share_keys(spaces[one], spaces[other]) for one, other in combinations(group, 2))


def test_two_thousand_indexes_over_two_thousand_prefixes_of_two_kinds() -> None:
    spaces = [
        Keyspace(f"i{number:04}", Storage.HASH, (b"tenant:%d:" % number, b"shared:%d:" % (number // 2)))
        for number in range(2000)
    ]
    assert len(list(find_overlaps(spaces))) == 1000
    assert len(connected_groups(spaces)) == 1000


def test_an_index_covers_what_it_covers_before_and_after() -> None:
    before = IndexDefinition("i", Storage.HASH, ("old:",), ())
    after = IndexDefinition("i", Storage.HASH, ("new:",), ())
    other = IndexDefinition("j", Storage.HASH, ("new:1:",), ())
    [found] = find_overlaps([Keyspace.of("i", before, after), Keyspace.of("j", other)])
    assert found == Overlap("i", "j", b"new:", b"new:1:")
    assert str(found) == "i <-> j: 'new:' <-> 'new:1:'"


def test_a_prefix_that_ends_inside_a_character() -> None:
    cut = IndexDefinition("cut", Storage.HASH, ("\udcc3",), ())
    whole = IndexDefinition("whole", Storage.HASH, ("é",), ())
    assert len(list(find_overlaps([Keyspace.of("cut", cut), Keyspace.of("whole", whole)]))) == 1
