"""Finding, blocking and asking plugins; what happens when they are wrong."""

from __future__ import annotations

import shutil
import types
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from fieldfare import hookimpl
from fieldfare.changes import CustomChange
from fieldfare.errors import InvalidHookResult, PluginBroken, PluginConflict, PluginMissing
from fieldfare.hooks import manager as plugins_module
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.plan import Claim, Phase, Receipt, Step
from fieldfare.planning.step_order import order_steps
from fieldfare.testing.installation import install_plugin

STEP = Step.new("acme.thing", Phase.EXPAND)


def module(**hooks: Callable[..., Any]) -> types.ModuleType:
    """Make a plugin module out of hook implementations."""
    made = types.ModuleType("made")
    for name, function in hooks.items():
        setattr(made, name, hookimpl(function))
    return made


@pytest.fixture
def loaded() -> Plugins:
    return load_plugins()


def test_our_plugins_are_found_through_entry_points(loaded: Plugins) -> None:
    assert {"fields", "quantize", "index"} <= set(loaded.names)
    assert loaded.broken == ()


def test_a_plugin_that_is_installed_or_removed_meanwhile(
    loaded: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme_late.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert load_plugins().names == loaded.names
    install_plugin(tmp_path, "acme_late")
    later = load_plugins()
    assert set(later.names) - set(loaded.names) == {"acme_late"}
    assert later.versions["acme_late"] == "1.0"
    shutil.rmtree(tmp_path / "acme_late-1.0.dist-info")
    assert load_plugins().names == loaded.names


def test_blocked_plugin_is_left_out() -> None:
    loaded = load_plugins(blocked=["quantize"])
    assert "quantize" not in loaded.names
    with pytest.raises(PluginMissing, match=r"quantize 0\.1\.0: it is excluded with -p"):
        loaded.require({"quantize": "0.1.0"})


def test_every_missing_plugin_is_listed(loaded: Plugins) -> None:
    with pytest.raises(PluginMissing) as caught:
        loaded.require({"acme_a": "1.0", "acme_b": "2.0", "quantize": loaded.versions["quantize"]})
    assert [line.split()[0] for line in caught.value.missing] == ["acme_a", "acme_b"]
    assert caught.value.exit_code == 6


def test_other_version_is_a_warning(loaded: Plugins) -> None:
    assert loaded.require({"quantize": "0.0.1"}) == (
        f"Plugin quantize is {loaded.versions['quantize']}; the plan was made with 0.0.1.",
    )


def test_plugin_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [(EntryPoint("acme_gone", "no_such_module_at_all", "fieldfare"), "1.0")]
    monkeypatch.setattr(plugins_module, "installed_plugins", lambda: points)
    loaded = load_plugins()
    with pytest.raises(PluginBroken, match="'acme_gone' is broken: no_such_module_at_all cannot be imported"):
        loaded.raise_if_broken()


def test_two_plugins_of_one_name_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [(EntryPoint("fields", value, "fieldfare"), "1.0") for value in ("fieldfare_fields.plugin", "json")]
    monkeypatch.setattr(plugins_module, "installed_plugins", lambda: points)
    with pytest.raises(PluginConflict, match="Two plugins are named 'fields'"):
        load_plugins().raise_if_broken()


def test_unknown_hook_is_refused(loaded: Plugins) -> None:
    with pytest.raises(PluginBroken, match="fieldfare_clasify"):
        loaded.register(module(fieldfare_clasify=lambda change: None), "acme")  # noqa: ARG005 - a hook's signature
    assert "acme" not in loaded.names


def test_only_the_owner_is_asked(loaded: Plugins) -> None:
    asked: list[str] = []

    def execute(name: str) -> Callable[[Step], Receipt]:
        def fieldfare_execute_step(step: Step) -> Receipt:
            asked.append(name)
            return Receipt(step.id)

        return fieldfare_execute_step

    for name in ("acme_one", "acme_two"):
        loaded.register(module(fieldfare_execute_step=execute(name)), name)
    assert loaded.call_required("acme_two", "fieldfare_execute_step", Receipt, step=STEP, run=None) == Receipt(STEP.id)
    assert asked == ["acme_two"]


def test_wrappers_of_others_still_run(loaded: Plugins) -> None:
    seen = []

    def wrap(step: Step) -> Any:
        seen.append(step.id)
        return (yield)

    observer = types.ModuleType("observer")
    observer.fieldfare_execute_step = hookimpl(wrapper=True)(wrap)  # type: ignore[attr-defined]
    loaded.register(observer, "observer")
    loaded.register(module(fieldfare_execute_step=lambda step: Receipt(step.id)), "acme")
    loaded.call_required("acme", "fieldfare_execute_step", Receipt, step=STEP, run=None)
    assert seen == [STEP.id]


@pytest.mark.parametrize("answer", [None, "yes", 1])
def test_wrong_answer_breaks_the_contract(loaded: Plugins, answer: object) -> None:
    loaded.register(module(fieldfare_execute_step=lambda: answer), "acme")
    with pytest.raises(InvalidHookResult, match="'acme' broke the contract of fieldfare_execute_step"):
        loaded.call_required("acme", "fieldfare_execute_step", Receipt, step=STEP, run=None)


def test_missing_implementation_breaks_the_contract(loaded: Plugins) -> None:
    with pytest.raises(InvalidHookResult, match="does not implement the hook"):
        loaded.call_required("fields", "fieldfare_undo_step", type(None), step=STEP, receipt=None, run=None)


def test_exception_in_a_hook_names_the_plugin(loaded: Plugins) -> None:
    def fail(change: object) -> Claim:
        raise ZeroDivisionError(str(change))

    loaded.register(module(fieldfare_classify=fail), "acme")
    with pytest.raises(PluginBroken, match="'acme' is broken: fieldfare_classify raised ZeroDivisionError"):
        loaded.call_each("fieldfare_classify", change=CustomChange("acme.thing"), live=None)


def test_results_that_are_lists_are_returned_unchanged(loaded: Plugins) -> None:
    loaded.register(module(fieldfare_plan_steps=lambda: [STEP, STEP]), "acme")
    loaded.register(module(fieldfare_move_keys=lambda pairs: [True for _ in pairs]), "mover")
    assert loaded.call("acme", "fieldfare_plan_steps", change=None, claim=None, live=None) == [STEP, STEP]
    assert loaded.call("mover", "fieldfare_move_keys", pairs=[(b"a", b"b")], run=None) == [True]


def test_steps_run_by_phase_then_after_then_id() -> None:
    late = Step.new("a.late", Phase.CREATE)
    first = Step.new("z.first", Phase.REWRITE)
    second = Step.new("a.second", Phase.REWRITE, after=[first.id])
    free = Step.new("m.free", Phase.REWRITE)
    expected = (free, first, second, late)
    for steps in ([late, second, first, free], [free, first, second, late], [second, late, free, first]):
        assert order_steps(steps) == expected


def test_steps_that_wait_for_each_other_are_refused() -> None:
    one, two = Step.new("a.one", Phase.DROP, after=["b.two-x"]), Step.new("b.two", Phase.DROP)
    loop = [
        Step(**{**_facts(one), "after": (two.id,)}),
        Step(**{**_facts(two), "after": (one.id,)}),
    ]
    with pytest.raises(PluginConflict, match="wait for each other"):
        order_steps(loop)


def test_same_step_twice_is_refused() -> None:
    with pytest.raises(PluginConflict, match="planned twice"):
        order_steps([STEP, STEP])


def test_step_ids_follow_from_content() -> None:
    assert (
        Step.new("a.b", Phase.DROP, params={"x": 1, "y": 2}).id
        == Step.new("a.b", Phase.DROP, params={"y": 2, "x": 1}).id
    )
    assert Step.new("a.b", Phase.DROP, params={"x": 1}).id != Step.new("a.b", Phase.DROP, params={"x": 2}).id


def _facts(step: Step) -> dict[str, Any]:
    return {"id": step.id, "kind": step.kind, "owner": step.owner, "phase": step.phase}
