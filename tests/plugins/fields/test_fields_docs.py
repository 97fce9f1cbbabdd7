"""The page about fields says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fieldfare.definition import ATTRIBUTES
from fieldfare.patch import patch_from_dict

PAGES = Path(__file__).parents[3] / "docs" / "capabilities"
PATCHES = [
    (page.name, block)
    for page in sorted(PAGES.glob("*.md"))
    for block in re.findall(r"^```yaml\n(.+?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
]


def test_every_attribute_is_listed() -> None:
    listed = set(re.findall(r"`([a-z_]+)`", (PAGES / "fields.md").read_text()))
    assert [each.key for each in ATTRIBUTES if each.key not in listed] == []


@pytest.mark.parametrize(("page", "block"), PATCHES)
def test_patches_on_the_page_are_patches(page: str, block: str) -> None:
    assert patch_from_dict(YAML(typ="safe").load(block)).version == 1, page
