"""Which plugin carries out a change that two claim."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from fieldfare.api import MigrationExecutor, MigrationPlanner, load_migration_plan, write_migration_plan
from fieldfare.changes import Change, CustomChange
from fieldfare.cli.app import run
from fieldfare.documents import Batch
from fieldfare.errors import FileError, PluginConflict, UsageError
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.hooks.markers import hookimpl
from fieldfare.patch import patch_from_dict
from fieldfare.plan import Claim, Step
from fieldfare.server import Server
from fieldfare.wizard.document import document_of

PATCH: Any = {"version": 1, "changes": {"custom": [{"kind": "acme.mask", "field": "email"}]}}


@frozen
class Mask:
    """Replaces every value by its own mark."""

    mark: bytes

    @hookimpl
    def fieldfare_classify(self, change: Change) -> Claim | None:
        """Claim the change that another plugin claims, too."""
        return Claim.supported(rewrites_documents=True) if isinstance(change, CustomChange) else None

    @hookimpl
    def fieldfare_plan_steps(self) -> list[Step]:
        """Rewrite one field."""
        return [Step.rewrite("acme.mask", ["email"])]

    @hookimpl
    def fieldfare_transform(self, batch: Batch) -> Batch:
        """Write the mark."""
        return batch.replace("email", [self.mark] * len(batch))


@pytest.fixture
def plugins() -> Plugins:
    plugins = load_plugins(blocked=["acme_redact"])
    plugins.register(Mask(b"*"), "stars")
    plugins.register(Mask(b"#"), "hashes")
    return plugins


@pytest.fixture
def people(server: Server) -> Server:
    server.command("HSET", "p:1", "email", "a@b.c")
    server.command("FT.CREATE", "people", "PREFIX", 1, "p:", "SCHEMA", "email", "TAG")
    return server


def test_two_claims_are_refused_with_the_way_out(people: Server, plugins: Plugins) -> None:
    planner = MigrationPlanner(plugins=plugins)
    with pytest.raises(PluginConflict, match=r"hashes, stars\. Nothing was changed\. Say which .*'--prefer NAME'"):
        planner.create_plan_from_patch("people", schema_patch=PATCH, server=people)
    both = MigrationPlanner(plugins=plugins, prefer=["stars", "hashes"])
    with pytest.raises(PluginConflict):
        both.create_plan_from_patch("people", schema_patch=PATCH, server=people)


@pytest.mark.parametrize("in_patch", [True, False], ids=["in the patch", "as an option"])
def test_the_preferred_plugin_does_it_and_the_plan_says_so(
    *, in_patch: bool, people: Server, plugins: Plugins, tmp_path: Path
) -> None:
    patch = {**PATCH, "prefer": ["stars"]} if in_patch else PATCH
    planner = MigrationPlanner(plugins=plugins, prefer=[] if in_patch else ["stars"])
    made = planner.create_plan_from_patch("people", schema_patch=patch, server=people)
    write_migration_plan(made, tmp_path / "plan.yaml")
    plan = load_migration_plan(tmp_path / "plan.yaml")
    [claimed] = plan.claims
    assert claimed.plugin == "stars"
    assert claimed.claim.details["preferred_over"] == ["hashes"]
    assert any("carried out by the preferred plugin stars; hashes would do it, too" in each for each in plan.warnings)
    MigrationExecutor(plugins=plugins).apply(plan, server=people, backup_dir=tmp_path / "backup")
    assert people.command("HGET", "p:1", "email") == b"*"


def test_a_preference_without_a_conflict_changes_nothing(people: Server, plugins: Plugins) -> None:
    patch = {"version": 1, "changes": {"update_fields": [{"name": "email", "attrs": {"sortable": True}}]}}
    plain, preferring = (
        MigrationPlanner(plugins=plugins, prefer=prefer).create_plan_from_patch(
            "people", schema_patch=patch, server=people
        )
        for prefer in ((), ("stars",))
    )
    assert preferring == plain


def test_a_name_that_no_plugin_has_is_refused(
    people: Server, redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del people
    (tmp_path / "patch.yaml").write_text("version: 1\nprefer: [quantise]\nchanges: {remove_fields: [email]}\n")
    options = ("--index", "people", "--schema-patch", str(tmp_path / "patch.yaml"), "--url", redis_url)
    assert run(["plan", *options]) == UsageError.exit_code
    assert "prefer quantise: no plugin has this name; did you mean 'quantize'?" in capsys.readouterr().err
    (tmp_path / "patch.yaml").write_text("version: 1\nchanges: {remove_fields: [email]}\n")
    assert run(["plan", *options, "--prefer", "nobody"]) == UsageError.exit_code
    assert "prefer nobody: no plugin has this name. Plugins: " in capsys.readouterr().err
    with pytest.raises(FileError, match="prefer: must be a list of names of plugins"):
        patch_from_dict({**PATCH, "prefer": "stars"})


def test_the_wizard_keeps_the_preference_of_a_patch() -> None:
    document = {**PATCH, "prefer": ["stars"]}
    assert document_of(patch_from_dict(document))["prefer"] == ["stars"]
