"""What a client of Google Cloud Storage or Azure raises if a right is missing: one attempt, and a short reason."""

from __future__ import annotations

from secrets import token_hex
from typing import Any, NoReturn

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from fieldfare.errors import BackupUnusable
from fieldfare.storage import StoragePath, backup_location
from fieldfare.storage.client import Storage

RETRIES = 4  # in half a second, with growing pauses, there are no more


class HttpResponseError(Exception):
    """As azure.core raises it."""

    def __init__(self, message: str, status_code: int) -> None:
        self.status_code = status_code
        super().__init__(message)


AZURE = (
    "This request is not authorized to perform this operation.\nRequestId:0f6c61b0\nTime:2026-11-30T06:57:53.9Z\n"
    'ErrorCode:AuthorizationFailure\nContent: <?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<Error>'
)


@pytest.fixture
def storage() -> Storage:
    location = backup_location(f"memory://{token_hex(8)}")
    assert isinstance(location, StoragePath)
    location.storage.retry_for = 0.5
    return location.storage


def fail_with(error: Exception, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have every listing fail; return the list of those that were tried."""
    tried: list[str] = []

    def refuse(_: Any, path: str, **__: Any) -> NoReturn:
        tried.append(path)
        raise error

    monkeypatch.setattr(MemoryFileSystem, "ls", refuse)
    return tried


@pytest.mark.parametrize(
    "error",
    [
        HttpResponseError(AZURE, 403),
        OSError("Forbidden: b/backups/o\nThe account does not have storage.objects.list access."),  # gcsfs
        type("ResourceNotFoundError", (Exception,), {})("The specified container does not exist.\nRequestId:0f6c\nX"),
    ],
)
def test_a_refused_request_is_not_repeated(error: Exception, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = fail_with(error, monkeypatch)
    with pytest.raises(BackupUnusable) as caught:
        storage.folders()
    assert len(tried) == 1
    assert str(error).splitlines()[0].rstrip(".") in caught.value.reason
    assert "RequestId" not in caught.value.reason


@pytest.mark.parametrize(
    "error",
    [
        HttpResponseError("The server is busy.", 503),
        OSError("Forbidden: b/backups/o\nThe total number of changes to the object exceeds the rate limit."),
    ],
)
def test_what_may_pass_is_repeated(error: Exception, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = fail_with(error, monkeypatch)
    with pytest.raises(BackupUnusable):
        storage.folders()
    assert 1 < len(tried) <= RETRIES
