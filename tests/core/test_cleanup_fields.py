"""Shadow fields that migrations have left behind in documents are found, and no other field is removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fieldfare.api import drop_abandoned, find_abandoned, find_abandoned_fields, remove_abandoned_fields
from fieldfare.errors import PreconditionError
from fieldfare.report import Result
from fieldfare.server import Server
from fieldfare.server.lock import IndexLock
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import read_state
from shadow_migration import DOCUMENTS, SHAPES, Migration


@pytest.fixture(params=["hash-datatype", "json-dims"])
def migration(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Migration:
    found = Migration(SHAPES[request.param], server, tmp_path / "backup")
    found.fill()
    return found


def find(server: Server, *backup_dirs: Path) -> dict[str, int]:
    """Return path → number of documents of the fields that are left behind."""
    found = find_abandoned_fields(find_abandoned(server=server), server=server, backup_dirs=backup_dirs)
    return {each.path: each.documents for each in found}


def test_fields_of_a_migration_that_was_given_up_are_removed(
    migration: Migration, redis_url: str, tmp_path: Path
) -> None:
    server, shape = migration.server, migration.shape
    before = read_state(server)
    migration.apply(switch=False)
    assert find(server, migration.backup_dir) == {}
    run = CommandLine(redis_url, tmp_path)
    for option in ([], ["--fields"]):
        asked = run("cleanup", *option)
        assert asked.code == 2
        assert (shape.shadow in asked.stdout) == bool(option)
    done = json.loads(run("--json", "cleanup", "--fields", "--yes").stdout)
    assert done["dropped"] == ["books__v2"]
    assert [(each["path"], each["documents"]) for each in done["removed_fields"]] == [(shape.shadow, DOCUMENTS - 1)]
    assert read_state(server) == before
    assert run("cleanup", "--fields").stdout == "Nothing to clean up.\n"


def test_what_an_index_reads_or_a_migration_needs_stays(migration: Migration) -> None:
    server, shape = migration.server, migration.shape
    migration.apply()
    assert find(server) == {}, "the index reads it"
    older = shape.shadow.replace("v2", "v1")
    server.command(*migration.shape.write("d:1", 1))
    if shape.storage == "hash":
        server.command("HSET", "d:1", older, "x", "v_v2", "x", "other__v2", "x")
    else:
        server.bulk([("JSON.SET", "d:1", path, "1") for path in (older, "$.in.v_v2", "$.in.other__v2", "$.v__v2")])
    assert find(server) == {}, "it is older, or belongs to no field of an index"
    later = shape.shadow.replace("v2", "v3")
    server.command(*(("HSET", "d:1", later, "x") if shape.storage == "hash" else ("JSON.SET", "d:1", later, "1")))
    assert find(server) == {later: 1}
    with IndexLock(server, "books__v2", backup_dir=""):
        assert find(server) == {}, "a migration is running"
    remove_abandoned_fields(find_abandoned_fields(server=server), server=server)
    assert find(server) == {}
    assert shape.read(server, "d:2", shape.shadow) is not None


def test_a_migration_is_rolled_back_after_fields_of_another_were_removed(migration: Migration, tmp_path: Path) -> None:
    server, shape = migration.server, migration.shape
    migration.apply(switch=False)
    drop_abandoned(find_abandoned(server=server), server=server)
    again = Migration(shape, server, tmp_path / "again")
    remove_abandoned_fields(find_abandoned_fields(server=server), server=server)
    assert again.apply() is Result.SUCCEEDED
    assert again.outdated() == {}


def test_a_field_that_an_index_reads_by_now_is_not_removed(migration: Migration) -> None:
    server, shape = migration.server, migration.shape
    migration.apply(switch=False)
    drop_abandoned(find_abandoned(server=server), server=server)
    found = find_abandoned_fields(server=server)
    server.command("FT.CREATE", "new", "ON", shape.storage, "PREFIX", 1, "d:", "SCHEMA", shape.shadow, "AS", "v", "TAG")
    with pytest.raises(PreconditionError, match=r"The index 'new' reads '.*v__v2' now\. The field was not removed"):
        remove_abandoned_fields(found, server=server)
    assert shape.read(server, "d:2", shape.shadow) is not None
