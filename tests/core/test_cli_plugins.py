"""Plugins on the command line: their commands, blocked plugins, and broken ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from fieldfare.testing.installation import install_plugin

Environment = dict[str, str]


def install(directory: Path, name: str, source: str) -> Environment:
    """Lay out a distribution with one plugin, as pip would, and return the environment that finds it."""
    (directory / f"{name}_plugin.py").write_text(dedent(source))
    paths = [str(install_plugin(directory, name, f"{name}_plugin")), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def fieldfare(environment: Environment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fieldfare", *arguments], env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def broken(tmp_path: Path) -> Environment:
    return install(tmp_path, "broken", "import no_such_module")


@pytest.fixture
def greeter(tmp_path: Path) -> Environment:
    return install(
        tmp_path,
        "greeter",
        """
        import typer
        from fieldfare import hookimpl
        from fieldfare.errors import LockHeld

        def greet(context: typer.Context, *, who: str = "world") -> None:
            if who == "nobody":
                raise LockHeld("the greeting", "somebody else")
            print(f"hello {who}", context.obj.json)

        @hookimpl
        def fieldfare_add_commands(app):
            app.command("greet", help="Greet.")(greet)
        """,
    )


def test_plugins_are_listed_with_what_they_do(greeter: Environment) -> None:
    done = fieldfare(greeter, "plugins", "--json", "-p", "no:quantize")
    assert done.returncode == 0
    listed = json.loads(done.stdout)
    by_name = {each["name"]: each for each in listed["plugins"]}
    assert by_name["greeter"] == {
        "name": "greeter",
        "version": "1.0",
        "module": "greeter_plugin",
        "hooks": ["add_commands"],
    }
    assert "quantize" not in by_name
    assert listed["blocked"] == ["quantize"]
    text = fieldfare(greeter, "plugins", "-p", "no:quantize").stdout
    assert any(line.split()[:2] == ["greeter", "1.0"] for line in text.splitlines())
    assert "Excluded with -p:\n- quantize" in text


def test_a_command_of_a_plugin_has_all_program_options(greeter: Environment) -> None:
    assert "greet" in fieldfare(greeter, "--help").stdout
    assert fieldfare(greeter, "greet", "--who", "you", "--json").stdout == "hello you True\n"
    assert fieldfare(greeter, "greet", "--who", "nobody").returncode == 4
    gone = fieldfare(greeter, "-p", "no:greeter", "greet")
    assert gone.returncode == 2
    assert "No such command 'greet'" in gone.stderr


@pytest.fixture
def later(tmp_path: Path) -> Environment:
    (tmp_path / "later_command.py").write_text(
        dedent(
            """
            import sys
            import typer
            from fieldfare.cli.options import DEFAULT_URL, Url

            print("imported", file=sys.stderr)

            def check(context: typer.Context, *, url: Url = DEFAULT_URL, what: str = "nothing") -> None:
                print("checked", what, url)
            """
        )
    )
    return install(
        tmp_path,
        "later",
        """
        from fieldfare import hookimpl
        from fieldfare.hooks.command_source import CommandSource

        @hookimpl
        def fieldfare_add_commands(app):
            app.command("check", help="Check.")(CommandSource("later_command:check"))
            app.command("gone", help="Fail.")(CommandSource("no_such_module:gone"))
        """,
    )


def test_a_command_that_a_plugin_names_is_imported_when_it_is_used(later: Environment) -> None:
    used = fieldfare(later, "check", "--what", "all", "--port", "7000")
    assert used.stdout == "checked all redis://localhost:7000\n"
    assert used.stderr == "imported\n"
    other = fieldfare(later, "show", "missing.yaml")
    assert other.returncode == 2
    assert "imported" not in other.stderr


def test_a_command_that_cannot_be_imported_breaks_its_plugin(later: Environment) -> None:
    used = fieldfare(later, "gone")
    assert used.returncode == 6
    assert "Plugin 'later' is broken: its command 'gone' cannot be imported" in used.stderr
    assert "no_such_module" in used.stderr
    helped = fieldfare(later, "--help")
    assert helped.returncode == 0
    assert "Check." in helped.stdout
    assert "Fail." not in helped.stdout
    assert "its command 'gone' cannot be imported" in helped.stderr


def test_a_broken_plugin_is_named_and_the_help_still_works(broken: Environment) -> None:
    helped = fieldfare(broken, "--help")
    assert helped.returncode == 0
    assert "Usage: fieldfare" in helped.stdout
    assert "Plugin 'broken' is broken" in helped.stderr
    assert "no_such_module" in helped.stderr
    assert "-p no:broken" in helped.stderr
    assert fieldfare(broken, "plugins").returncode == 6
    assert fieldfare(broken, "-p", "no:broken", "plugins").returncode == 0


def test_a_broken_plugin_leaves_json_one_document(broken: Environment) -> None:
    done = fieldfare(broken, "plugins", "--json")
    assert done.returncode == 6
    assert "no_such_module" in json.loads(done.stdout)["broken"][0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("app.command('apply')(print); ", "the command 'apply' exists already"),
        ("app.command('unfinished')(print); 1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_plugin_cannot_replace_or_break_commands(tmp_path: Path, body: str, reason: str) -> None:
    environment = install(
        tmp_path,
        "greedy",
        f"""
        from fieldfare import hookimpl

        @hookimpl
        def fieldfare_add_commands(app):
            {body}
        """,
    )
    done = fieldfare(environment, "--help")
    assert done.returncode == 0
    assert reason in done.stderr
    assert "unfinished" not in done.stdout
    assert "Apply a migration plan." in done.stdout
