"""The number of a session: each process that writes to a backup takes one that no other process has.

A store has neither locks nor compare-and-swap. A process therefore writes a claim, an object with its number and a
random content, and lists the claims after that. If two processes claim at the same moment, the one that lists later
sees both claims, and takes another number. The claim with the highest number stays, so that no number is given twice.
"""

from __future__ import annotations

import secrets
from typing import Final

from fieldfare.errors import BackupUnusable
from fieldfare.storage.object_name import ObjectName
from fieldfare.storage.path import StoragePath

__all__ = ["claim_session"]

CLAIMS: Final = "session"
"""The file whose objects are claims."""

ATTEMPTS: Final = 12
"""How often a process takes another number. The range from which it takes one doubles each time."""

SERIES: Final = 1
"""Sessions are counted over all series of a backup."""


def claim_session(prefix: StoragePath) -> int:
    """Take a number for this process that is higher than that of every other one that has written to the backup.

    Args:
        prefix: of the backup.

    Raises:
        BackupUnusable: the storage fails, or others claim numbers all the time.
    """
    storage, claims, token = prefix.storage, prefix.file(CLAIMS), secrets.token_bytes(16)
    latest = max((each.session for each in prefix.all_objects()), default=0)
    for attempt in range(ATTEMPTS):
        latest = max((latest, *(each.session for each in storage.objects(claims.name))))
        number = latest + 1 + secrets.randbelow(2**attempt)
        name = ObjectName.of(token, series=SERIES, number=number, session=number)
        storage.write(claims.name, name, token)
        others = [each for each in storage.objects(claims.name) if each != name]
        if all(each.session < number for each in others):
            for each in others:
                storage.remove(claims.name, each)
            storage.sessions[prefix.backup] = number
            return number
        storage.remove(claims.name, name)
    raise BackupUnusable(prefix, "other processes begin to write there all the time. Nothing was changed.")
