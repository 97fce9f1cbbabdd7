"""Examining an index: its documents are read once, a batch at a time, for all examiners."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from fieldfare.definition import Field, IndexDefinition, Storage
from fieldfare.definition.jsonpath import split_path
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.definition.reply import mapping, text
from fieldfare.documents import KeyCounter
from fieldfare.errors import InvalidHookResult
from fieldfare.examination.fields import FieldExaminer
from fieldfare.examination.model import Examination
from fieldfare.hooks.examination import ExaminedIndex, Examiner
from fieldfare.hooks.manager import Plugins
from fieldfare.planning.key_sample import SEED, sample_keys
from fieldfare.planning.sampling import DOCUMENT_BATCH, KEY_BATCH
from fieldfare.report import Finding, Severity
from fieldfare.server import Server
from fieldfare.server.document_reader import Problems, read_bounded_batches, trial_reads
from fieldfare.server.inspect import read_snapshot
from fieldfare.server.keys import iterate_keys
from fieldfare.server.knn import WIDTHS
from fieldfare.server.permissions import require_allowed
from fieldfare.server.pipeline import encode
from fieldfare.server.refusal import trial_keys
from fieldfare.server.search import find_indexed
from fieldfare.support.error_text import describe_result

__all__ = ["SAMPLE", "examine"]

SAMPLE: Final = 10_000
"""How many documents of a larger index are read unless the user says otherwise."""

HOOK: Final = "fieldfare_examine"
MEBIBYTE: Final = 1 << 20
VECTORS: Final = "vector_index_sz_mb"


def examine(
    server: Server, plugins: Plugins, name: str, *, sample: int | None = SAMPLE, schema: IndexDefinition | None = None
) -> Examination:
    """Look for what is wrong in an index. Changes nothing.

    Args:
        server: where it is.
        plugins: those with the hook ``fieldfare_examine`` look, too.
        name: the name of the index, or an alias of it.
        sample: how many documents are read at most, drawn at random; None for all.
        schema: the definition that it should have; None for none.

    Raises:
        IndexNotFound: there is no such index.
        CommandNotAllowed: the user may not read what is looked at.
        PluginError: a plugin failed.
    """
    snapshot = read_snapshot(server, name)
    definition, stats = snapshot.definition, snapshot.stats
    require_allowed(server, trial_reads(definition.storage, trial_keys(definition.prefixes)))
    listed = KeyCounter()
    keys = _keys(_counted(iterate_keys(server, definition, stats, KEY_BATCH), listed), sample)
    index = ExaminedIndex(snapshot, server, stats.num_docs, is_sample=sample is not None and sample < stats.num_docs)
    own = FieldExaminer(index, tuple(filter(lambda each: _has_one_value(each, definition.storage), definition.fields)))
    examiners = [(None, own), *_examiners(plugins, index)]
    paths = tuple(dict.fromkeys(path for _, each in examiners for path in each.paths))
    unreadable: dict[str, KeyCounter] = {}
    for batch, problems in read_bounded_batches(server, definition.storage, keys, paths):
        unindexed = _unindexed(index, batch.keys)
        for _, examiner in examiners:
            examiner.add(batch, unindexed)
        _count(problems, unreadable)
    info = mapping(server.command("FT.INFO", encode(definition.name)))
    findings = [
        *_drift(schema, definition),
        *_state(index, None if definition.filter else listed.count, info),
        *_problems(unreadable),
        *(finding for plugin, examiner in examiners for finding in _findings(plugin, examiner)),
    ]
    return Examination(
        examined_index=definition.name,
        documents=stats.num_docs,
        keys=None if definition.filter else listed.count,
        examined=own.examined,
        is_sample=index.is_sample,
        findings=tuple(findings),
        fields=own.memory(_vector_bytes(definition, info)),
        index_memory_mb=_parts(info),
    )


def _keys(listed: Iterator[list[bytes]], sample: int | None) -> Iterable[Sequence[bytes]]:
    """Return the keys of the documents to read, in batches. Of a sample all keys are listed first."""
    if sample is None:
        return (keys[at : at + DOCUMENT_BATCH] for keys in listed for at in range(0, len(keys), DOCUMENT_BATCH))
    chosen = sample_keys(chain.from_iterable(listed), sample, SEED)
    return [chosen[at : at + DOCUMENT_BATCH] for at in range(0, len(chosen), DOCUMENT_BATCH)]


def _counted(batches: Iterable[list[bytes]], counter: KeyCounter) -> Iterator[list[bytes]]:
    for keys in batches:
        counter.add(keys)
        yield keys


def _has_one_value(field: Field, storage: Storage) -> bool:
    """Return whether a document has one value of a field at most: a path such as ``$.tags[*]`` may have several."""
    return storage is Storage.HASH or not split_path(field.path)[1]


def _examiners(plugins: Plugins, index: ExaminedIndex) -> list[tuple[str, Examiner]]:
    found = plugins.call_each(HOOK, index=index)
    for plugin, examiner in found:
        missing = [name for name in ("paths", "add", "findings") if not hasattr(examiner, name)]
        if missing:
            raise InvalidHookResult(
                plugin, HOOK, f"it returned {describe_result(examiner)}, which has no {missing[0]!r}"
            )
    return found


def _unindexed(index: ExaminedIndex, keys: Sequence[bytes]) -> frozenset[bytes]:
    """Return which documents the index does not hold; none while it is being built, and with a filter."""
    if index.snapshot.stats.indexing or index.definition.filter is not None or not keys:
        return frozenset()
    return frozenset(keys) - find_indexed(index.server, index.definition.name, keys)


def _count(problems: Problems, counters: dict[str, KeyCounter]) -> None:
    for reason, keys in problems.items():
        if reason != "vanished":  # an application deleted them
            counters.setdefault(reason, KeyCounter()).add(keys)


def _drift(schema: IndexDefinition | None, definition: IndexDefinition) -> Iterator[Finding]:
    if schema is None:
        return
    lines = find_mismatches(schema, definition)
    if not lines:
        yield Finding("schema", passed=True, detail="the live definition is that of the schema file")
    for line in lines:
        yield Finding("schema", passed=False, detail=line)


def _state(index: ExaminedIndex, keys: int | None, info: Mapping[str, Any]) -> Iterator[Finding]:
    stats = index.snapshot.stats
    if stats.indexing:
        detail = f"it is {stats.percent_indexed:.0%} built: unindexed documents were not checked"
        yield Finding("being_built", passed=False, severity=Severity.WARNING, detail=detail)
    elif keys is not None:
        detail = f"documents in the index: {stats.num_docs:,}; keys under its prefixes: {keys:,}"
        yield Finding(
            "document_count", stats.num_docs >= keys, Severity.WARNING, detail, {"index": stats.num_docs, "keys": keys}
        )
    failures = _failures(info)
    detail = f"{stats.hash_indexing_failures:,} since the index was created"
    fields = "; ".join(f"{name!r} {count:,}" for name, count in failures.items() if count)
    yield Finding(
        "indexing_failures",
        passed=not stats.hash_indexing_failures,
        severity=Severity.INFO,
        detail=f"{detail}: {fields}" if fields else detail,
        data={"failures": stats.hash_indexing_failures, "fields": failures},
    )


def _failures(info: Mapping[str, Any]) -> dict[str, int]:
    """Return field → how often its values kept a document out of the index, where the server counts that."""
    found = {}
    for row in info.get("field statistics", ()):
        field = mapping(row)
        errors = mapping(field.get("Index Errors", {}))
        found[text(field.get("attribute", ""))] = int(errors.get("indexing failures", 0))
    return found


def _problems(unreadable: Mapping[str, KeyCounter]) -> Iterator[Finding]:
    for reason, counter in unreadable.items():
        yield Finding("unreadable", passed=False, severity=Severity.WARNING, detail=f"{reason}: {counter}")


def _findings(plugin: str | None, examiner: Examiner) -> Sequence[Finding]:
    found = examiner.findings()
    if not isinstance(found, (list, tuple)) or not all(isinstance(each, Finding) for each in found):
        raise InvalidHookResult(
            str(plugin), HOOK, f"its examiner returned {describe_result(found)} instead of findings"
        )
    return found


def _vector_bytes(definition: IndexDefinition, info: Mapping[str, Any]) -> dict[str, int]:
    """Return vector field → bytes of its index: the server's total, shared by the sizes of a vector."""
    sizes = {
        each.name: WIDTHS.get(str(each.attrs["datatype"]).lower(), 1) * int(each.attrs["dims"])
        for each in definition.fields
        if each.is_vector
    }
    total = _number(info.get(VECTORS, 0)) * MEBIBYTE
    return {name: round(total * size / sum(sizes.values())) for name, size in sizes.items()}


def _parts(info: Mapping[str, Any]) -> dict[str, float]:
    return {key: round(_number(value), 4) for key, value in info.items() if key.endswith("_mb")}


def _number(value: Any) -> float:
    number = float(text(value))
    return number if math.isfinite(number) else 0.0
