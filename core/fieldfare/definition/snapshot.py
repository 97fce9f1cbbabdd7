"""A snapshot of a live index. Data only; ``fieldfare.server.inspect`` reads it."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from fieldfare.definition.model import IndexDefinition

__all__ = ["IndexStats", "Snapshot"]


@frozen
class IndexStats:
    """Statistics from FT.INFO.

    Attributes:
        num_docs: documents in the index.
        hash_indexing_failures: documents that could not be indexed.
        indexing: whether a background scan still runs.
        percent_indexed: progress of that scan, 0.0 to 1.0.
        vector_index_size_mb: memory of all vector indexes, in MiB.
        total_index_memory_size_mb: memory of the whole index, in MiB.
    """

    num_docs: int
    hash_indexing_failures: int = 0
    indexing: bool = False
    percent_indexed: float = 1.0
    vector_index_size_mb: float = 0.0
    total_index_memory_size_mb: float = 0.0


@frozen(hash=False)
class Snapshot:
    """A live index: its definition, statistics, synonyms and aliases.

    Attributes:
        definition: as far as the server reports it.
        stats: statistics at that moment.
        synonyms: synonym group → its terms, sorted.
        aliases: the known aliases; Redis has no command that lists them.
        key_sample: a few keys of documents, decoded with ``surrogateescape``, sorted.
        unreadable: options that the server does not report, one line each (``PHONETIC of title``).
        unknown: parts of the definition that fieldfare does not know, one line each; planning refuses these.
    """

    definition: IndexDefinition
    stats: IndexStats
    synonyms: Mapping[str, tuple[str, ...]] = field(factory=dict)
    aliases: tuple[str, ...] = ()
    key_sample: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
