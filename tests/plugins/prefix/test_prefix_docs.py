"""The pages about moving keys hold patches that work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest

PAGES: Final = Path(__file__).parents[3] / "docs" / "capabilities"
PATCHES: Final = [
    pytest.param(block, id=f"{page}-{number}")
    for page in ("prefix", "cluster")
    for number, block in enumerate(
        re.findall(r"^```yaml\n(.+?)^```", (PAGES / f"{page}.md").read_text(), re.MULTILINE | re.DOTALL)
    )
]


@pytest.mark.parametrize("patch", PATCHES)
def test_patches_on_the_pages_can_be_applied(patch: str, database: Any, migration: Any) -> None:
    prefixes = ["doc:", "doc:draft:"] if "doc:draft:" in patch else ["doc:"]
    for prefix in prefixes:
        database.documents(prefix, 5)
    database.index("idx", *prefixes)
    before = database.contents()
    migration.plan_patch(patch)
    migration.apply()
    assert len(database.contents()) == len(before)
    assert not [key for key in database.contents() if key.startswith(b"doc:")]
