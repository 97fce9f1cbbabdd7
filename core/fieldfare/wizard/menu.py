"""The menu of the wizard."""

from __future__ import annotations

from typing import Final

from fieldfare.wizard.actions.add_field import FIELD_TYPES, ask_new_field
from fieldfare.wizard.actions.patch import ask_request_to_remove, show_patch, undo_last
from fieldfare.wizard.actions.remove_field import ask_removed_field
from fieldfare.wizard.actions.rename import ask_index_name, ask_prefix, ask_renamed_field
from fieldfare.wizard.actions.update_field import ask_any_attribute, ask_updates
from fieldfare.wizard.context import Action

__all__ = ["MENU", "read_choice"]

MENU: Final[tuple[tuple[str, Action | None], ...]] = (
    (f"Add field ({', '.join(FIELD_TYPES)})", ask_new_field),
    ("Update field (sortable, weight, separator, vector config)", ask_updates),
    ("Remove field", ask_removed_field),
    ("Rename field (rename field in all documents)", ask_renamed_field),
    ("Rename index (change index name)", ask_index_name),
    ("Change prefix (rename all keys)", ask_prefix),
    ("Preview patch (show pending changes as YAML)", show_patch),
    ("Finish", None),
    ("Undo the last change", undo_last),
    ("Remove one change from the patch", ask_request_to_remove),
    ("Update any attribute of a field", ask_any_attribute),
)
"""Text and action of each entry; None ends the session. The entries of RedisVL's wizard come first."""


def read_choice(answer: str) -> int:
    """Read the number of an entry, from 1.

    Raises:
        ValueError: no entry has this number.
    """
    if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(MENU):
        return int(answer)
    raise ValueError(f"Please enter a number from 1 to {len(MENU)}.")
