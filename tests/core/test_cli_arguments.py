"""Options of the program stand before or behind the command."""

from __future__ import annotations

from typing import Any

import pytest

from fieldfare.cli.arguments import Arguments, known_secrets, read_arguments
from fieldfare.cli.connection_options import connection_url
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
        command="list",
    )


def test_several_plugins_can_be_left_out() -> None:
    assert read_arguments(["-p", "no:a", "list", "-p", "no:b"]).blocked == ("a", "b")


def test_what_stands_behind_two_dashes_is_left_alone() -> None:
    read = read_arguments(["list", "--", "--json", "-p", "no:quantize"])
    assert read == Arguments(
        ("list", "--", "--json", "-p", "no:quantize"), json=False, traceback=False, blocked=(), command="list"
    )


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--help", "list"], ["-vvv", "list"], ["--", "list"]])
def test_where_an_option_may_take_its_place_no_command_is_named(arguments: list[str]) -> None:
    assert read_arguments(arguments).command is None


@pytest.mark.parametrize("arguments", [["-p"], ["list", "--log-level"]])
def test_an_option_without_its_value_is_named(arguments: list[str]) -> None:
    with pytest.raises(UsageError, match=f"{arguments[-1]} needs a value"):
        read_arguments(arguments)


@pytest.mark.parametrize("value", ["quantize", "no:", "no"])
def test_only_leaving_plugins_out_is_possible(value: str) -> None:
    with pytest.raises(UsageError, match="takes no:NAME"):
        read_arguments(["-p", value])


@pytest.mark.parametrize("written", [["-p", "6380"], ["-p6380"]])
def test_behind_a_command_a_number_is_a_port(written: list[str]) -> None:
    read = read_arguments(["list", *written, "-p", "no:quantize"])
    assert read.ordered == ("-p", "no:quantize", "list", "-p", "6380")
    assert read.blocked == ("quantize",)


def test_before_the_command_a_port_is_refused_with_its_place() -> None:
    with pytest.raises(UsageError, match="Write a port after the command: 'fieldfare list -p 6380'"):
        read_arguments(["--json", "-p", "6380", "list"])


NOTHING: dict[str, Any] = {"host": None, "port": None, "user": None, "password": None, "ssl": False}


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "redis://from-environment"),
        ({"host": "h"}, "redis://h:6379"),
        ({"host": "::1", "port": 1}, "redis://[::1]:1"),
        ({"port": 6380}, "redis://localhost:6380"),
        ({"user": "a b", "password": "p/@:%"}, "redis://a%20b:p%2F%40%3A%25@localhost:6379"),
        ({"user": "joe"}, "redis://joe@localhost:6379"),
        ({"password": "word", "ssl": True}, "rediss://:word@localhost:6379"),
        ({"ssl": True}, "rediss://from-environment"),
        ({"host": "", "user": "", "password": ""}, "redis://from-environment"),
    ],
)
def test_the_url_of_a_server_from_its_parts(given: dict[str, Any], url: str) -> None:
    assert connection_url("redis://from-environment", named=False, **{**NOTHING, **given}) == url


def test_the_url_of_a_server_and_its_parts_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="Give --url, or --host and --password, not both"):
        connection_url("redis://h", named=True, **{**NOTHING, "host": "h", "password": "word"})


@pytest.mark.parametrize(
    ("url", "secure"),
    [
        ("redis://h", "rediss://h"),
        ("rediss://h", "rediss://h"),
        ("redis+sentinel://h/s", "rediss+sentinel://h/s"),
        ("unix:///s", None),
        ("embedded://", None),
    ],
)
def test_tls_is_not_left_out_of_a_url(url: str, secure: str | None) -> None:
    if secure is None:
        with pytest.raises(UsageError, match="--ssl is for a URL that starts with redis://"):
            connection_url(url, named=True, **{**NOTHING, "ssl": True})
    else:
        assert connection_url(url, named=True, **{**NOTHING, "ssl": True}) == secure


@pytest.mark.parametrize(
    "written", [["-a", "hünter@2"], ["-ahünter@2"], ["--password", "hünter@2"], ["--password=hünter@2"]]
)
def test_a_password_is_a_secret_in_every_form(written: list[str]) -> None:
    secrets = known_secrets(["list", *written])
    assert {"hünter@2", "h%C3%BCnter%402"} <= secrets
