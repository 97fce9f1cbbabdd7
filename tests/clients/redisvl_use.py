"""Use an index with RedisVL's own classes, in its own environment: a request as JSON in argv, the answer on stdout.

Requests have ``url`` and ``do``: ``create`` (``schema``, ``documents``) creates and loads an index; ``load`` adds
``documents`` to the index ``name``; ``query`` asks the index ``name`` for its documents, by vector, text and tag.
Vectors are lists of numbers.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from redisvl.index import SearchIndex  # type: ignore[import-not-found]  # not in this environment
from redisvl.query import (  # type: ignore[import-not-found]  # not in this environment
    CountQuery,
    FilterQuery,
    VectorQuery,
)
from redisvl.query.filter import Tag, Text  # type: ignore[import-not-found]  # not in this environment
from redisvl.redis.utils import array_to_buffer  # type: ignore[import-not-found]  # not in this environment


def load(index: Any, documents: list[dict[str, Any]]) -> int:
    """Load documents, with vectors as the storage has them; return how many."""
    datatype = index.schema.fields["embedding"].attrs.datatype.value.lower()
    is_hash = index.schema.index.storage_type.value == "hash"
    if is_hash:
        documents = [{**each, "embedding": array_to_buffer(each["embedding"], datatype)} for each in documents]
    return len(index.load(documents, id_field="id"))


def ids(results: list[dict[str, Any]]) -> list[str]:
    """Return the ids of documents, without the prefix of their keys."""
    return [str(each["id"]).rsplit(":", maxsplit=1)[-1] for each in results]


def query(index: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Ask in every way that the test needs."""
    datatype = index.schema.fields["embedding"].attrs.datatype.value.lower()
    text, tag = request["text_field"], request["tag_field"]
    nearest = VectorQuery(request["vector"], "embedding", return_fields=["id"], num_results=5, dtype=datatype)
    return {
        "count": index.query(CountQuery()),
        "nearest": ids(index.query(nearest)),
        "text": sorted(ids(index.query(FilterQuery(filter_expression=Text(text) == "seven", num_results=50)))),
        "tag": index.query(CountQuery(filter_expression=Tag(tag) == "odd")),
        "fetched": index.fetch(request["fetch"])[text],
        "fields": sorted(index.schema.fields),
    }


def main() -> None:
    """Answer the request."""
    request = json.loads(sys.argv[1])
    if request["do"] == "create":
        index = SearchIndex.from_dict(request["schema"], redis_url=request["url"])
        index.create()
    else:
        index = SearchIndex.from_existing(request["name"], redis_url=request["url"])
    answer = query(index, request) if request["do"] == "query" else {"loaded": load(index, request["documents"])}
    json.dump(answer, sys.stdout)


main()
