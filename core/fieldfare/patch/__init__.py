"""The user's input: the patch file, and the target schema file.

``model`` holds a patch, ``file`` reads patch files, ``target_schema`` reads target schema files.
May import: ``server`` and below. Must not know: what a patch changes about an index (``changes`` derives that), plans.
"""

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
