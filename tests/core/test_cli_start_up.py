"""The help, and how fast it starts."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version

import pytest
import typer

from fieldfare.cli.app import COMMANDS, build_app, run
from fieldfare.cli.errors import USAGE
from fieldfare.hooks.manager import load_plugins

HEAVY = (
    *("redis", "numpy", "ml_dtypes", "structlog", "ruamel", "cattrs", "msgpack", "rich"),
    *("dask", "distributed", "fsspec"),
)
"""Libraries that cost more time to import than the whole help may take."""


def test_help_loads_no_heavy_library() -> None:
    script = (
        "import sys; from fieldfare.cli.app import run; code = run(['--help']);"
        "print(code, *sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    code, *loaded = done.stderr.split()
    assert code == "0"
    assert not set(loaded) & set(HEAVY)


def test_a_command_loads_neither_the_others_nor_what_only_they_need() -> None:
    script = (
        "import sys; from fieldfare.cli.app import run; run(['plan', '-i', 'idx', '--schema-patch', 'missing.yaml']);"
        "print(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"fieldfare.cli.plan", "fieldfare.api.planner"} <= loaded
    assert not loaded & {"fieldfare.cli.apply", "fieldfare.api.executor", "fieldfare.examination"}
    assert not loaded & {"fieldfare.engine.run", "fieldfare.backup", "fieldfare.comparison", "fieldfare.storage"}
    assert not loaded & {"fieldfare_batch.commands.plan", "fieldfare_quantize.commands.advise"}
    assert not loaded & {"fieldfare.plan.redisvl", "fieldfare.report.events", "fieldfare_quantize.live_encoder"}
    assert not loaded & {"structlog", "redis.asyncio.client"}
    assert not loaded & {"numpy", "pydantic", "rich", "filelock"}


@pytest.mark.parametrize(
    "command", ["apply --backup-dir .", "rollback --backup-dir .", "validate --backup-dir .", "doctor --index none"]
)
def test_no_command_loads_what_only_asynchronous_programs_need(command: str, redis_url: str) -> None:
    arguments = [*command.split(), "--url", redis_url]
    script = f"import sys; from fieldfare.cli.app import run; run({arguments!r}); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "redis.client" in loaded
    assert not loaded & {"redis.asyncio.client", "structlog"}


def test_a_batch_is_planned_without_what_only_runs_need(redis_url: str) -> None:
    arguments = ["batch-plan", "--indexes", "none", "--schema-patch", "missing.yaml", "--url", redis_url]
    script = f"import sys; from fieldfare.cli.app import run; run({arguments!r}); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"redis.client", "fieldfare_batch.planner"} <= loaded
    assert not loaded & {"redis.asyncio.client", "fieldfare.engine.run", "fieldfare.backup", "fieldfare_batch.state"}


def test_what_is_imported_is_not_searched_for_garbage() -> None:
    script = (
        "import atexit, gc, sys; from fieldfare.cli import main;"
        "collections = lambda: sum(each['collections'] for each in gc.get_stats()); before = collections();"
        "atexit.register(lambda: print(collections() - before, 'fieldfare.api.planner' in sys.modules));"
        "sys.argv = ['fieldfare', 'plan', '-i', 'idx', '--schema-patch', 'missing.yaml']; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "0 True"


def test_what_was_imported_is_not_searched_for_garbage_at_the_end() -> None:
    script = (
        "import atexit, gc, sys; atexit.register(lambda: print(len(gc.get_objects()), gc.get_freeze_count()));"
        "from fieldfare.cli.app import main; sys.argv = ['fieldfare', '--version']; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    left, frozen = map(int, done.stdout.splitlines()[-1].split())
    assert left < frozen / 10


def test_help_names_every_command_in_the_order_of_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.partition("Commands:\n")[2].splitlines() if line]
    names = [name for name, _, _ in COMMANDS]
    assert listed[: len(names)] == names
    assert names[:7] == ["list", "info", "wizard", "plan", "show", "estimate", "apply"]


def test_summaries_fit_on_their_line(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    assert "..." not in capsys.readouterr().out.partition("Commands:\n")[2]


@pytest.mark.parametrize(("name", "examples"), [(name, examples) for name, _, examples in COMMANDS])
def test_help_of_a_command_shows_examples(
    name: str, examples: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.partition("Examples:")[2].splitlines())) <= 80
    joined = re.sub(r" \\\n +", " ", shown)
    for example in examples:
        assert f"  {example}\n" in joined


@pytest.mark.parametrize("name", ["apply", "batch-apply"])
def test_a_command_is_built_without_the_others(name: str) -> None:
    plugins = load_plugins()
    alone, among_all = (typer.main.get_group(build_app(plugins, only=only)) for only in (name, None))
    assert list(alone.commands) == [name]
    options = [[each.opts for each in group.commands[name].params] for group in (alone, among_all)]
    assert options[0] == options[1]


def test_a_command_that_is_misspelled_is_looked_for_among_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["aply"]) == USAGE
    assert "apply" in capsys.readouterr().err


@pytest.mark.parametrize("name", [None, *(name for name, _, _ in COMMANDS)])
def test_every_option_is_explained(name: str | None) -> None:
    group = typer.main.get_group(build_app(load_plugins()))
    command = group.commands[name] if name else group
    for parameter in command.params:
        explanation = getattr(parameter, "help", None)
        assert explanation, f"{name} {parameter.opts} has no help"
        assert explanation.endswith("."), f"{name} {parameter.opts}: {explanation}"


def test_python_m_is_the_same_program() -> None:
    done = subprocess.run([sys.executable, "-m", "fieldfare", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"fieldfare {version('fieldfare')}\n"
