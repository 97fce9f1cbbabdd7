"""What a test class says about its plugin: the changes, and the documents before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Any, ClassVar, Final, TypeAlias

from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.server.pipeline import encode

__all__ = ["Document", "PluginUnderTest"]

Document: TypeAlias = Mapping[str, Any]
"""Field → value. In hashes values are what ``HSET`` takes, in JSON documents what ``json.dumps`` takes."""

COUNT: Final = 12
"""Documents in the index: three batches of ``conformance_run.BATCH``."""

EXPIRES_MS: Final = 4102444800123
"""In the year 2100."""


class PluginUnderTest:
    """The plugin and its migration. Every test class of the suite is a subclass.

    Attributes:
        plugin: the name of its entry point.
        changes: what a patch holds below ``changes``.
        schema: the arguments of ``FT.CREATE`` behind ``SCHEMA``.
        examples: documents before the migration, and the same documents after it.
        storage: ``hash`` or ``json``.
        index: the name of the index.
        prefix: the prefix of its keys.
        most_kills: how often each test that kills processes does so, at most.
        odd: unusual documents that the plugin must handle; None for those of :meth:`odd_documents`.
    """

    plugin: ClassVar[str]
    changes: ClassVar[Mapping[str, Any]]
    schema: ClassVar[Sequence[str | int]]
    examples: ClassVar[Sequence[tuple[Document, Document]]]
    storage: ClassVar[str] = "hash"
    index: ClassVar[str] = "conformance"
    prefix: ClassVar[str] = "conformance:"
    most_kills: ClassVar[int] = 20
    odd: ClassVar[Sequence[Document] | None] = None

    def load(self, server: Server) -> None:
        """Create the index and its documents, with times to live, synonyms and an alias, which a rollback restores.

        Override it if the plugin needs more than documents.
        """
        before = [each for each, _ in islice(cycle(self.examples), COUNT)]
        self.write(server, {self.key(row): each for row, each in enumerate(before)})
        server.command("PEXPIREAT", self.key(0), EXPIRES_MS)
        if self.storage == "hash" and before[1] and server.capabilities.redis_version >= (7, 4):
            server.command("HPEXPIREAT", self.key(1), EXPIRES_MS, "FIELDS", 1, next(iter(before[1])))
        server.command(
            *("FT.CREATE", self.index, "ON", self.storage.upper(), "PREFIX", 1, self.prefix, "SCHEMA", *self.schema)
        )
        server.command("FT.SYNUPDATE", self.index, "group", "heading", "title")
        server.command("FT.ALIASADD", f"{self.index}-alias", self.index)

    def check(self, server: Server, plan: MigrationPlan) -> None:
        """Compare the documents after a run with the examples. Override it if a step changes more than documents.

        Raises:
            AssertionError: a document is not as its example says.
        """
        for row, (_, after) in enumerate(islice(cycle(self.examples), COUNT)):
            key = plan.moved(self.key(row).encode())
            assert self.read(server, key) == self.as_read(after), f"{key!r} is not as its example says"

    def odd_documents(self) -> list[Document]:
        """Return unusual documents: without the fields, with empty values, with any bytes."""
        names = sorted({name for before, _ in self.examples for name in before})
        if self.storage == "json":
            values: list[Any] = ["", None, 0, [], {"nested": [1]}, "\u0000\ud7ff"]
        else:
            values = [b"", b"\x00\xff\xfe", b"\x80" * 300]
        return [{"elsewhere": "x"}, *(dict.fromkeys(names, value) for value in values)]

    # ---- documents

    def key(self, row: int) -> str:
        """Return the key of a document of the index."""
        return f"{self.prefix}{row:03}"

    def write(self, server: Server, documents: Mapping[Any, Document]) -> None:
        """Write documents."""
        if self.storage == "json":
            server.bulk([("JSON.SET", key, "$", json.dumps(each)) for key, each in documents.items()])
        else:
            server.bulk(
                [("HSET", key, *(part for pair in each.items() for part in pair)) for key, each in documents.items()]
            )

    def read(self, server: Server, key: bytes) -> Any:
        """Return a document: a mapping of bytes of a hash, the parsed JSON; None if there is none."""
        if self.storage == "json":
            text = server.command("JSON.GET", key)
            return None if text is None else json.loads(text)
        return server.client.hgetall(key) or None

    def as_read(self, document: Document) -> Any:
        """Return a document in the form that :meth:`read` returns."""
        if self.storage == "json":
            return dict(document)
        return {encode(name): encode(value) for name, value in document.items()}
