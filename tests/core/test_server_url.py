"""Connection URLs: how they are read, and that they never show a secret."""

from __future__ import annotations

import pytest
from redis import SSLConnection

from fieldfare.errors import UnsupportedURL
from fieldfare.server.url import parse
from fieldfare.support.redaction import redact_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379", "redis://localhost:6379"),
        ("redis://:hunter2@localhost:6379/0", "redis://***@localhost:6379/0"),
        ("redis://joe:hunter2@localhost", "redis://joe:***@localhost"),
        ("redis://hunter2@localhost", "redis://***@localhost"),
        ("rediss://joe:hun@ter2@localhost", "rediss://joe:***@localhost"),
        ("redis://joe:hun/te?r#2@localhost", "redis://joe:***@localhost"),
        ("unix://joe:hunter2@/run/redis.sock", "unix://joe:***@/run/redis.sock"),
        ("redis://localhost?password=hunter2&protocol=2", "redis://localhost?password=***&protocol=2"),
        ("rediss://localhost?ssl_password=hunter2", "rediss://localhost?ssl_password=***"),
        (
            "redis+sentinel://joe:hunter2@one:1,two:2/main?sentinel_password=hunter2",
            "redis+sentinel://joe:***@one:1,two:2/main?sentinel_password=***",
        ),
        ("hunter2@localhost", "***@localhost"),
        ("redis://localhost?pwd=hunter2&db=0", "redis://localhost?pwd=***&db=0"),
        ("redis://localhost?%70assword=hunter2", "redis://localhost?%70assword=***"),
        ("embedded://", "embedded://"),
    ],
)
def test_secrets_are_not_shown(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://localhost/1", "database 0 only"),
        ("redis://localhost?db=3", "database 0 only"),
        ("unix:///run/redis.sock?db=3", "database 0 only"),
        ("redis+sentinel://localhost/main/2", "database 0 only"),
        ("redis://localhost/articles", "'articles'"),
        ("http://localhost", "must start with"),
        ("localhost:6379", "must start with"),
        ("", "must start with"),
        ("redis://localhost:port", "not well-formed"),
        ("redis://:hun/ter2@localhost", "not well-formed"),
        ("redis://hun/ter2@localhost", "not well-formed"),
        ("redis://:123/ter2@localhost", "not well-formed"),
        ("redis://:123?ter2@localhost", "not well-formed"),
        ("redis://hun#ter2@localhost", "not well-formed"),
        ("unix://hun/ter2@/run/redis.sock", "not well-formed"),
        ("redis://localhost?decode_responses=true", "bytes"),
        ("redis+sentinel://localhost:26379", "/service"),
        ("redis+sentinel://localhost:many/main", "not well-formed"),
    ],
)
def test_a_url_that_cannot_be_used_says_why(url: str, reason: str) -> None:
    with pytest.raises(UnsupportedURL) as caught:
        parse(url)
    assert reason in str(caught.value)
    assert caught.value.exit_code == 2
    assert "ter2" not in str(caught.value)


def test_tls_options_come_from_the_query() -> None:
    options = parse("rediss://joe:p%40ss@localhost:7000?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem").options
    assert options["connection_class"] is SSLConnection
    assert options["password"] == "p@ss"  # noqa: S105 - nobody's
    assert (options["ssl_cert_reqs"], options["ssl_ca_certs"]) == ("none", "/ca.pem")


def test_sentinels_have_options_of_their_own() -> None:
    address = parse("rediss+sentinel://joe:pw@one:1,two/main?sentinel_password=other&socket_timeout=3")
    assert address.sentinels == (("one", 1), ("two", 26379))
    assert address.service == "main"
    assert address.options == {"username": "joe", "password": "pw", "socket_timeout": 3.0, "ssl": True}
    assert address.sentinel_options == {"password": "other"}
