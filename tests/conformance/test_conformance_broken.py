"""The suite finds the faults of broken plugins, and a sound plugin passes it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from typing import Final

from fieldfare.testing.installation import install_plugin

SUITE: Final = """
from fieldfare.testing.conformance import RewriteConformance, StepConformance


class TestGood(StepConformance):
    plugin = "acme_shout"
    changes = {"custom": [{"kind": "acme.shout", "field": "name"}]}
    schema = ("name", "TAG")
    examples = (({"name": "Ada"}, {"name": "Ada!"}), ({"town": "Rome"}, {"town": "Rome"}))
    most_kills = 3


class TestTwice(TestGood):
    most_kills = 8
    changes = {"custom": [{"kind": "acme.shout", "field": "name", "wrong": "twice"}]}


class TestKept(TestGood):
    changes = {"custom": [{"kind": "acme.shout", "field": "name", "wrong": "kept"}]}


class TestSettings(StepConformance):
    plugin = "acme_settings"
    most_kills = 8
    changes = {"custom": [{"kind": "acme.settings", "settings": "new", "save": "backup"}]}
    schema = ("name", "TAG")
    examples = (({"name": "Ada"}, {"name": "Ada"}), ({"name": "Bob"}, {"name": "Bob"}))

    def load(self, server):
        super().load(server)
        server.command("SET", "app:settings", b"old \\xff")


class TestSavedBefore(TestSettings):
    changes = {"custom": [{"kind": "acme.settings", "settings": "new", "save": "before"}]}


class TestSavedAfter(TestSettings):
    changes = {"custom": [{"kind": "acme.settings", "settings": "new", "save": "after"}]}


class TestCounter(RewriteConformance):
    plugin = "acme_number"
    changes = {"custom": [{"kind": "acme.number"}]}
    schema = ("name", "TAG")
    examples = (({"name": "Ada"}, {"name": "0"}),)
"""

FAILURES: Final = {
    "TestGood": set(),
    "TestTwice": {"test_killed_and_resumed"},
    "TestKept": {"test_rollback_restores_everything"},
    "TestSettings": set(),
    "TestSavedBefore": set(),
    "TestSavedAfter": {"test_killed_and_resumed", "test_killed_and_rolled_back"},
    "TestCounter": {"test_transform_is_pure", "test_order_of_documents_does_not_matter"},
}
"""The selected tests that must fail; for the sound plugin, none."""

SELECTED: Final = (
    "(TestGood and (killed or odd or empty or claimed or again)) or (TestTwice and (resumed or apply_gives)) "
    "or (TestKept and (restores or apply_gives)) or ((TestSettings or TestSaved) and (killed or restores)) "
    "or (TestCounter and (pure or order or claimed))"
)


def run_suite(directory: Path) -> dict[str, dict[str, str]]:
    """Run the suite over each plugin, as an author does: test class → test → PASSED or FAILED."""
    plugins = directory / "plugins"
    copytree(Path(__file__).with_name("plugins"), plugins)
    for name in ("acme_shout", "acme_number", "acme_settings"):
        install_plugin(plugins, name)
    (directory / "conftest.py").write_text('pytest_plugins = ["fieldfare.testing.fixtures"]\n')
    (directory / "test_suite.py").write_text(SUITE)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "--tb=line", "-p", "no:cacheprovider", "-k", SELECTED, "test_suite.py"],
        cwd=directory,
        env={**environment, "PYTHONPATH": os.pathsep.join([str(plugins), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, dict[str, str]] = {}
    for kind, test, outcome in re.findall(r"::(\w+)::(\w+) (PASSED|FAILED|ERROR)", done.stdout):
        found.setdefault(kind, {})[test] = outcome
    assert found.keys() == FAILURES.keys(), done.stdout + done.stderr
    return found


def test_a_broken_plugin_fails_the_matching_tests(tmp_path: Path) -> None:
    outcomes = run_suite(tmp_path)
    failed = {
        kind: {test for test, outcome in tests.items() if outcome != "PASSED"} for kind, tests in outcomes.items()
    }
    assert failed == FAILURES
    assert all(len(outcomes[kind]) > len(failed[kind]) for kind in FAILURES), "the other tests pass"
