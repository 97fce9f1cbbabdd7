"""Applications that query with vectors which are encoded already, each with its client, in an environment of its own.

``encoded_use.py CLIENT URL NAME``. Each line of stdin is a vector as hexadecimal digits; a line of stdout is the key,
or the text, of the nearest document.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from redis import Redis

Ask: TypeAlias = Callable[[bytes], str]
DIMS = 4


def with_redis_py(client: Redis, name: str) -> Ask:
    """Return what asks with redis-py's own commands."""
    from redis.commands.search.query import Query

    query = Query("*=>[KNN 1 @embedding $vector]").no_content().dialect(2)
    return lambda vector: str(client.ft(name).search(query, {"vector": vector}).docs[0].id)


def with_redisvl(client: Redis, name: str) -> Ask:
    """Return what asks with RedisVL's SearchIndex, which has a schema of its own."""
    from redisvl.index import SearchIndex  # type: ignore[import-not-found]  # not in this environment
    from redisvl.query import VectorQuery  # type: ignore[import-not-found]  # not in this environment

    attrs = {"algorithm": "flat", "dims": DIMS}
    fields = [{"name": "text", "type": "text"}, {"name": "embedding", "type": "vector", "attrs": attrs}]
    index = SearchIndex.from_dict({"index": {"name": name}, "fields": fields}, redis_client=client)
    return lambda vector: str(index.query(VectorQuery(vector, "embedding", num_results=1))[0]["id"])


def with_langchain(client: Redis, name: str) -> Ask:
    """Return what asks with langchain-redis's RedisVectorStore, and follows the name."""
    from langchain_core.embeddings import FakeEmbeddings  # type: ignore[import-not-found]  # not in this environment
    from langchain_redis import RedisVectorStore  # type: ignore[import-not-found]  # not in this environment

    store: Any = RedisVectorStore.from_existing_index(name, FakeEmbeddings(size=DIMS), redis_client=client)
    store.index.schema.index.name = name
    return lambda vector: str(store.similarity_search_by_vector(vector, k=1)[0].page_content)


CLIENTS = {"redis-py": with_redis_py, "RedisVL": with_redisvl, "langchain-redis": with_langchain}


def main() -> None:
    """Ask with each vector."""
    client, url, name = sys.argv[1:]
    ask = CLIENTS[client](Redis.from_url(url), name)
    for line in sys.stdin:
        sys.stdout.write(f"{ask(bytes.fromhex(line))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
