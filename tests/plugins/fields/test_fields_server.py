"""The rules that the plugin assumes, checked against a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis.exceptions import ResponseError

from fieldfare_fields.ft_create_rules import LANGUAGES

if TYPE_CHECKING:
    from fieldfare.server import Server


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_server_accepts_every_language(server: Server, language: str) -> None:
    assert server.command("FT.CREATE", "idx", "LANGUAGE", language, "SCHEMA", "title", "TEXT")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (["LANGUAGE", "klingon"], ["title", "TEXT"]),
        ([], ["title", "TEXT", "NOINDEX", "INDEXMISSING"]),
        ([], []),
    ],
    ids=["language", "exclusive attributes", "no field"],
)
def test_the_server_refuses_what_the_plugin_blocks(server: Server, options: list[str], field: list[str]) -> None:
    with pytest.raises(ResponseError):
        server.command("FT.CREATE", "idx", *options, "SCHEMA", *field)


@pytest.mark.parametrize(
    ("expression", "schema", "distinguished"),
    [
        ("@price>2", ["title", "TEXT", "price", "NUMERIC"], True),
        ("@price>2", ["title", "TEXT"], True),
        ("@cost>2", ["title", "TEXT", "price", "AS", "cost", "NUMERIC"], True),
        ("@cost>2", ["title", "TEXT"], False),
    ],
    ids=["indexed", "no longer indexed", "indexed under another name", "no longer indexed under another name"],
)
def test_what_a_filter_reads_once_its_field_is_removed(
    server: Server, expression: str, schema: list[str], *, distinguished: bool
) -> None:
    server.command("FT.CREATE", "idx", "PREFIX", 1, "doc:", "FILTER", expression, "SCHEMA", *schema)
    server.command("HSET", "doc:1", "title", "a", "price", 5)
    server.command("HSET", "doc:2", "title", "b", "price", 1)
    reply = server.command("FT.SEARCH", "idx", "*", "NOCONTENT", "DIALECT", 2)
    found = reply[0] if isinstance(reply, list) else reply[b"total_results"]
    assert (found == 1) == distinguished
