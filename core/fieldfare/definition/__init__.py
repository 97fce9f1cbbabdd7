"""What an index is, and its three spellings: FT.INFO, FT.CREATE and YAML."""

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
