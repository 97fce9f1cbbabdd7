"""Third-party plugins pass the published suite."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from fieldfare.server import Server
from fieldfare.testing.conformance import FindingConformance

pytestmark = pytest.mark.skipif(find_spec("acme_redact") is None, reason="'make test' installs the plugins for tests")


def documented_suite() -> Any:
    """Return the test class that docs/writing-a-plugin.md shows."""
    page = Path(__file__).parents[2] / "docs" / "writing-a-plugin.md"
    (source,) = re.findall(
        r"^```python\n(from fieldfare\.testing\.conformance .+?)^```", page.read_text(), re.MULTILINE | re.DOTALL
    )
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102 - our own page
    return names["TestRedact"]


TestRedact = type(
    "TestRedact", (documented_suite(),), {"plugin": "acme_redact", "__doc__": "E-mail addresses of hashes."}
)


class TestPlainText(FindingConformance):
    """A finding about plain addresses."""

    plugin = "acme_plain_text"
    schema = ("email", "TAG")
    examples = (({"email": "a***"}, {"email": "a***"}),)

    def harm(self, server: Server) -> None:
        """Write addresses into every document."""
        server.bulk([("HSET", self.key(row), "email", "ada@example.org") for row in range(12)])
