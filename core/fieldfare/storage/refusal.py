"""Errors of a storage's client that another attempt does not solve."""

from __future__ import annotations

from typing import Final

__all__ = ["is_refusal"]

REFUSALS: Final = (PermissionError, NotImplementedError, ImportError, TypeError)

NAMES: Final = frozenset(
    {
        *("NoCredentialsError", "PartialCredentialsError", "TokenRetrievalError"),  # botocore
        *("DefaultCredentialsError", "RefreshError"),  # google.auth
        *("ClientAuthenticationError", "ResourceNotFoundError"),  # azure.core; the container
        *("AuthenticationException", "BadHostKeyException"),  # paramiko
    }
)
"""Names of classes, because the clients are optional."""

FORBIDDEN: Final = 403

GCSFS_FORBIDDEN: Final = "Forbidden: "
"""What gcsfs writes before the message of the store, in an OSError without a status."""

RATE_LIMIT: Final = "rate limit"
"""Google Cloud Storage also answers 403 to a client that asks too often."""


def is_refusal(error: Exception) -> bool:
    """Whether the storage, or its client, refuses a request for good: a right, credentials or a package are missing."""
    if isinstance(error, REFUSALS) or type(error).__name__ in NAMES:
        return True
    is_forbidden = getattr(error, "status_code", None) == FORBIDDEN or str(error).startswith(GCSFS_FORBIDDEN)
    return is_forbidden and RATE_LIMIT not in str(error).lower()
