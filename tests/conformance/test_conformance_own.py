"""Our own plugins pass the same suite as third-party plugins."""

from __future__ import annotations

import struct

from fieldfare.testing.conformance import RewriteConformance, StepConformance

DIMS = 4
VECTOR = ("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE")
VECTORS = ((0.5, 0.5, 0.5, 0.5), (1.0, 0.0, 0.0, 0.0), (-0.5, 0.5, -0.5, 0.5), (0.0, -1.0, 0.0, 0.0))
MOST_KILLS = 1
"""The matrix of ``tests/faults`` kills them everywhere."""
SHORT = tuple(each for each in VECTORS if each[2:] == (0.0, 0.0))


def packed(vector: tuple[float, ...], code: str = "f") -> bytes:
    return struct.pack(f"<{len(vector)}{code}", *vector)


class TestQuantize(RewriteConformance):
    """float32 to float16, in hashes."""

    most_kills = MOST_KILLS
    plugin = "quantize"
    changes = {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]}
    schema = ("embedding", *VECTOR)
    examples = tuple(({"embedding": packed(each)}, {"embedding": packed(each, "e")}) for each in VECTORS)


class TestDims(RewriteConformance):
    """Four dimensions to two, in JSON documents."""

    most_kills = MOST_KILLS
    plugin = "dims"
    storage = "json"
    changes = {"update_fields": [{"name": "embedding", "attrs": {"dims": 2}}]}
    schema = ("$.embedding", "AS", "embedding", *VECTOR)
    examples = tuple(({"embedding": list(each)}, {"embedding": list(each[:2])}) for each in SHORT)


class TestRename(StepConformance):
    """A field gets another name, in hashes."""

    most_kills = MOST_KILLS
    plugin = "rename"
    changes = {"rename_fields": [{"old_name": "kind", "new_name": "sort"}]}
    schema = ("kind", "TAG", "title", "TEXT")
    examples = (({"title": "one", "kind": "a"}, {"title": "one", "sort": "a"}), ({"title": "two"}, {"title": "two"}))


class TestLogicalRename(StepConformance):
    """A field gets another name in the index alone: no document is touched."""

    most_kills = MOST_KILLS
    plugin = "rename"
    changes = {"rename_fields": [{"old_name": "kind", "new_name": "sort", "logical": True}]}
    schema = ("kind", "TAG", "title", "TEXT")
    examples = (({"title": "one", "kind": "a"}, {"title": "one", "kind": "a"}), ({"title": "two"}, {"title": "two"}))


class TestPrefix(StepConformance):
    """Keys get another prefix."""

    most_kills = MOST_KILLS
    plugin = "prefix"
    changes = {"index": {"prefix": "moved:"}}
    schema = ("title", "TEXT")
    examples = (({"title": "one"}, {"title": "one"}),)


class TestFields(StepConformance):
    """The index alone changes: no document is touched."""

    most_kills = MOST_KILLS
    plugin = "fields"
    changes = {"add_fields": [{"name": "year", "type": "numeric"}], "remove_fields": ["legacy"]}
    schema = ("title", "TEXT", "legacy", "TAG")
    examples = (({"title": "one", "legacy": "x", "year": 2001}, {"title": "one", "legacy": "x", "year": 2001}),)
    odd = ({"elsewhere": "x"},)  # what is no number in a new NUMERIC field fails validation, as it should
