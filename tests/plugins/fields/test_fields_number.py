"""How many fields an index can have is known when it is planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis.exceptions import ResponseError

from fieldfare.api import MigrationPlanner
from fieldfare_fields.ft_create_rules import MOST_FIELDS, MOST_TEXT_FIELDS

if TYPE_CHECKING:
    from fieldfare.plan import MigrationPlan
    from fieldfare.server import Server


def create(server: Server, kind: str, count: int, *options: str) -> None:
    schema = [word for number in range(count) for word in (f"f{number}", kind)]
    server.command("FT.CREATE", "idx", "PREFIX", 1, "d:", *options, "SCHEMA", *schema, "hidden", "TEXT", "NOINDEX")


def plan_of(server: Server, changes: dict[str, object]) -> MigrationPlan:
    return MigrationPlanner().create_plan_from_patch(
        "idx", schema_patch={"version": 1, "changes": changes}, server=server
    )


def added(kind: str, **attrs: object) -> dict[str, object]:
    return {"add_fields": [{"name": "new", "type": kind, "attrs": attrs}]}


@pytest.mark.parametrize("options", [(), ("MAXTEXTFIELDS",)])
def test_one_text_field_too_many_is_blocked(server: Server, options: tuple[str, ...]) -> None:
    create(server, "TEXT", MOST_TEXT_FIELDS, *options)
    plan = plan_of(server, added("text"))
    [reason] = plan.blocked_reasons
    assert "an index has 128 indexed TEXT fields at most" in reason
    assert "this would have 129" in reason
    with pytest.raises(ResponseError, match="limited to 128 TEXT"):
        server.command("FT.ALTER", "idx", "SCHEMA", "ADD", "new", "TEXT")


def test_a_field_that_becomes_indexed_counts(server: Server) -> None:
    create(server, "TEXT", MOST_TEXT_FIELDS)
    plan = plan_of(server, {"update_fields": [{"name": "hidden", "attrs": {"no_index": False}}]})
    assert "this would have 129" in plan.blocked_reasons[0]


def test_what_the_server_accepts_is_planned(server: Server) -> None:
    create(server, "TEXT", MOST_TEXT_FIELDS)
    assert plan_of(server, added("tag")).supported
    assert plan_of(server, added("text", no_index=True, sortable=True)).supported
    assert plan_of(server, {"remove_fields": ["f1"], **added("text", weight=2)}).supported


def test_one_field_too_many_of_all_is_blocked(server: Server) -> None:
    create(server, "TAG", MOST_FIELDS - 1)
    [reason] = plan_of(server, added("tag")).blocked_reasons
    assert "an index has 1,024 fields at most, and this would have 1,025" in reason
