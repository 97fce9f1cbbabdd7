"""What programs import from one place."""

from __future__ import annotations

from pathlib import Path

import pytest

import fieldfare.migration
from fieldfare.errors import PluginConflict


def offer(directory: Path, distribution: str, name: str, value: str) -> None:
    """Install a distribution that offers something."""
    info = directory / f"{distribution}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[fieldfare.api]\n{name} = {value}\n")


@pytest.mark.parametrize("name", fieldfare.migration.__all__)
def test_everything_that_is_promised_is_there(name: str) -> None:
    assert callable(getattr(fieldfare.migration, name))


def test_a_plugin_offers_a_class_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_fleet.py").write_text("class FleetPlanner:\n    pass\n")
    offer(tmp_path, "acme_fleet", "FleetPlanner", "acme_fleet:FleetPlanner")
    monkeypatch.syspath_prepend(tmp_path)
    from fieldfare.migration import FleetPlanner  # noqa: PLC0415 - it is offered only now

    assert FleetPlanner.__module__ == "acme_fleet"


def test_two_plugins_that_offer_one_name_are_both_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(tmp_path, "acme_fleet", "FleetPlanner", "acme_fleet:FleetPlanner")
    offer(tmp_path, "other_fleet", "FleetPlanner", "other_fleet:FleetPlanner")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginConflict, match=r"acme_fleet:FleetPlanner and by other_fleet:FleetPlanner"):
        fieldfare.migration.FleetPlanner  # noqa: B018 - looking is what is tested


def test_what_nobody_offers_cannot_be_imported() -> None:
    with pytest.raises(ImportError, match="NoSuchPlanner"):
        from fieldfare.migration import NoSuchPlanner  # noqa: F401, PLC0415 - that is what is tested
