"""What a page takes for granted before a reader types its lines, and the lines that no test types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

__all__ = [
    "AGAIN",
    "ANSWERS",
    "ASKING",
    "EXIT_CODES",
    "FLOAT16",
    "NOT_TYPED",
    "UNTIL_INTERRUPTED",
    "TypedPage",
    "typed_page",
]

FLOAT16: Final = {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]}
HNSW: Final = {"update_fields": [{"name": "embedding", "attrs": {"algorithm": "hnsw"}}]}
DIMS: Final = {"update_fields": [{"name": "embedding", "attrs": {"dims": 2}}]}
PREFIX: Final = {"index": {"prefix": "article:"}}

AGAIN: Final = "(all of it again)"
"""Stands for an empty server, the indexes and files of the page, and its first lines."""

PLAN: Final = "fieldfare plan --index articles --schema-patch patch.yaml --plan-out plan.yaml"
APPLY: Final = "fieldfare apply --plan plan.yaml --backup-dir backups"
DASK: Final = ("dask scheduler --port 8786", "dask worker tcp://scheduler:8786 --nthreads 1 --no-dashboard")
IN_BACKGROUND: Final = f"{APPLY} --max-rate 1 --batch-size 1 &"
BOOKS: Final = "fieldfare plan --index books --schema-patch patch.yaml --mode auto"
SHADOW: Final = (
    "fieldfare plan --index articles --schema-patch patch.yaml --mode shadow",
    "fieldfare apply --plan migration_plan.yaml --backup-dir migration_backups",
)


@frozen
class TypedPage:
    """What makes the lines of one page work.

    Attributes:
        first: lines that are typed before the page.
        before: lines that are typed before a line of the page.
        indexes: the name of each index, and the prefix of its keys.
        changes: those of the file ``patch.yaml``; None if the page shows the file.
        torture: why ``make torture`` alone types the page; empty if ``make test`` does.
    """

    first: Sequence[str] = (PLAN,)
    before: Mapping[str, Sequence[str]] = field(factory=dict)
    indexes: Mapping[str, str] = field(factory=lambda: {"articles": "doc:"})
    changes: Mapping[str, Any] | None = field(factory=lambda: FLOAT16)
    torture: str = ""


_BATCH: Final = {"orders_idx": "order:", "products_idx": "product:"}
_PAGES: Final = {
    "README.md": TypedPage(first=(), before={"fieldfare list": (AGAIN,)}, changes=None),
    "backup-storage.md": TypedPage(
        first=(PLAN, "cp plan.yaml migration_plan.yaml", *DASK),
        before={"fieldfare apply --plan plan.yaml --backup-dir s3://": (AGAIN,)},
        torture="it starts an S3 store and a Dask cluster",
    ),
    "batch.md": TypedPage(
        first=(),
        before={
            "fieldfare batch-plan --pattern '*_idx' --schema-patch quantize_patch.yaml --failure": (AGAIN,),
            "fieldfare batch-plan --pattern '*_idx' --schema-patch patch.yaml --mode shadow": (AGAIN,),
        },
        indexes={**_BATCH, "products_main": "main:", "products_premium": "main:premium:"},
        changes=HNSW,
    ),
    "capabilities/dims.md": TypedPage(
        first=("fieldfare plan --index articles --schema-patch patch.yaml --accept-recall-loss",), changes=DIMS
    ),
    "comparing-indexes.md": TypedPage(indexes={"articles": "doc:", "articles_v2": "doc:"}, first=()),
    "doctor.md": TypedPage(indexes={"products_idx": "doc:"}, first=()),
    "load.md": TypedPage(
        before={
            "fieldfare throttle --backup-dir backups --max-rate 500": (AGAIN, IN_BACKGROUND),
            "fieldfare apply --plan plan.yaml --backup-dir backups --index-workers auto": (AGAIN,),
        }
    ),
    "many-machines.md": TypedPage(
        first=(PLAN, *DASK),
        before={
            "fieldfare apply --plan plan.yaml --backup-dir backups --executor processes:4": (AGAIN,),
            "export FIELDFARE_URL=rediss": (AGAIN,),
        },
        torture="it starts a Dask cluster",
    ),
    "monitoring.md": TypedPage(
        first=(PLAN, SHADOW[0]),
        before={"fieldfare sync": ("fieldfare apply --backup-dir backups",), "export OTEL": (AGAIN,)},
    ),
    "quick-start.md": TypedPage(first=(), changes=None),
    "rollback.md": TypedPage(first=(PLAN, APPLY)),
    "shadow-fields.md": TypedPage(first=SHADOW),
    "shadow-keys.md": TypedPage(first=SHADOW, changes=PREFIX),
    "troubleshooting.md": TypedPage(first=(PLAN, APPLY)),
    "validation.md": TypedPage(first=(PLAN, APPLY), before={f"{APPLY} --verify full": (AGAIN,)}),
    "wizard.md": TypedPage(first=()),
    "workers.md": TypedPage(first=(PLAN, "cp plan.yaml migration_plan.yaml")),
    "writing-a-plugin.md": TypedPage(
        first=(), indexes={"people": "person:"}, changes=None, torture="it installs a plugin"
    ),
    "zero-downtime.md": TypedPage(
        first=(),
        before={"fieldfare apply --plan migration_plan.yaml --backup-dir backups --query": (AGAIN, BOOKS)},
        indexes={"books": "doc:"},
        changes=None,
    ),
}


def typed_page(name: str) -> TypedPage:
    """Return what a page takes for granted: an index, a patch and a plan, unless the table says otherwise."""
    return _PAGES.get(name, TypedPage())


ANSWERS: Final = {
    "fieldfare wizard --index articles": "1\ncategory\ntag\nn\n|\n8\n",
    "fieldfare wizard --index articles --patch schema_patch.yaml": "8\n",
}
"""What a reader answers, for lines that ask something else than whether to continue."""

ASKING: Final = ("batch-finalize", "batch-rollback", "cleanup", "finalize", "rollback")
"""Commands that ask a reader at a terminal whether to continue. Without one they take --yes."""

EXIT_CODES: Final = {
    "fieldfare plan --index articles --target-schema schema.yaml --exit-code": 5,
    "fieldfare batch-plan --pattern 'products_*' --schema-patch quantize_patch.yaml": 4,
}
"""The exit codes that pages name, where they are not 0."""

UNTIL_INTERRUPTED: Final = {
    "fieldfare sandbox": "Ctrl-C",
    "fieldfare sync --backup-dir backups --watch": "Converting what applications write",
    "fieldfare sync --backup-dir ./migration_backups --watch": "Converting what applications write",
    "dask scheduler": "Scheduler at",
    "dask worker": "Starting established connection",
}
"""The beginnings of lines that run until Ctrl-C, and what they say when they are ready."""

_INSTALLED: Final = "tests/core/test_docs_install.py types it in a copy of the repository"
_PACKAGES: Final = "the environment of the tests has these packages; tests/core/test_docs_install.py installs an extra"

NOT_TYPED: Final = {
    "make demo": "tests/core/test_demo.py runs the command that it starts",
    "make smoke": "it runs tests, of which this is one",
    "make test": "it runs tests, of which this is one",
    "python3 -m venv .venv": _INSTALLED,
    ".venv/bin/": _INSTALLED,
    "pip install . ": _INSTALLED,
    "uv tool install": _INSTALLED,
    "pipx install": _INSTALLED,
    "pip install 'fieldfare[": _PACKAGES,
    "fieldfare --install-completion": "it writes to the reader's shell; tests/core/test_completion.py",
    "fieldfare plan -i products_idx --schema-patch patch.yaml --host redis.internal": "it needs a server with TLS and "
    "a certificate; tests/core/test_rvl_commands.py",
    "fieldfare plan --index people --schema-patch patch.yaml --prefer": "it needs two plugins that claim one change; "
    "tests/core/test_prefer.py",
}
"""The beginnings of lines that no test types as they are, and why. A space stands for the end of a word."""


def is_typed(line: str) -> bool:
    """Return whether a test types this line of a page."""
    return not f"{line} ".startswith(tuple(NOT_TYPED))
