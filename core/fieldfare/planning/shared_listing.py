"""Keys of several indexes, listed by one scan: a scan looks at all keys of the server, whatever it is to find."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Final

from attrs import frozen
from redis.exceptions import ResponseError

from fieldfare.planning.foreign_keys import may_have_foreign_keys
from fieldfare.planning.key_sample import SEED, KeySample
from fieldfare.server.keys import distinct_keys, scan_batches
from fieldfare.server.prefixes import disjoint_prefixes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fieldfare.definition import IndexDefinition, Snapshot, Storage
    from fieldfare.server import Server

__all__ = ["DrawnKeys", "SharedListing"]

LEAST_INDEXES: Final = 3
"""For fewer indexes, one scan that returns keys of all takes as long as a scan for each."""

DRAWN_KEYS: Final = 1000
"""How many keys are drawn for an index: a first sample of vectors has no more. For a larger one, it is listed alone."""

MOST_KEYS: Final = 50_000
"""How many keys one scan draws for all its indexes; bounds the memory."""

MOST_DOCUMENTS: Final = 1_000_000
"""How many documents the indexes of one scan have; bounds the memory, and the files of keys that a scan has yielded."""


@frozen
class DrawnKeys:
    """What a scan found of an index.

    Attributes:
        keys: a sample of up to ``limit`` keys.
        limit: the maximum size of the sample.
        count: how many keys the prefixes of the index have.
    """

    keys: list[bytes]
    limit: int
    count: int


class SharedListing:
    """Draws keys of several indexes by one scan, when those of one of them are asked for.

    Args:
        server: the server of the indexes.
        snapshots: the indexes, in the order in which their keys will be asked for.
    """

    def __init__(self, server: Server, snapshots: Iterable[Snapshot]) -> None:
        self._server = server
        self._waiting = {each.definition.name: each for each in _sharing(server, snapshots)}
        self._drawn: dict[Storage, dict[str, DrawnKeys]] = {}

    def take(self, index: str) -> DrawnKeys | None:
        """Return the keys of an index, once; None if they are to be listed for this index alone."""
        first = self._waiting.pop(index, None)
        if first is not None:
            chosen = self._take_waiting(first)
            self._drawn[first.definition.storage] = self._draw(chosen) if len(chosen) >= LEAST_INDEXES else {}
        return next((drawn.pop(index) for drawn in self._drawn.values() if index in drawn), None)

    def _take_waiting(self, first: Snapshot) -> list[Snapshot]:
        """Return an index, and those that wait for a scan, as many as one is for."""
        taken, keys, documents = [first], _drawn_keys(first), first.stats.num_docs
        for each in list(self._waiting.values()):
            more_keys, more_documents = keys + _drawn_keys(each), documents + each.stats.num_docs
            fits = more_keys <= MOST_KEYS and more_documents <= MOST_DOCUMENTS
            if fits and each.definition.storage is first.definition.storage:
                taken.append(self._waiting.pop(each.definition.name))
                keys, documents = more_keys, more_documents
        return taken

    def _draw(self, snapshots: Sequence[Snapshot]) -> dict[str, DrawnKeys]:
        prefixes = _Prefixes([each.definition for each in snapshots])
        samples = {each.definition.name: KeySample(DRAWN_KEYS, SEED) for each in snapshots}
        counts = dict.fromkeys(samples, 0)
        listed = scan_batches(self._server, snapshots[0].definition.storage, prefixes.common)
        try:
            for keys in distinct_keys(map(prefixes.covered, listed)):
                for index, own in prefixes.divide(keys).items():
                    samples[index].add(own)
                    counts[index] += len(own)
        except ResponseError:  # each index tells what this user may not do, or is asked itself
            return {}
        return {index: DrawnKeys(sample.keys(), DRAWN_KEYS, counts[index]) for index, sample in samples.items()}


class _Prefixes:
    """The prefixes of several indexes.

    Attributes:
        common: what all of them start with.
    """

    def __init__(self, definitions: Iterable[IndexDefinition]) -> None:
        every = sorted(prefix for each in definitions for prefix in each.prefixes)
        pairs = zip(every[0], every[-1], strict=False)
        self.common = "".join(first for first, last in takewhile(lambda pair: pair[0] == pair[1], pairs))
        self._indexes: dict[int, dict[bytes, list[str]]] = defaultdict(lambda: defaultdict(list))
        for each in definitions:
            for prefix in disjoint_prefixes(each.prefixes):
                self._indexes[len(prefix)][prefix].append(each.name)

    def covered(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the keys that at least one of the indexes covers, each once."""
        found = [[key for key in keys if key[:length] in known] for length, known in self._indexes.items()]
        return found[0] if len(found) == 1 else list(dict.fromkeys(chain.from_iterable(found)))

    def divide(self, keys: Sequence[bytes]) -> dict[str, list[bytes]]:
        """Return the keys that each index covers."""
        divided: dict[str, list[bytes]] = defaultdict(list)
        for length, known in self._indexes.items():
            for key in keys:
                for index in known.get(key[:length], ()):
                    divided[index].append(key)
        return divided


def _drawn_keys(snapshot: Snapshot) -> int:
    return min(snapshot.stats.num_docs, DRAWN_KEYS)


def _sharing(server: Server, snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    """Return the indexes whose keys a scan of the whole server lists, where a part of it would not do."""
    if server.capabilities.cluster:
        return []
    scanned = [each for each in snapshots if each.definition.filter is None]
    largest = max(scanned, key=lambda each: each.stats.num_docs, default=None)
    if largest is None or largest.stats.num_docs <= DRAWN_KEYS or may_have_foreign_keys(server, largest):
        return scanned  # each one has fewer documents than the server has keys
    return [each for each in scanned if each.stats.num_docs < largest.stats.num_docs]
