"""Any index with any documents: what a run changes is what its plan says, and a rollback restores all of it."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, TypeAlias

import hypothesis.strategies as st
import pytest
from attrs import frozen
from hypothesis import assume, event, given, settings
from redis.exceptions import ResponseError

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.definition import Algorithm, AttributeValue, Field, FieldType, IndexDefinition, Storage
from fieldfare.definition.create import create_arguments
from fieldfare.definition.reply import encode
from fieldfare.errors import PreconditionError, ValidationFailed
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.server import Server
from fieldfare.server.knn import escape_name
from fieldfare.server.query_reply import result_ids
from fieldfare.testing.digest import State, read_state
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.servers import clear

EXAMPLES = 1000 if os.environ.get("TORTURE") else 60
DIMS = 2

Answers: TypeAlias = dict[str, Any]
"""Query → the keys that it finds, or the distances, or the server's error."""

PLAIN_NAMES = ["title", "kind", "year"]
ODD_NAMES = ["a b", "größe", 'say "hi"', "it's", "SORTABLE", "type", "x-y", "日本", "a:b", "a\\b", "\\", "a.b,c", "@a"]
ODDER_NAMES = ["-a", "$.a", "{a}*?[b]", "a\tb", " ", "é\u2028", "\udcff"]
names = st.one_of(st.sampled_from(PLAIN_NAMES), st.sampled_from(ODD_NAMES), st.sampled_from(ODDER_NAMES))
indexes = st.sampled_from(["idx", "idx", *ODD_NAMES, *ODDER_NAMES, "a\nb", "a\\nb", "a\rb"])
prefixes = st.one_of(
    st.sampled_from([("d:",), ("d:", "e:"), ("d:1",), ("",), ("{t}:", "d:")]),
    st.sampled_from([*ODD_NAMES, *ODDER_NAMES]).map(lambda name: (f"{name}:",)),
    st.tuples(st.sampled_from(ODD_NAMES), st.sampled_from(ODDER_NAMES)),
)
endings = st.sampled_from([""] * 57 + ["\n", "\\n", "\r"])
"""How a name ends: search 2 shows a line break as it shows a backslash and a letter, so that such names are refused."""

words = st.sampled_from(["john", "jon", "running run", "the", "Straße", "a,b;c", "", "word one", "läuft"])
numbers = st.sampled_from(["0", "5", "2000", "-1.5", "about 5"])
places = st.sampled_from(["1,2", "13.4,52.5", "nowhere"])
shapes = st.sampled_from(["POINT (1 2)", "POLYGON ((0 0, 0 3, 3 3, 3 0, 0 0))", "no shape"])
FLAGS: dict[FieldType, tuple[str, ...]] = {
    FieldType.TEXT: ("no_stem", "withsuffixtrie", "index_empty"),
    FieldType.TAG: ("case_sensitive", "withsuffixtrie", "index_empty"),
}


@st.composite
def attributes(draw: st.DrawFn, kind: FieldType) -> dict[str, AttributeValue]:
    """Draw the attributes of a field."""
    if kind is FieldType.VECTOR:
        algorithm = draw(st.sampled_from([Algorithm.FLAT, Algorithm.HNSW]))
        attrs: dict[str, AttributeValue] = {
            "algorithm": algorithm.value,
            "dims": DIMS,
            "datatype": "float32",
            "distance_metric": draw(st.sampled_from(["cosine", "l2", "ip"])),
        }
        more: dict[str, st.SearchStrategy[AttributeValue]] = {"block_size": st.integers(1, 4096)}
        if algorithm is Algorithm.HNSW:
            more = {"m": st.integers(2, 40), "ef_runtime": st.integers(5, 50), "epsilon": st.sampled_from([0.1, 1.5])}
        return attrs | {key: draw(values) for key, values in more.items() if draw(st.booleans())}
    attrs = {flag: True for flag in FLAGS.get(kind, ()) if draw(st.booleans())}
    if kind is FieldType.TEXT:
        attrs |= draw(st.sampled_from([{}, {"phonetic_matcher": "dm:en"}, {"weight": 2.5}]))
    if kind is FieldType.TAG:
        attrs |= draw(st.sampled_from([{}, {"separator": ";"}]))
    for flag in draw(st.sampled_from([(), ("sortable",), ("sortable", "unf"), ("index_missing",)])):
        attrs[flag] = True
    if attrs.get("sortable") and draw(st.booleans()):
        attrs["no_index"] = True
    return attrs


@st.composite
def definitions(draw: st.DrawFn) -> IndexDefinition:
    """Draw an index with any options."""
    storage = draw(st.sampled_from(Storage))
    fields = []
    first, *others = draw(st.lists(names, min_size=1, max_size=5, unique=True))
    for name in (first + draw(endings), *others):
        kind = draw(st.sampled_from(FieldType))
        path = f"$.f{encode(name).hex()}" if storage is Storage.JSON else name
        fields.append(Field(name, kind, path, draw(attributes(kind))))
    prefix, *more_prefixes = draw(prefixes)
    plain = [field.name for field in fields if field.name.isalpha() and field.name.isascii()]
    of_fields = [f"@{name}>1" for name in plain] + [f"exists(@{name})" for name in plain]
    return IndexDefinition(
        name=draw(indexes),
        storage=storage,
        prefixes=(prefix + draw(endings), *more_prefixes),
        fields=tuple(fields),
        filter=draw(st.sampled_from([None, None, 'startswith(@__key, "d:")', *of_fields])),
        language=draw(st.sampled_from([None, None, "german", "chinese"])),
        language_field=draw(st.sampled_from([None, "lang"])),
        score=draw(st.sampled_from([1.0, 0.5])),
        score_field=draw(st.sampled_from([None, "score"])),
        payload_field=draw(st.sampled_from([None, "payload"])) if storage is Storage.HASH else None,
        stopwords=draw(st.sampled_from([None, (), ("john", "für")])),
        options=draw(st.sampled_from([(), (), ("NOHL", "NOOFFSETS"), ("NOFREQS",), ("NOFIELDS",), ("MAXTEXTFIELDS",)])),
        temporary=draw(st.sampled_from([None, None, None, None, 10**6])),
    )


def values(field: Field) -> st.SearchStrategy[Any]:
    """Return values of a field, some of which it does not take."""
    if field.is_vector:
        return st.lists(st.integers(-3, 3), min_size=DIMS - 1, max_size=DIMS).filter(any)
    return {FieldType.NUMERIC: numbers, FieldType.GEO: places, FieldType.GEOSHAPE: shapes}.get(field.type, words)


@st.composite
def documents(draw: st.DrawFn, definition: IndexDefinition) -> dict[str, dict[str, Any]]:
    """Draw documents; not all of them are the index's."""
    found = {}
    for number in range(draw(st.integers(0, 8))):
        prefix = draw(st.sampled_from([*definition.prefixes, "d:", "other:"]))
        content = {field.name: draw(values(field)) for field in definition.fields if draw(st.integers(0, 3))}
        content |= draw(st.sampled_from([{}, {"lang": "german"}, {"lang": "klingon"}, {"score": "0.3"}]))
        found[f"{prefix}{number}"] = content or {"other": "value"}
    return found


@frozen
class Request:
    """A patch, and what it means for names and keys.

    Attributes:
        changes: of the patch.
        index: the index's name afterwards.
        fields: new names of fields, by the old ones.
        prefix: old and new.
    """

    changes: Mapping[str, Any]
    index: str
    fields: Mapping[str, str] = {}
    prefix: tuple[str, str] | None = None

    def moved_all(self, keys: list[bytes]) -> list[bytes]:
        """Return the names that keys of the index have afterwards, sorted."""
        if not self.prefix:
            return keys
        old, new = map(encode, self.prefix)
        return sorted(new + key.removeprefix(old) for key in keys)


@st.composite
def requests(draw: st.DrawFn, definition: IndexDefinition) -> Request:
    """Draw a patch that changes no answer."""
    field = draw(st.sampled_from(definition.fields))
    index = definition.name
    new_prefix = draw(st.sampled_from(["new:", "new:", *definition.prefixes])) + draw(names) + draw(endings)
    new_index = f"other{draw(indexes)}"
    new_name = f"new{draw(names)}{draw(endings)}"
    renamed = {"old_name": field.name, "new_name": new_name}
    choices = [
        Request({"add_fields": [{"name": new_name, "type": "tag"}]}, index),
        Request({"index": {"name": new_index}}, new_index),
        Request({"rename_fields": [renamed]}, index, {field.name: new_name}),
        Request({"rename_fields": [{**renamed, "logical": True}]}, index, {field.name: new_name}),
    ]
    if not field.is_vector:
        sortable = not field.attrs.get("sortable", False)
        choices.append(Request({"update_fields": [{"name": field.name, "attrs": {"sortable": sortable}}]}, index))
    if len(definition.prefixes) == 1 and definition.prefixes[0]:
        moved = (definition.prefixes[0], new_prefix)
        choices.append(Request({"index": {"prefix": new_prefix}}, index, prefix=moved))
    return draw(st.sampled_from(choices))


def write(server: Server, definition: IndexDefinition, content: Mapping[str, Mapping[str, Any]]) -> None:
    """Write documents."""
    paths = {field.name: field.path.removeprefix("$.") for field in definition.fields}
    for key, document in content.items():
        pairs = {paths.get(name, name): value for name, value in document.items()}
        if definition.storage is Storage.JSON:
            server.command("JSON.SET", encode(key), "$", json.dumps(pairs))
            continue
        fields = [
            _encoded(part) if not isinstance(part, list) else struct.pack(f"<{len(part)}f", *part)
            for pair in pairs.items()
            for part in pair
        ]
        server.command("HSET", encode(key), *fields)


def ask(server: Server, definition: IndexDefinition, request: Request | None) -> Answers:
    """Ask the same questions before and after, and give the answers with the names of before."""
    index = encode(request.index if request else definition.name)
    questions: dict[str, tuple[Any, ...]] = {
        "*": ("*",),
        "john": ("john",),
        "jon": ("jon",),
        "word one": ('"word one"',),
    }
    for field in definition.fields:
        name = escape_name(request.fields.get(field.name, field.name) if request else field.name)
        match field.type:
            case FieldType.TEXT:
                asked = [f"@{name}:john", f"@{name}:runs", f"@{name}:laufen"]
            case FieldType.TAG:
                asked = [f"@{name}:{{a}}", f"@{name}:{{john}}", f"@{name}:{{STRASSE}}"]
            case FieldType.NUMERIC:
                asked = [f"@{name}:[0 10]", f"@{name}:[-inf 0]"]
            case FieldType.GEO:
                asked = [f"@{name}:[1 2 100 km]"]
            case _:
                asked = []
        if field.attrs.get("index_missing"):
            asked.append(f"ismissing(@{name})")
        questions |= {f"{field.name} {number}": (query,) for number, query in enumerate(asked)}
        if field.is_vector:
            knn = (f"*=>[KNN 3 @{name} $v]", "PARAMS", 2, "v", struct.pack(f"<{DIMS}f", 1, 2))
            questions[f"{field.name} near"] = knn
    answers: Answers = {}
    for question, arguments in questions.items():
        try:
            reply = server.command(
                "FT.SEARCH", index, *map(_encoded, arguments), "NOCONTENT", "LIMIT", 0, 100, "DIALECT", 2
            )
        except ResponseError as error:
            answers[question] = type(error).__name__
            continue
        found = result_ids(reply)
        # which of several documents that are equally near is not decided
        answers[question] = len(found) if question.endswith(" near") else sorted(found)
    return answers


def _encoded(argument: Any) -> Any:
    return encode(argument) if isinstance(argument, str) else argument


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    """Load the plugins once."""
    return load_plugins()


@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_a_run_and_its_rollback_lose_nothing(data: st.DataObject, plugins: Plugins, server: Server) -> None:
    definition = data.draw(definitions())
    content = data.draw(documents(definition))
    request = data.draw(requests(definition))
    synonyms = data.draw(st.booleans())
    earlier = data.draw(st.sampled_from([0, len(content) // 2, len(content)]))
    skips_initial_scan = earlier > 0 and data.draw(st.booleans())
    create(server, definition, content, earlier, synonyms=synonyms)
    complete = Expected.read(server, definition)
    if skips_initial_scan:
        create(server, definition, content, earlier, "SKIPINITIALSCAN", synonyms=synonyms)
        if definition.filter is not None and request.prefix is not None:  # only what the index holds is moved
            complete = Expected.read(server, definition)
    check(server, plugins, definition, request, complete)


def create(
    server: Server,
    definition: IndexDefinition,
    content: Mapping[str, Mapping[str, Any]],
    earlier: int,
    *options: str,
    synonyms: bool,
) -> None:
    """Write documents and create the index, with some documents earlier than the index."""
    clear(server)
    write(server, definition, dict(list(content.items())[:earlier]))
    command = create_arguments(definition)
    place = command.index(b"SCHEMA")
    try:
        server.command(*command[:place], *options, *command[place:])
    except ResponseError:
        assume(condition=False)
    write(server, definition, dict(list(content.items())[earlier:]))
    if synonyms:
        server.command("FT.SYNUPDATE", encode(definition.name), "group", "john", "ivan")
    wait_until_indexed(server)


@frozen
class Expected:
    """What a server holds and answers.

    Attributes:
        state: documents and indexes.
        answers: to the questions.
    """

    state: State
    answers: Answers

    @classmethod
    def read(cls, server: Server, definition: IndexDefinition) -> Self:
        """Ask the server."""
        return cls(read_state(server), ask(server, definition, None))


def check(server: Server, plugins: Plugins, definition: IndexDefinition, request: Request, complete: Expected) -> None:
    """Apply a request and roll it back; compare both with the start.

    Args:
        server: the server.
        plugins: the plugins.
        definition: the index.
        request: the patch.
        complete: the start, if the index had all documents, also those that SKIPINITIALSCAN left out.
    """
    before = Expected.read(server, definition)
    patch = {"version": 1, "changes": dict(request.changes)}
    with TemporaryDirectory() as directory:
        backup_dir = Path(directory)
        executor = MigrationExecutor(plugins=plugins)
        try:
            plan = MigrationPlanner(plugins=plugins).create_plan_from_patch(
                definition.name, schema_patch=patch, server=server
            )
            executor.apply(plan, server=server, backup_dir=backup_dir)
        except PreconditionError as error:
            event(f"blocked: {type(error).__name__}")
            assert Expected.read(server, definition) == before
            return
        except ValidationFailed:
            # whether the FILTER takes the new keys is known when they have them
            assert any("The FILTER reads @__key" in line for line in plan.warnings)
        else:
            event("applied")
            expected = {
                question: request.moved_all(found) if isinstance(found, list) else found
                for question, found in complete.answers.items()
            }
            # a document that the server left out without a word is in the new index if its field has another name
            known = set(expected["*"])
            now = {
                question: [key for key in found if key in known] if isinstance(found, list) else found
                for question, found in ask(server, definition, request).items()
            }
            assert now == expected
        if not any(step.rewrites_documents for step in plan.steps) and request.prefix is None:
            assert read_state(server)[0] == before.state[0]
        executor.rollback(server=server, backup_dir=backup_dir)
    assert Expected.read(server, definition) == complete
