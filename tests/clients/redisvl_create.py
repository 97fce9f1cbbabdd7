"""Create indexes with RedisVL, in its own environment: a schema a line on stdin, a line of answer for each on stdout.

Both are JSON. A request has ``url`` and ``schema``. An answer has two schemas as RedisVL writes them to YAML: the given
one (``written``), and what RedisVL reads from the index (``read``); or ``error``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import yaml  # type: ignore[import-untyped]  # not in this environment
from redisvl.index import SearchIndex  # type: ignore[import-not-found]  # not in this environment


def create(url: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Create one index; return the answer."""
    index = SearchIndex.from_dict(schema, redis_url=url)
    try:
        index.create()
        existing = SearchIndex.from_existing(index.name, redis_url=url)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test decides
        return {"error": f"{type(error).__name__}: {error}: {error.__cause__}"}
    written, read = (yaml.safe_dump(each.schema.to_dict(), sort_keys=False) for each in (index, existing))
    return {"written": written, "read": read}


for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps(create(request["url"], request["schema"])), flush=True)  # noqa: T201 - the answer
