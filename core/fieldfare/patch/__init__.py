"""The user's YAML: what to change."""

from fieldfare.patch.file import load_patch, patch_from_dict, patch_to_dict
from fieldfare.patch.model import CustomRequest, FieldRename, FieldUpdate, IndexUpdate, NewField, SchemaPatch

__all__ = [
    "CustomRequest",
    "FieldRename",
    "FieldUpdate",
    "IndexUpdate",
    "NewField",
    "SchemaPatch",
    "load_patch",
    "patch_from_dict",
    "patch_to_dict",
]
