"""Options of the program stand before or behind the command."""

from __future__ import annotations

import pytest

from fieldfare.cli.arguments import Arguments, read_arguments
from fieldfare.errors import UsageError


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", "-p", "no:quantize", "--log-format", "json", "list", "--url", "redis://h"],
        ["list", "--json", "-p", "no:quantize", "--log-format", "json", "--url", "redis://h"],
        ["list", "--url", "redis://h", "--json", "-pno:quantize", "--log-format=json"],
    ],
)
def test_the_place_of_the_programs_options_does_not_matter(arguments: list[str]) -> None:
    read = read_arguments(arguments)
    assert read == Arguments(
        ordered=("--json", "-p", "no:quantize", "--log-format", "json", "list", "--url", "redis://h"),
        json=True,
        traceback=False,
        blocked=("quantize",),
    )


def test_several_plugins_can_be_left_out() -> None:
    assert read_arguments(["-p", "no:a", "list", "-p", "no:b"]).blocked == ("a", "b")


def test_what_stands_behind_two_dashes_is_left_alone() -> None:
    read = read_arguments(["list", "--", "--json", "-p", "no:quantize"])
    assert read == Arguments(("list", "--", "--json", "-p", "no:quantize"), json=False, traceback=False, blocked=())


@pytest.mark.parametrize("arguments", [["-p"], ["list", "--log-level"]])
def test_an_option_without_its_value_is_named(arguments: list[str]) -> None:
    with pytest.raises(UsageError, match=f"{arguments[-1]} needs a value"):
        read_arguments(arguments)


@pytest.mark.parametrize("value", ["quantize", "no:", "no"])
def test_only_leaving_plugins_out_is_possible(value: str) -> None:
    with pytest.raises(UsageError, match="takes no:NAME"):
        read_arguments(["-p", value])
