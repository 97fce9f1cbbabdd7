"""The files of a new plugin: a distribution with one transform, and with the conformance suite as its tests.

``$name`` is the distribution, ``$module`` its module, ``$kind`` the kind of the change in a patch.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Template
from typing import Final

__all__ = ["new_plugin_files"]

PYPROJECT: Final = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "$name"
version = "0.1.0"
description = "A plugin of fieldfare: masks a field of every document"
requires-python = ">=3.11"
dependencies = ["fieldfare>=$version"]

[project.optional-dependencies]
test = ["fieldfare[embedded]", "pytest>=8.3"]

[project.entry-points.fieldfare]
$module = "$module"

[tool.hatch.build.targets.wheel]
only-include = ["$module.py"]

[tool.pytest.ini_options]
testpaths = ["tests"]
"""

MODULE: Final = '''\
"""Masks a field of every document: ``ada@example.org`` becomes ``a***``."""

from __future__ import annotations

from collections.abc import Sequence

from fieldfare import hookimpl
from fieldfare.changes import Change, CustomChange
from fieldfare.documents import Batch
from fieldfare.plan import Claim, Step

KIND = "$kind"


@hookimpl
def fieldfare_classify(change: Change) -> Claim | None:
    """Claim the change ``$kind``, which loses information."""
    if isinstance(change, CustomChange) and change.kind == KIND:
        return Claim.supported(rewrites_documents=True, lossy=True)
    return None


@hookimpl
def fieldfare_plan_steps(change: CustomChange) -> Sequence[Step]:
    """Rewrite the field that the patch names."""
    field = change.params["field"]
    return [Step.rewrite(kind=KIND, fields=[field], summary=f"Mask {field!r}")]


@hookimpl
def fieldfare_transform(step: Step, batch: Batch) -> Batch:
    """Return the batch with masked values. Pure: the same batch gives the same result."""
    field = step.params["field"]
    return batch.replace(field, [mask(value) for value in batch[field]])


def mask(value: bytes | None) -> bytes | None:
    """Keep the first byte of a value; a document without the field stays without it."""
    return None if value is None else value[:1] + b"***"
'''

TEST: Final = '''\
"""The plugin keeps the promises of a rewrite step: it can be killed, resumed and rolled back anywhere."""

from fieldfare.testing.conformance import RewriteConformance


class Test$camel(RewriteConformance):
    plugin = "$module"  # its entry point
    changes = {"custom": [{"kind": "$kind", "field": "email"}]}
    schema = ("email", "TAG")  # what FT.CREATE gets
    examples = (  # documents before, and after
        ({"name": "Ada", "email": "ada@example.org"}, {"name": "Ada", "email": "a***"}),
        ({"name": "Bob", "email": "b"}, {"name": "Bob", "email": "b***"}),
        ({"name": "Eve"}, {"name": "Eve"}),
    )
'''

CONFTEST: Final = '''\
"""Fixtures: a private Redis with Search."""

pytest_plugins = ["fieldfare.testing.fixtures"]
'''

README: Final = """\
# $name

A plugin of [fieldfare](https://pypi.org/project/fieldfare/).

```bash
pip install -e '.[test]'
pytest
```

Use it in a patch:

```yaml
version: 1
changes:
  custom:
    - kind: $kind
      field: email
```
"""

FILES: Final[Mapping[str, str]] = {
    "pyproject.toml": PYPROJECT,
    "README.md": README,
    "$module.py": MODULE,
    "tests/conftest.py": CONFTEST,
    "tests/test_$module.py": TEST,
}


def new_plugin_files(name: str, version: str) -> dict[str, str]:
    """Return path → content of the files of a new plugin.

    Args:
        name: the name of the distribution: words in lower case with ``-`` between them.
        version: the oldest version of fieldfare that the plugin works with.
    """
    vendor, _, action = name.partition("-")
    words = {
        "name": name,
        "module": name.replace("-", "_"),
        "kind": f"{vendor}.{action.replace('-', '_') or 'mask'}",
        "camel": "".join(word.capitalize() for word in name.split("-")),
        "version": version,
    }
    return {Template(path).substitute(words): Template(text).safe_substitute(words) for path, text in FILES.items()}
