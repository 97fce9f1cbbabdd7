"""The definition of an index, and its three representations: FT.INFO, FT.CREATE and YAML. No I/O.

``model`` and ``attribute`` hold the data. ``info`` parses FT.INFO, ``create`` makes FT.CREATE, ``schema`` converts to
and from schema files. ``canonical`` gives equal definitions one form, and ``mismatches`` lists differences as text.
May import: ``support`` and below. Must not know: servers, documents, changes.
"""

from fieldfare.definition.attribute import (
    ATTRIBUTES,
    Algorithm,
    Attribute,
    AttributeValue,
    FieldType,
    Form,
    attributes_of,
    find_attribute,
)
from fieldfare.definition.canonical import canonical
from fieldfare.definition.model import Field, IndexDefinition, Storage
from fieldfare.definition.snapshot import IndexStats, Snapshot

__all__ = [
    "ATTRIBUTES",
    "Algorithm",
    "Attribute",
    "AttributeValue",
    "Field",
    "FieldType",
    "Form",
    "IndexDefinition",
    "IndexStats",
    "Snapshot",
    "Storage",
    "attributes_of",
    "canonical",
    "find_attribute",
]
