"""The patch as a YAML document, with the comments of its file."""

from __future__ import annotations

from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.util import load_yaml_guess_indent

from fieldfare.patch import SchemaPatch, patch_to_dict
from fieldfare.support.yamlfile import dump_yaml, parse_yaml

__all__ = ["document_of", "revise", "write_new"]

IDENTITIES: Final = ("name", "old_name", "kind")
"""The keys that identify an entry of a section."""

WIDTH: Final = 1_000_000  # folded lines are hard to read and to compare


def document_of(patch: SchemaPatch) -> dict[str, Any]:
    """Return the content of a patch file, as plain values."""
    mode = {} if patch.mode is None else {"mode": patch.mode.value}
    prefer = {"prefer": list(patch.prefer)} if patch.prefer else {}
    return {"version": patch.version, **mode, **prefer, "changes": patch_to_dict(patch)}


def write_new(document: dict[str, Any]) -> str:
    """Return YAML text that holds this document."""
    return "# A schema patch, written by 'fieldfare wizard'.\n" + dump_yaml(document)


def revise(text: str, document: dict[str, Any]) -> str | None:
    """Return YAML text that holds this document, with the comments of ``text``.

    Returns:
        None if the text cannot be revised: the result would not be this document.
    """
    if parse_yaml(text, "").data == document:
        return text
    try:
        revised = _revised(text, document)
        revised.encode()  # names may hold bytes that are not UTF-8
        same = parse_yaml(revised, "").data == document
    except Exception:  # noqa: BLE001 - if ruamel fails, the caller writes a new text
        return None
    return revised if same else None


def _revised(text: str, document: dict[str, Any]) -> str:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = WIDTH
    tree, indent, offset = load_yaml_guess_indent(text, yaml=yaml)
    if offset is not None:
        yaml.indent(sequence=indent, offset=offset)
    _merge_mapping(tree, document)
    revised = StringIO()
    yaml.dump(tree, revised)
    return revised.getvalue()


def _merged(old: Any, new: Any) -> Any:
    """Return the new value, within the old one where that may hold comments."""
    if isinstance(old, dict) and isinstance(new, dict):
        _merge_mapping(old, new)
        return old
    if isinstance(old, list) and isinstance(new, list):
        _merge_list(old, new)
        return old
    return old if type(new) in type(old).__mro__ and old == new else new


def _merge_mapping(old: dict[str, Any], new: dict[str, Any]) -> None:
    for key in [key for key in old if key not in new]:
        del old[key]
    for key, value in new.items():
        old[key] = _merged(old.get(key), value)


def _merge_list(old: list[Any], new: list[Any]) -> None:
    kept = [_identity(each) for each in new]
    for number in reversed(range(len(old))):
        if _identity(old[number]) not in kept:
            del old[number]
    for number, value in enumerate(new):
        if number < len(old) and _identity(old[number]) == _identity(value):
            old[number] = _merged(old[number], value)
        else:
            old.insert(number, value)
    del old[len(new) :]


def _identity(entry: Any) -> object:
    if isinstance(entry, dict):
        return next(((key, entry[key]) for key in IDENTITIES if key in entry), None)
    return entry
