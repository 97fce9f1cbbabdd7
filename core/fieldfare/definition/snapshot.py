"""A snapshot of a live index. Data only; ``fieldfare.server.inspect`` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import asdict, field, frozen

from fieldfare.definition.model import IndexDefinition

__all__ = ["KEY_SEPARATOR", "SYNONYMS", "IndexStats", "Keyspace", "Snapshot"]

KEY_SEPARATOR: Final = ":"
"""RedisVL's default between a prefix and a document's id; no server reports it."""

SYNONYMS: Final = "synonym groups"
"""How the line in ``unreadable`` starts if the user may not read the synonym groups."""


@frozen
class IndexStats:
    """Statistics from FT.INFO.

    Attributes:
        num_docs: documents in the index.
        hash_indexing_failures: documents that could not be indexed.
        indexing: whether a background scan still runs.
        percent_indexed: progress of that scan, 0.0 to 1.0.
        vector_index_size_mb: memory of all vector indexes, in MiB.
        total_index_memory_size_mb: memory of the index in MiB, with or without its vectors, depending on the server.
        other_memory_size_mb: memory of the index without its vectors, in MiB.
        indexing_seconds: that the server took to index one document, on average; 0.0 if it does not tell.
    """

    num_docs: int
    hash_indexing_failures: int = 0
    indexing: bool = False
    percent_indexed: float = 1.0
    vector_index_size_mb: float = 0.0
    total_index_memory_size_mb: float = 0.0
    other_memory_size_mb: float = 0.0
    indexing_seconds: float = field(default=0.0, eq=False)


@frozen
class Keyspace:
    """Where the documents of an index are, as RedisVL names it.

    Attributes:
        storage_type: ``hash`` or ``json``.
        prefixes: the prefixes of the documents' keys.
        key_separator: between a prefix that does not end with it and the id of a document.
        key_sample: a few keys of documents.
    """

    storage_type: str
    prefixes: tuple[str, ...]
    key_separator: str
    key_sample: tuple[str, ...]


@frozen(hash=False)
class Snapshot:
    """A live index: its definition, statistics, synonyms and aliases.

    Attributes:
        definition: as far as the server reports it.
        stats: statistics at that moment.
        synonyms: synonym group → its terms, sorted.
        aliases: the known aliases.
        aliases_listed: whether these are all, because the server lists them (FT.ALIASLIST, search 8.10); of the live
            index only, not of the one in a plan file.
        key_sample: a few keys of documents, decoded with ``surrogateescape``, sorted.
        unreadable: options that the server does not report, one line each (``PHONETIC of title``).
        unknown: parts of the definition that fieldfare does not know, one line each; planning refuses these.
        ambiguous: texts in which FT.INFO shows a line break, or a backslash and a letter; planning refuses these.
    """

    definition: IndexDefinition
    stats: IndexStats
    synonyms: Mapping[str, tuple[str, ...]] = field(factory=dict)
    aliases: tuple[str, ...] = ()
    aliases_listed: bool = field(default=False, eq=False, kw_only=True)
    key_sample: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()

    @property
    def index_name(self) -> str:
        """The real name of the index."""
        return self.definition.name

    @property
    def schema_snapshot(self) -> dict[str, Any]:
        """The definition as the mapping that a schema file holds."""
        from fieldfare.definition.schema import to_schema  # noqa: PLC0415 - start-up time

        return to_schema(self.definition)

    @property
    def stats_snapshot(self) -> dict[str, Any]:
        """The statistics as a mapping."""
        return asdict(self.stats)

    @property
    def keyspace(self) -> Keyspace:
        """Where the documents are."""
        definition = self.definition
        return Keyspace(definition.storage.value, definition.prefixes, KEY_SEPARATOR, self.key_sample)

    @property
    def knows_synonyms(self) -> bool:
        """Whether the synonym groups could be read."""
        return not any(line.startswith(SYNONYMS) for line in self.unreadable)
