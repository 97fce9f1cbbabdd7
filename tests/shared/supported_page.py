"""The table of what can be changed, on the page "What can I change?": made of plans.

``make supported`` writes it; ``test_supported.py`` fails if the page says anything else than plans do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from comparison.markdown import make_table
from fieldfare.definition import Storage
from fieldfare.plan import MigrationPlan

__all__ = ["BEGIN", "END", "PAGE", "ROWS", "Row", "make_page_table", "table_on_page"]

PAGE: Final = Path(__file__).parents[2] / "docs" / "supported.md"
BEGIN: Final = "<!-- made of plans by make supported -->"
END: Final = "<!-- end of what is made of plans -->"

HEADER: Final = ("change", "documents rewritten?", "without downtime?", "remarks")
OUTAGE: Final = "drop_recreate"
REFUSED: Final = "shadow cannot do it: "


@frozen
class Row:
    """A row of the table.

    Attributes:
        change: what is changed, as the page says it.
        patches: names of patches in ``test_supported.py``, or changes of a patch.
        remarks: what else is to be known.
        storages: the storages of the documents.
        rewritten: in place of yes or no.
        prefix: before what is said about downtime.
    """

    change: str
    patches: Sequence[str | Mapping[str, Any]]
    remarks: str = ""
    storages: Sequence[Storage] = field(default=tuple(Storage))
    rewritten: str = ""
    prefix: str = ""


def _datatype(name: str, field_name: str = "embedding") -> Mapping[str, Any]:
    return {"update_fields": [{"name": field_name, "attrs": {"datatype": name}}]}


ROWS: Final = (
    Row(
        "add a text, tag, numeric, geo or geoshape field",
        [f"add {kind} field" for kind in ("text", "tag", "numeric", "geo", "geoshape")],
        "documents that already hold the value are found at once",
    ),
    Row("remove a field", ["remove a field"], "documents keep the value; it is no longer indexed"),
    Row(
        "options of a field (sortable, separator, weight, stemming, …)",
        ["make a field sortable", "change the separator", "change stemming", "change the weight"],
    ),
    Row(
        "vector algorithm: FLAT, HNSW, SVS-VAMANA",
        ["FLAT to HNSW", "HNSW to FLAT"],
        "SVS-VAMANA needs search 8.2 or newer, and float16 or float32",
    ),
    Row("distance metric: cosine, L2, inner product", ["COSINE to L2", "COSINE to IP"]),
    Row("parameters of the algorithm (M, EF_CONSTRUCTION, …)", ["tune HNSW"]),
    Row("rename the index", ["rename the index"]),
    Row(
        "vector datatype in hashes: float64, float32, float16, bfloat16, in every direction",
        ["float32 to float16", "float32 to bfloat16", "float32 to float64"],
        "through the backup; float16 and bfloat16 need search 2.10 or newer",
        [Storage.HASH],
    ),
    Row(
        "vector datatype in hashes: int8 and uint8, from and to all others",
        [_datatype("int8"), _datatype("uint8")],
        "through the backup; needs search 8.0 or newer; queries must be encoded too",
        [Storage.HASH],
    ),
    Row(
        "vector datatype in JSON documents",
        ["float32 to float16", "float32 to float64"],
        "JSON keeps numbers; the index converts them",
        [Storage.JSON],
    ),
    Row(
        "fewer vector dimensions, in hashes and JSON documents",
        ["fewer dimensions"],
        "through the backup; for models that were trained for it; queries must be truncated too",
    ),
    Row(
        "rename a field in the index alone (`logical: true`)",
        ["rename a field in the index alone", "rename a vector field in the index alone"],
        "documents keep the value under the old name",
    ),
    Row(
        "rename a field in documents, too",
        ["rename a field", "rename a vector field"],
        "with `drop_recreate` on the server, where nothing but conflicts goes to the backup",
    ),
    Row(
        "move keys to another prefix",
        ["change the key prefix"],
        "on the server; across the slots of a cluster through the client",
        rewritten="they get other names",
    ),
    Row(
        "move keys to another prefix and, in the same patch, rewrite values or rename fields in documents",
        [
            {"index": {"prefix": "article:"}, **_datatype("float16")},
            {"index": {"prefix": "article:"}, "rename_fields": [{"old_name": "kind", "new_name": "sort"}]},
        ],
        "each of the two migrations runs without downtime",
        [Storage.HASH],
        rewritten="yes, and they get other names",
    ),
    Row(
        "whatever a plugin adds",
        [{"custom": [{"kind": "acme.redact_email", "field": "title"}]}],
        "[How do I write a plugin?](writing-a-plugin.md)",
        rewritten="as it says",
        prefix="fields that it rewrites in place, or moves: ",
    ),
)


def make_page_table(plan: Callable[[Row, Storage], Sequence[MigrationPlan]], present: str) -> str:
    """Return the table.

    Args:
        plan: makes the plans of a row with ``--mode auto``; none if this server can do none of it.
        present: the table that is on the page: a row that this server cannot do stays as it is there.
    """
    return make_table(HEADER, (_cells(row, plan, present) for row in ROWS))


def table_on_page() -> str:
    """Return the table that is on the page."""
    return PAGE.read_text(encoding="utf-8").partition(f"{BEGIN}\n")[2].partition(END)[0]


def _cells(row: Row, plan: Callable[[Row, Storage], Sequence[MigrationPlan]], present: str) -> Sequence[str]:
    plans = [each for storage in row.storages for each in plan(row, storage)]
    if not plans:
        [line] = [each for each in present.splitlines() if each.startswith(f"| {row.change} |")]
        return [each.strip() for each in line.strip("|").split(" | ")]
    rewritten = {any(claim.claim.rewrites_documents for claim in each.claims) for each in plans}
    downtime = {_downtime(each) for each in plans}
    assert len(rewritten) == len(downtime) == 1, f"{row.change}: a row stands for plans that differ: {downtime}"
    shown = "yes" if rewritten.pop() else "no"
    return row.change, row.rewritten or shown, row.prefix + downtime.pop(), row.remarks


def _downtime(plan: MigrationPlan) -> str:
    """Say whether a plan of the mode ``auto`` needs no outage, and if not, why."""
    if plan.mode != OUTAGE:
        return "yes"
    reason = next(line.partition(REFUSED)[2] for line in plan.warnings if REFUSED in line)
    return f"no: {reason.rpartition(': ')[2]}"
