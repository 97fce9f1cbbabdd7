"""The migrations that are compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from comparison.documents import INDEX, Load, load_embeddings, load_json, load_tenants, load_texts, load_vectors
from fieldfare.server.capabilities import Version

__all__ = ["COMMANDS", "Case", "make_cases"]

COMMANDS: Final = ("plan", "apply", "rollback")
FORWARD: Final = ("plan", "apply")
WORKERS: Final = (1, 2, 4)
TENANTS: Final = tuple(f"tenant_{number:02}" for number in range(20))
FLOAT16: Final = "update_fields: [{name: vec, attrs: {datatype: float16}}]"

RENAME: Final = "rename_fields: [{old_name: kind, new_name: sort}]"


@frozen
class Case:
    """One migration.

    Attributes:
        name: for table, chart and page.
        load: puts documents and indexes on a server.
        counts: name of an index -> its documents.
        patch: the changes, as YAML.
        redisvl: the commands that RedisVL has for it; none if it has no such migration.
        workers: numbers of workers that are compared with each other; none to compare with RedisVL.
        batch: whether the commands for many indexes are used.
        search: the oldest search version that can do it.
        floor: whether hand-packed commands do the same for comparison.
        note: what a reader should know.
    """

    name: str
    load: Load
    counts: Mapping[str, int]
    patch: str
    redisvl: tuple[str, ...] = COMMANDS
    workers: tuple[int, ...] = ()
    batch: bool = False
    search: Version = (0, 0, 0)
    floor: bool = False
    note: str = ""

    @property
    def cluster(self) -> bool:
        """Whether it runs on a cluster."""
        return bool(self.workers)


def make_cases(embeddings: Path, scale: float = 1.0) -> tuple[Case, ...]:
    """Return all cases.

    Args:
        embeddings: an .npy file of float32 rows.
        scale: a factor for the number of documents.
    """
    vectors, real, texts, json = (round(count * scale) for count in (50_000, 20_000, 100_000, 50_000))
    tenant = round(2_000 * scale)
    return (
        Case(
            f"float32 -> float16, FLAT {vectors:,} x 768",
            load_vectors(vectors, 768),
            {INDEX: vectors},
            FLOAT16,
            floor=True,
        ),
        Case(
            f"float32 -> float16, HNSW {real:,} x 384",
            load_embeddings(real, embeddings, "HNSW"),
            {INDEX: real},
            FLOAT16,
        ),
        Case(
            f"FLAT -> HNSW {real:,} x 384",
            load_embeddings(real, embeddings, "FLAT"),
            {INDEX: real},
            "update_fields: [{name: vec, attrs: {algorithm: hnsw}}]",
            redisvl=FORWARD,
        ),
        Case(
            f"rename a field, {texts:,}",
            load_texts(texts),
            {INDEX: texts},
            RENAME,
            redisvl=FORWARD,
        ),
        Case(
            f"move a prefix, {texts:,}",
            load_texts(texts),
            {INDEX: texts},
            "index: {prefix: 'article:'}",
            redisvl=FORWARD,
        ),
        Case(
            f"float32 -> int8, FLAT {real:,} x 384",
            load_embeddings(real, embeddings, "FLAT"),
            {INDEX: real},
            "update_fields: [{name: vec, attrs: {datatype: int8}}]",
            search=(8, 0, 0),
        ),
        Case(
            f"rename a field in the index, JSON {json:,}",
            load_json(json, "$.k"),
            {INDEX: json},
            RENAME,
            redisvl=FORWARD,
            note="documents stay as they are: the field has another name in them.",
        ),
        Case(
            f"rename a field, JSON {json:,}",
            load_json(json, "$.kind"),
            {INDEX: json},
            RENAME,
            redisvl=(),
            note="RedisVL renames it in the index only.",
        ),
        Case(
            f"batch of {len(TENANTS)}, each FLAT {tenant:,} x 384",
            load_tenants(TENANTS, tenant, 384),
            dict.fromkeys(TENANTS, tenant),
            FLOAT16,
            redisvl=FORWARD,
            batch=True,
        ),
        Case(
            f"three-node cluster, FLAT {vectors:,} x 768",
            load_vectors(vectors, 768, prefix=f"{{{INDEX}}}:"),
            {INDEX: vectors},
            FLOAT16,
            redisvl=(),
            workers=WORKERS,
            note="one node has the index and all documents, for search 2 has no cluster coordinator.",
        ),
    )
