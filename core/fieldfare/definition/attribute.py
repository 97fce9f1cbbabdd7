"""The attributes that a field of each type can have, as one table.

Everything that reads, writes or compares a definition uses this table. To support a new attribute, add a row.
Sources: https://redis.io/docs/latest/commands/ft.create/ and
https://redis.io/docs/latest/develop/ai/search-and-query/vectors/ .
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeAlias

from attrs import frozen

__all__ = [
    "ATTRIBUTES",
    "Algorithm",
    "Attribute",
    "AttributeValue",
    "FieldType",
    "Form",
    "attributes_of",
    "find_attribute",
]

AttributeValue: TypeAlias = str | int | float | bool


class FieldType(StrEnum):
    """The types of FT.CREATE, in lower case as in schema files."""

    TEXT = "text"
    TAG = "tag"
    NUMERIC = "numeric"
    GEO = "geo"
    GEOSHAPE = "geoshape"
    VECTOR = "vector"


class Algorithm(StrEnum):
    """Vector index algorithms, as FT.CREATE spells them."""

    FLAT = "FLAT"
    HNSW = "HNSW"
    SVS_VAMANA = "SVS-VAMANA"


class Form(StrEnum):
    """How an attribute is written in FT.CREATE."""

    FLAG = "flag"  # the token alone
    TEXT = "text"  # token, value
    INTEGER = "integer"
    NUMBER = "number"
    KEYWORD = "keyword"  # the value alone (GEOSHAPE FLAT)
    ALGORITHM = "algorithm"  # the word behind VECTOR


@frozen
class Attribute:
    """One attribute of a field.

    Attributes:
        key: its name in schema files and in ``Field.attrs``.
        token: its FT.CREATE keyword; flags have this name in FT.INFO, too.
        form: how the value is written and parsed.
        types: the field types that take it.
        algorithms: for vectors, the algorithms that take it; empty for all.
        info: its key in FT.INFO, or None where FT.INFO does not report it.
        default: the server's default; None if it is required or has none.
            (A TAG of JSON documents has no separator unless one is given.)
        choices: its allowed values, as definitions spell them; empty for any. Case is ignored.
        minimum: its smallest allowed value, or None.
    """

    key: str
    token: str
    form: Form
    types: frozenset[FieldType]
    algorithms: frozenset[Algorithm] = frozenset()
    info: str | None = None
    default: AttributeValue | None = None
    choices: tuple[str, ...] = ()
    minimum: int | None = None

    def spell(self, text: str) -> str:
        """Return a value as definitions spell it; a value that is not among the choices is returned unchanged."""
        return next((choice for choice in self.choices if choice.lower() == text.lower()), text)


_EVERY: Final = frozenset(FieldType)
_SCALAR: Final = _EVERY - {FieldType.VECTOR}
_SORTABLE: Final = _SCALAR
_TEXT: Final = frozenset({FieldType.TEXT})
_TAG: Final = frozenset({FieldType.TAG})
_WORDS: Final = _TEXT | _TAG
_VECTOR: Final = frozenset({FieldType.VECTOR})
_HNSW: Final = frozenset({Algorithm.HNSW})
_SVS: Final = frozenset({Algorithm.SVS_VAMANA})
_GRAPHS: Final = _HNSW | _SVS
_PLAIN: Final = frozenset({Algorithm.FLAT, Algorithm.HNSW})

_COORDINATES: Final = ("FLAT", "SPHERICAL")
_PHONETICS: Final = ("dm:en", "dm:es", "dm:fr", "dm:pt")
_DATATYPES: Final = ("float32", "float64", "float16", "bfloat16", "int8", "uint8")
_METRICS: Final = ("cosine", "l2", "ip")
_COMPRESSIONS: Final = ("LVQ4", "LVQ4x4", "LVQ4x8", "LVQ8", "LeanVec4x8", "LeanVec8x8", "GlobalSQ8")

ATTRIBUTES: Final[tuple[Attribute, ...]] = (
    Attribute(
        "coord_system",
        "",
        Form.KEYWORD,
        frozenset({FieldType.GEOSHAPE}),
        info="coord_system",
        default="SPHERICAL",
        choices=_COORDINATES,
    ),
    Attribute("weight", "WEIGHT", Form.NUMBER, _TEXT, info="WEIGHT", default=1.0),
    Attribute("no_stem", "NOSTEM", Form.FLAG, _TEXT, info="NOSTEM", default=False),
    Attribute("phonetic_matcher", "PHONETIC", Form.TEXT, _TEXT, choices=_PHONETICS),
    Attribute("separator", "SEPARATOR", Form.TEXT, _TAG, info="SEPARATOR", default=","),
    Attribute("case_sensitive", "CASESENSITIVE", Form.FLAG, _TAG, info="CASESENSITIVE", default=False),
    Attribute("withsuffixtrie", "WITHSUFFIXTRIE", Form.FLAG, _WORDS, info="WITHSUFFIXTRIE", default=False),
    Attribute("index_empty", "INDEXEMPTY", Form.FLAG, _WORDS, info="INDEXEMPTY", default=False),
    Attribute(
        "algorithm", "", Form.ALGORITHM, _VECTOR, info="algorithm", choices=tuple(each.value for each in Algorithm)
    ),
    Attribute("datatype", "TYPE", Form.TEXT, _VECTOR, info="data_type", choices=_DATATYPES),
    Attribute("dims", "DIM", Form.INTEGER, _VECTOR, info="dim", minimum=1),
    Attribute("distance_metric", "DISTANCE_METRIC", Form.TEXT, _VECTOR, info="distance_metric", choices=_METRICS),
    Attribute("initial_cap", "INITIAL_CAP", Form.INTEGER, _VECTOR, _PLAIN, minimum=0),
    Attribute("block_size", "BLOCK_SIZE", Form.INTEGER, _VECTOR, frozenset({Algorithm.FLAT}), default=1024, minimum=1),
    # The server accepts M 1, and crashes when it builds the graph.
    Attribute("m", "M", Form.INTEGER, _VECTOR, _HNSW, info="M", default=16, minimum=2),
    Attribute(
        "ef_construction",
        "EF_CONSTRUCTION",
        Form.INTEGER,
        _VECTOR,
        _HNSW,
        info="ef_construction",
        default=200,
        minimum=1,
    ),
    Attribute("ef_runtime", "EF_RUNTIME", Form.INTEGER, _VECTOR, _HNSW, default=10, minimum=1),
    Attribute("epsilon", "EPSILON", Form.NUMBER, _VECTOR, _GRAPHS, default=0.01, minimum=0),
    Attribute(
        "graph_max_degree",
        "GRAPH_MAX_DEGREE",
        Form.INTEGER,
        _VECTOR,
        _SVS,
        info="graph_max_degree",
        default=32,
        minimum=1,
    ),
    Attribute(
        "construction_window_size",
        "CONSTRUCTION_WINDOW_SIZE",
        Form.INTEGER,
        _VECTOR,
        _SVS,
        info="construction_window_size",
        default=200,
        minimum=1,
    ),
    Attribute("search_window_size", "SEARCH_WINDOW_SIZE", Form.INTEGER, _VECTOR, _SVS, default=10, minimum=1),
    Attribute("compression", "COMPRESSION", Form.TEXT, _VECTOR, _SVS, info="compression", choices=_COMPRESSIONS),
    Attribute(
        "training_threshold", "TRAINING_THRESHOLD", Form.INTEGER, _VECTOR, _SVS, info="training_threshold", minimum=1
    ),
    Attribute("reduce", "REDUCE", Form.INTEGER, _VECTOR, _SVS, info="reduced_dim", minimum=1),
    # The server reads these last, and INDEXMISSING before the others.
    Attribute("index_missing", "INDEXMISSING", Form.FLAG, _EVERY, info="INDEXMISSING", default=False),
    Attribute("sortable", "SORTABLE", Form.FLAG, _SORTABLE, info="SORTABLE", default=False),
    Attribute("unf", "UNF", Form.FLAG, _SORTABLE, info="UNF", default=False),
    Attribute("no_index", "NOINDEX", Form.FLAG, _SCALAR, info="NOINDEX", default=False),
)


def attributes_of(kind: FieldType, algorithm: str | None = None) -> tuple[Attribute, ...]:
    """Return the attributes that a field of this type takes, in FT.CREATE order.

    Args:
        kind: the field's type.
        algorithm: for vectors, narrows to what this algorithm takes.
    """
    return tuple(
        attribute
        for attribute in ATTRIBUTES
        if kind in attribute.types
        and (algorithm is None or not attribute.algorithms or algorithm.upper() in attribute.algorithms)
    )


def find_attribute(kind: FieldType, key: str) -> Attribute | None:
    """Return the attribute of this type of field with this key, or None."""
    return next((attribute for attribute in ATTRIBUTES if attribute.key == key and kind in attribute.types), None)
