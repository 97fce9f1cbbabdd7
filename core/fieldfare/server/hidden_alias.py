"""An alias that a real index of the same name hides.

FT.CREATE accepts a name that an alias has: the new index takes the name at once, empty while it is built, and the alias
leads nowhere until that index is dropped (measured on search 2.10.5 and 8.2.7). FT._LIST does not list aliases, so a
client that looks there for its index, and creates it if it is missing, hides the alias at its next start.
"""

from __future__ import annotations

from attrs import frozen

from fieldfare.errors import IndexNotFound
from fieldfare.server.connection import Server
from fieldfare.server.inspect import read_info
from fieldfare.support.wording import counted

__all__ = ["HidingIndex", "find_hiding_index"]


@frozen
class HidingIndex:
    """A real index that answers instead of an alias.

    Attributes:
        alias: the name of both.
        target: the index that the alias should lead to.
        documents: how many the hiding index has.
    """

    alias: str
    target: str
    documents: int

    @property
    def message(self) -> str:
        """What happened, and what to do."""
        return (
            f"{self.alias!r} is hidden: it should lead to the index {self.target!r}, but a client created a real index "
            f"with this name ({counted(self.documents, 'document')}), which answers instead. Some clients create an "
            "index if FT._LIST does not show its name, and FT._LIST shows no aliases: first stop this client from "
            f"creating it. Then drop the hiding index: FT.DROPINDEX {self.alias}, without DD, which would delete "
            f"documents. Do this only if FT.INFO {self.alias} shows index_name {self.alias}: otherwise the command "
            f"drops {self.target!r}"
        )


def find_hiding_index(server: Server, alias: str, target: str) -> HidingIndex | None:
    """Return the real index that has the name of an alias.

    Args:
        server: where both should be.
        alias: the name by which applications ask.
        target: the real name of the index that should answer.

    Returns:
        None if the name leads to the target or to another index of another name, if nothing has it, or if it is that
        of the target itself.
    """
    if alias == target:
        return None
    try:
        info = read_info(server, alias)
    except IndexNotFound:
        return None
    return HidingIndex(alias, target, info.stats.num_docs) if info.definition.name == alias else None
