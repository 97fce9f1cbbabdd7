"""Applications that use an index by name, each through its own client library, in an environment of its own.

A request as JSON a line on stdin, an answer a line on stdout. The first argument names the client, the second is the
URL. A request has ``do``; an answer has ``answer``, or ``error`` with the type of an exception:

- ``start``: what an application does at its start: its own schema, and the index is created if it is missing;
- ``attach``: what it does instead if it takes the schema from the index;
- ``follow``: after ``attach``, the one line that lets it follow an alias;
- ``start_carefully``: ``start`` with the one line that leaves an alias alone;
- ``start_changed``: ``start`` of the next version of the application, whose schema has changed;
- ``exists``: whether the client says that the index is there;
- ``load``: write the document ``key``; ``query``: how many documents the index finds.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from redis import Redis
from redis.commands.search.field import TextField
from redis.commands.search.index_definition import IndexDefinition  # type: ignore[import-not-found,unused-ignore]
from redis.commands.search.query import Query
from redis.exceptions import ResponseError

NAME, PREFIX, DIMS = "articles", "article", 4


def embed(text: str) -> list[float]:
    """Return a vector of a text, always the same."""
    return [float(sum(map(ord, text)) % (7 + place) + 1) for place in range(DIMS)]


def index_is_there(client: Any) -> bool:
    """Whether an index or an alias has the name."""
    try:
        client.ft(NAME).info()
    except ResponseError:
        return False
    return True


class PlainRedisPy:
    """redis-py's own commands."""

    def __init__(self, url: str) -> None:
        self.client = Redis.from_url(url)

    def start(self) -> None:
        """Create the index if FT._LIST does not list it."""
        listed: list[bytes] = self.client.execute_command("FT._LIST")  # type: ignore[no-untyped-call]
        if NAME not in [each.decode() for each in listed]:
            definition: Any = IndexDefinition(prefix=[f"{PREFIX}:"])  # type: ignore[no-untyped-call]
            self.client.ft(NAME).create_index([TextField("title")], definition=definition)

    def start_carefully(self) -> None:
        """Create the index if FT.INFO does not know the name."""
        if not index_is_there(self.client):
            self.start()

    def start_changed(self) -> None:
        """Create the index anew."""
        self.client.ft(NAME).dropindex()
        self.start()

    def exists(self) -> bool:
        """Ask FT.INFO."""
        return index_is_there(self.client)

    def load(self, key: str) -> None:
        """Write a hash."""
        self.client.hset(f"{PREFIX}:{key}", mapping={"title": f"owl {key}"})

    def query(self) -> int:
        """Count what a text query finds."""
        return int(self.client.ft(NAME).search(Query("owl").no_content().dialect(2)).total)


class RedisVL:
    """RedisVL's SearchIndex."""

    def __init__(self, url: str) -> None:
        from redisvl.index import SearchIndex  # type: ignore[import-not-found]  # not in this environment

        self.client, self.kind = Redis.from_url(url), SearchIndex
        self.schema = {
            "index": {"name": NAME, "prefix": PREFIX},
            "fields": [
                {"name": "id", "type": "tag"},
                {"name": "title", "type": "text"},
                {"name": "embedding", "type": "vector", "attrs": {"algorithm": "flat", "dims": DIMS}},
            ],
        }
        self.index: Any = None

    def start(self, **options: bool) -> None:
        """Create the index if it does not exist."""
        self.index = self.kind.from_dict(self.schema, redis_client=self.client)
        self.index.create(**options)

    def start_carefully(self) -> None:
        """Create the index if FT.INFO does not know the name."""
        self.index = self.kind.from_dict(self.schema, redis_client=self.client)
        if not index_is_there(self.client):
            self.index.create()

    def start_changed(self) -> None:
        """Create the index anew."""
        self.start(overwrite=True)

    def attach(self) -> None:
        """Take the schema from the index."""
        self.index = self.kind.from_existing(NAME, redis_client=self.client)

    def follow(self) -> None:
        """Ask by the alias, not by the name of the index behind it."""
        self.index.schema.index.name = NAME

    def exists(self) -> bool:
        """Ask the index."""
        return bool(self.index.exists())

    def load(self, key: str) -> None:
        """Load a document."""
        from redisvl.redis.utils import array_to_buffer  # type: ignore[import-not-found]  # not in this environment

        vector = array_to_buffer(embed(key), "float32")
        self.index.load([{"id": key, "title": f"owl {key}", "embedding": vector}], id_field="id")

    def query(self) -> int:
        """Count what a KNN query finds."""
        from redisvl.query import VectorQuery  # type: ignore[import-not-found]  # not in this environment

        return len(self.index.query(VectorQuery(embed("owl"), "embedding", num_results=100)))


class LangChain:
    """langchain-redis's RedisVectorStore."""

    def __init__(self, url: str) -> None:
        from langchain_core.embeddings import Embeddings  # type: ignore[import-not-found]  # not in this environment
        from langchain_redis import RedisVectorStore  # type: ignore[import-not-found]  # not in this environment

        class Texts(Embeddings):  # type: ignore[misc]
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return [embed(text) for text in texts]

            def embed_query(self, text: str) -> list[float]:
                return embed(text)

        self.client, self.kind, self.embeddings = Redis.from_url(url), RedisVectorStore, Texts()
        self.store: Any = None

    def start(self, **options: Any) -> None:
        """Make a store, which creates the index if it does not exist."""
        common = {"index_name": NAME, "key_prefix": PREFIX, "redis_client": self.client}
        self.store = self.kind(self.embeddings, **common, **options)

    def start_carefully(self) -> None:
        """Take the schema from the index if FT.INFO knows the name, and ask by that name."""
        if index_is_there(self.client):
            self.attach()
            self.follow()
        else:
            self.start()

    def start_changed(self) -> None:
        """Make a store with another schema."""
        self.start(metadata_schema=[{"name": "kind", "type": "tag"}])

    def attach(self) -> None:
        """Take the schema from the index."""
        self.store = self.kind.from_existing_index(NAME, self.embeddings, key_prefix=PREFIX, redis_client=self.client)

    def follow(self) -> None:
        """Ask by the alias, not by the name of the index behind it."""
        self.store.index.schema.index.name = NAME

    def exists(self) -> bool:
        """Ask the index of the store."""
        return bool(self.store.index.exists())

    def load(self, key: str) -> None:
        """Add a text."""
        self.store.add_texts([f"owl {key}"], keys=[key])

    def query(self) -> int:
        """Count what a similarity search finds."""
        return len(self.store.similarity_search("owl", k=100))


class RedisOM:
    """redis-om-python: a model, and its Migrator."""

    def __init__(self, url: str) -> None:
        import redis_om  # type: ignore[import-not-found]  # not in this environment

        self.base, self.field, self.migrator = redis_om.HashModel, redis_om.Field, redis_om.Migrator
        self.client = redis_om.get_redis_connection(url=url)
        self.model: Any = None

    def start(self) -> None:
        """Declare the model, and run the Migrator."""
        self._declare()
        self._migrate()

    start_carefully = start

    def start_changed(self) -> None:
        """Declare the model with one more field, and run the Migrator."""
        self._declare(kind=self.field(default="", index=True))
        self._migrate()

    def exists(self) -> bool:
        """Whether the Migrator has nothing to do."""
        migrator = self.migrator(conn=self.client)
        migrator.detect_migrations()
        return not migrator.migrations

    def load(self, key: str) -> None:
        """Save a model."""
        self.model(title=f"owl {key}", pk=key).save()

    def query(self) -> int:
        """Count what a query finds."""
        return len(self.model.find(self.model.title % "owl").all())

    def _declare(self, **more: Any) -> None:
        from redis_om.model.model import model_registry  # type: ignore[import-not-found]  # not in this environment

        class Meta:
            global_key_prefix = "shop"
            model_key_prefix = PREFIX
            index_name = NAME
            database = self.client

        model_registry.clear()
        annotations = {"title": str, **dict.fromkeys(more, str)}
        content = {"title": self.field(index=True, full_text_search=True), **more}
        namespace = {"__annotations__": annotations, "__module__": __name__, "Meta": Meta, **content}
        self.model = type(self.base)("Article", (self.base,), namespace, index=True)

    def _migrate(self) -> None:

        self.migrator(conn=self.client).run()


CLIENTS = {"redis-py": PlainRedisPy, "RedisVL": RedisVL, "langchain-redis": LangChain, "redis-om": RedisOM}


def main() -> None:
    """Answer requests until there are no more."""
    application = CLIENTS[sys.argv[1]](sys.argv[2])
    for line in sys.stdin:
        request = json.loads(line)
        action = request.pop("do")
        try:
            answer = {"answer": getattr(application, action)(**request)}
        except Exception as error:  # noqa: BLE001 - the test decides
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)  # noqa: T201 - the answer


main()
