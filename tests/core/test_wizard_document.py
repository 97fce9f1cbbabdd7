"""The patch as a file: the user's comments are kept, and change nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldfare.patch import load_patch, patch_from_dict
from fieldfare.support.yamlfile import parse_yaml
from fieldfare.wizard import document_of, revise, write_new

COMMENTED = """\
# What the search team wants
version: 1
changes:
  # new in spring
  add_fields:
    - name: category   # of the shop
      type: tag
      attrs:
        separator: "|"
    - {name: year, type: numeric}

  remove_fields:
    - legacy_field  # nobody asks for it

  update_fields:
    - name: title
      attrs:
        sortable: true   # for the list view
"""


def changed(**sections: Any) -> dict[str, Any]:
    data = parse_yaml(COMMENTED, "patch.yaml").data
    return {**data, "changes": {**data["changes"], **sections}}


def test_unchanged_text_is_kept_exactly() -> None:
    assert revise(COMMENTED, changed()) == COMMENTED


def test_comments_around_changes_are_kept() -> None:
    document = changed(
        add_fields=[
            {"name": "category", "type": "tag", "attrs": {"separator": ";"}},
            {"name": "year", "type": "numeric"},
            {"name": "place", "type": "geo"},
        ],
        update_fields=[{"name": "title", "attrs": {"sortable": True, "weight": 2.0}}],
        index={"name": "shop"},
    )
    revised = revise(COMMENTED, document)
    assert revised is not None
    assert parse_yaml(revised, "").data == document
    for line in COMMENTED.splitlines():
        if "#" in line:
            assert line in revised.splitlines()
    assert "    - name: place\n      type: geo\n" in revised


def test_a_comment_goes_with_its_entry() -> None:
    document = changed(add_fields=[{"name": "year", "type": "numeric"}])
    del document["changes"]["remove_fields"]
    revised = revise(COMMENTED, document)
    assert revised is not None
    assert parse_yaml(revised, "").data == document
    assert "of the shop" not in revised
    assert "nobody asks" not in revised
    assert "# What the search team wants" in revised
    assert "# for the list view" in revised


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nchanges:\n  remove_fields: &names [a, b]\n  update_fields: []\n",
        "version: 1\nchanges:\n  index: {name: 'no', prefix: \"1\"}\n",
        "{version: 1, changes: {remove_fields: [a]}}",
        "version: 1\nchanges:\n",
        "version: 1\nchanges:\n  add_fields:\n  remove_fields:\n  - a\n  - a\n",
    ],
)
def test_files_of_any_layout_are_revised(text: str, tmp_path: Path) -> None:
    file = tmp_path / "patch.yaml"
    file.write_text(text)
    document = document_of(load_patch(file))
    document["changes"]["remove_fields"] = ["b", "c"]
    revised = revise(text, document)
    assert revised is not None
    assert parse_yaml(revised, "").data == document


def test_a_file_that_cannot_be_revised_is_written_new() -> None:
    shared = "version: 1\nchanges:\n  update_fields:\n  - {name: a, attrs: &x {sortable: true}}\n"
    text = shared + "  - {name: b, attrs: *x}\n"
    document = parse_yaml(text, "").data
    document["changes"]["update_fields"][1]["attrs"] = {"sortable": False}
    assert revise(text, document) is None
    assert parse_yaml(write_new(document), "").data == document


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6)


@given(st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4), st.one_of(st.none(), WORDS))
def test_a_revised_file_holds_the_document(before: list[str], after: list[str], name: str | None) -> None:
    text = write_new({"version": 1, "changes": {"remove_fields": before, "index": {"name": "x"}}})
    document: dict[str, Any] = {"version": 1, "changes": {"remove_fields": after}}
    if name is not None:
        document["changes"]["index"] = {"name": name}
    revised = revise(text, document) or write_new(document)
    assert parse_yaml(revised, "").data == document
    assert patch_from_dict(document) is not None
