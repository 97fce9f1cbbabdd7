"""The vector of a query, as bytes for one index."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from attrs import field, frozen

from fieldfare.comparison.key_names import KeyNames
from fieldfare.definition import Field, IndexDefinition
from fieldfare.definition.reply import encode
from fieldfare.errors import PreconditionError
from fieldfare.hooks.manager import Plugins
from fieldfare.plan import MigrationPlan
from fieldfare.queries import DocumentVector, Parameter, Query, QueryCommand, VectorValues
from fieldfare.server import Server
from fieldfare.server.document_vector import read_vector
from fieldfare.server.knn import pack_values, unpack
from fieldfare.server.pipeline import Argument

__all__ = ["QueriedIndex", "VectorEncoder", "find_unusable"]

INTEGERS: Final = ("int8", "uint8")

_FIELD: Final = r"@((?:\\.|[^\s:\\\]])+)"
_USES: Final = (
    r"\[\s*KNN\s+\S+\s+{field}\s+\${parameter}\b",
    r"{field}\s*:\s*\[\s*VECTOR_RANGE\s+\S+\s+\${parameter}\b",
)


@frozen
class _Source:
    """A vector before it is encoded for an index."""

    values: tuple[float, ...]
    datatype: str
    document: bytes | None = None


@frozen(hash=False)
class QueriedIndex:
    """An index that is asked a query.

    Attributes:
        definition: the definition of the index.
        command: as this index is queried.
        plan: the plan of the migration that made this index; None if it is not known, or none did.
        names: the keys of documents in this index.
    """

    definition: IndexDefinition
    command: QueryCommand
    plan: MigrationPlan | None = None
    names: KeyNames = field(factory=KeyNames)


@frozen
class VectorEncoder:
    """Encodes the vectors of queries for either index.

    Attributes:
        server: it has both indexes.
        plugins: they encode what a cast of floats does not: calibrated integers, fewer dimensions.
        source: the definition of the index whose documents and fields the vectors are named after.
    """

    server: Server
    plugins: Plugins
    source: IndexDefinition

    def params(self, query: Query, queried: QueriedIndex) -> dict[str, Argument]:
        """Return name → value of each parameter of a query.

        Raises:
            PreconditionError: the document has no such vector, the index no such field, or nobody can encode it.
        """
        return {name: self._value(name, given, queried) for name, given in query.params.items()}

    def _value(self, parameter: str, given: Parameter, queried: QueriedIndex) -> Argument:
        if isinstance(given, DocumentVector):
            source = self.read_document(given)
        elif isinstance(given, VectorValues):
            source = _Source(given.values, given.datatype)
        else:
            return encode(given) if isinstance(given, str) else given
        index = queried.definition
        name = _queried_field(queried.command.text, parameter) or given.field
        field = index.find(name) if name else None
        if field is None or not field.is_vector:
            raise PreconditionError(
                f"The index {index.name!r} has no vector field for the parameter {parameter!r}"
                f"{f' (the query names {name!r})' if name else ': give its name as field'}"
            )
        vector = self._encoded(source, queried, field)
        if vector is None and isinstance(given, DocumentVector):
            # what a migration has made of it
            vector = read_vector(self.server, index.storage, queried.names.new(encode(given.key)), field)
        if vector is None:
            raise PreconditionError(
                f"The vector of the parameter {parameter!r} ({len(source.values)} dims of {source.datatype}) cannot be "
                f"encoded for the field {field.name!r} of {index.name!r} "
                f"({field.attrs['dims']} dims of {field.attrs['datatype']})"
            )
        return vector

    def read_document(self, given: DocumentVector) -> _Source:
        """Read the vector of a document.

        Raises:
            PreconditionError: there is no such vector.
        """
        field = self.source.find(given.field)
        if field is None or not field.is_vector:
            raise PreconditionError(f"The index {self.source.name!r} has no vector field {given.field!r}")
        vector = read_vector(self.server, self.source.storage, encode(given.key), field)
        if vector is None:
            raise PreconditionError(
                f"There is no document {given.key!r} with a vector in the field {given.field!r} that can be queried"
            )
        datatype = str(field.attrs["datatype"]).lower()
        return _Source(tuple(map(float, unpack(vector, datatype))), datatype, vector)

    def _encoded(self, source: _Source, queried: QueriedIndex, field: Field) -> bytes | None:
        datatype, dims = str(field.attrs["datatype"]).lower(), int(field.attrs["dims"])
        if len(source.values) == dims and datatype == source.datatype:
            return source.document or pack_values(_numbers(source.values, datatype), datatype)
        if source.datatype in INTEGERS:
            return None  # codes, of which only a calibration knows what they stand for
        if len(source.values) == dims and datatype not in INTEGERS:
            return pack_values(source.values, datatype)
        answer = self.plugins.call_first(
            "fieldfare_encode_query",
            vector=source.values,
            index=queried.definition,
            field=field,
            server=self.server,
            plan=queried.plan,
        )
        return None if answer is None else bytes(answer)


def find_unusable(queries: Iterable[Query], encoder: VectorEncoder) -> list[str]:
    """Return a line for each query that takes its vector from a document which has none."""
    problems = []
    for query in queries:
        for given in query.params.values():
            if isinstance(given, DocumentVector):
                try:
                    encoder.read_document(given)
                except PreconditionError as error:
                    problems.append(f"query {query.name!r}: {error}")
    return problems


def _numbers(values: tuple[float, ...], datatype: str) -> tuple[float, ...]:
    return tuple(map(int, values)) if datatype in INTEGERS else values


def _queried_field(text: str, parameter: str) -> str | None:
    """Return the vector field that a query compares with a parameter."""
    for use in _USES:
        match = re.search(use.format(field=_FIELD, parameter=re.escape(parameter)), text, re.IGNORECASE)
        if match:
            return re.sub(r"\\(.)", r"\1", match[1])
    return None
