"""Masks passwords in everything that is shown or written.

Connection URLs may be malformed, because users do not always encode special characters in passwords. So everything
before the last ``@`` counts as credentials, and only options that cannot be secret keep their values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import quote, unquote, unquote_plus

__all__ = ["MASK", "redact", "redact_url", "secrets_in", "without_arguments"]

MASK: Final = "***"
"""What stands for a secret."""

SHORTEST: Final = 4
"""Minimum length of a secret that is masked in other text; shorter ones would match too many words."""

HARMLESS: Final = frozenset(
    {
        *("db", "protocol", "client_name", "encoding", "encoding_errors", "decode_responses", "max_connections"),
        *("socket_timeout", "socket_connect_timeout", "socket_keepalive", "socket_read_size", "health_check_interval"),
        *("retry_on_timeout", "timeout", "ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_check_hostname"),
        *("ssl_min_version", "virtual_host"),
    }
)
"""Options of redis-py whose values may be shown."""

STORAGES: Final = frozenset(
    {
        *("abfs", "abfss", "adl", "az", "file", "gcs", "gs", "local", "memory", "s3", "s3a"),
        *("sftp", "ssh", "wasb", "wasbs"),
    }
)
"""Schemes of storages: what precedes an ``@`` names a container or a user, and is secret only after a colon."""

_SCHEME: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)(.*)$", re.DOTALL)
_OPTION: Final = re.compile(r"([?&])([^=&#]+)=([^&#]*)")
_CREDENTIALS: Final = re.compile(r"([\w+.-]*\w)://([^\s:/@]*:)?(\S*)@")
_ARGUMENTS: Final = re.compile(r",? with args beginning with:.*")
_NAMED: Final = re.compile(r"([?&][^=&#\s]*(?:pass|pwd|secret|token|auth)[^=&#\s]*=)[^&#\s]*", re.IGNORECASE)


def redact_url(url: str) -> str:
    """Return a URL with everything masked that may be a secret; a user name before a colon is shown."""
    shown = _OPTION.sub(_masked, url)
    match = _SCHEME.match(shown)
    scheme, rest = match.groups() if match else ("", shown)
    if "@" not in rest:
        return shown
    credentials, _, address = rest.rpartition("@")
    user = credentials.partition(":")[0] if ":" in credentials else ""
    return f"{scheme}{user}:{MASK}@{address}" if user else f"{scheme}{MASK}@{address}"


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return text with credentials in URLs masked, and these secrets wherever they are separate words.

    Args:
        text: a message, a traceback, a line of a log.
        secrets: the result of :func:`secrets_in`.
    """
    text = _NAMED.sub(rf"\1{MASK}", _CREDENTIALS.sub(_without_password, without_arguments(text)))
    for secret in sorted(secrets, key=len, reverse=True):
        text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", MASK, text)
    return text


def without_arguments(text: str) -> str:
    """Return an error of Redis without the arguments of an unknown command: they may be values of documents."""
    return _ARGUMENTS.sub("", text)


def secrets_in(words: Iterable[str]) -> frozenset[str]:
    """Return the secrets in the URLs among words: raw, percent-encoded, and escaped as in JSON and Python.

    Args:
        words: the words of a command line, or values of environment variables.
    """
    found: set[str] = set()
    for word in words:
        scheme, _, rest = word.rpartition("://")
        credentials, at, _ = rest.rpartition("@")
        if at and (":" in credentials or scheme.lower() not in STORAGES):
            found.add(credentials.partition(":")[2] if ":" in credentials else credentials)
        if "://" in word:
            found |= {value for _, name, value in _OPTION.findall(word) if not _is_harmless(name)}
    return frozenset(_spelled(found))


def _without_password(url: re.Match[str]) -> str:
    scheme, user, rest = url.groups()
    if user is None and ":" not in rest and scheme.lower() in STORAGES:
        return url[0]
    return f"{scheme}://{user or ''}{MASK}@"


def _spelled(secrets: Collection[str]) -> Iterable[str]:
    for secret in secrets:
        plain = unquote(secret)
        raw = plain.encode("utf-8", "surrogateescape")
        for each in (secret, plain, unquote_plus(secret), quote(raw, safe=""), json.dumps(plain)[1:-1], str(raw)[2:-1]):
            if len(each) >= SHORTEST:
                yield each


def _masked(option: re.Match[str]) -> str:
    start, name, value = option.groups()
    return f"{start}{name}={value if _is_harmless(name) else MASK}"


def _is_harmless(name: str) -> bool:
    return unquote(name).removeprefix("sentinel_") in HARMLESS
