"""A plan as plain values, in the layout of its file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, get_args

from attrs import evolve, frozen
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from fieldfare.changes import Change, RenameField, UpdateOption
from fieldfare.definition import AttributeValue, Field, IndexDefinition, IndexStats, Snapshot, Storage
from fieldfare.definition.schema import field_from_dict, field_to_dict, from_schema, to_schema
from fieldfare.plan.claim import Claim, ClaimedChange
from fieldfare.plan.model import MigrationPlan
from fieldfare.plan.step import Step
from fieldfare.plan.summary import DiffClassification, Rename, RenameOperations
from fieldfare.support.structure import StructureError, make_converter, require, structure
from fieldfare.support.suggestion import suggestion

__all__ = ["from_plain", "to_plain"]

CHANGES: Final = {kind.change: kind for kind in get_args(Change)}


@frozen(hash=False)
class Keyspace:
    """``source.keyspace``: the key prefixes of the index, and a sample of its keys."""

    prefixes: tuple[str, ...]
    key_sample: tuple[str, ...]


@frozen(hash=False)
class Source:
    """``source``: the live index as it was."""

    schema_snapshot: IndexDefinition
    stats_snapshot: IndexStats
    keyspace: Keyspace
    synonyms: Mapping[str, tuple[str, ...]]
    aliases: tuple[str, ...]
    unreadable: tuple[str, ...]


@frozen(hash=False)
class Layout:
    """A plan file, key by key, without its fingerprint."""

    version: int
    mode: str
    source: Source
    requested_changes: Mapping[str, Any]
    diff_classification: DiffClassification
    rename_operations: RenameOperations
    merged_target_schema: IndexDefinition
    warnings: tuple[str, ...]
    changes: tuple[ClaimedChange, ...]
    steps: tuple[Step, ...]
    plugins: Mapping[str, str]


def to_plain(plan: MigrationPlan) -> dict[str, Any]:
    """Return a plan as plain values."""
    snapshot = plan.source
    layout = Layout(
        version=plan.version,
        mode=plan.mode,
        source=Source(
            schema_snapshot=snapshot.definition,
            stats_snapshot=snapshot.stats,
            keyspace=Keyspace(snapshot.definition.prefixes, snapshot.key_sample),
            synonyms=dict(sorted(snapshot.synonyms.items())),
            aliases=snapshot.aliases,
            unreadable=snapshot.unreadable,
        ),
        requested_changes=plan.requested_changes,
        diff_classification=plan.diff_classification,
        rename_operations=plan.rename_operations,
        merged_target_schema=plan.target,
        warnings=plan.warnings,
        changes=plan.claims,
        steps=plan.steps,
        plugins=dict(sorted(plan.plugins.items())),
    )
    plain: dict[str, Any] = _converter(snapshot.definition.storage).unstructure(layout)
    return plain


def from_plain(mapping: Mapping[str, Any]) -> MigrationPlan:
    """Read a plan from plain values.

    Raises:
        StructureError: they are not a plan, with every problem.
    """
    layout = structure(_converter(_storage(mapping)), mapping, Layout)
    return MigrationPlan(
        version=layout.version,
        mode=layout.mode,
        source=Snapshot(
            definition=layout.source.schema_snapshot,
            stats=layout.source.stats_snapshot,
            synonyms=layout.source.synonyms,
            aliases=layout.source.aliases,
            key_sample=layout.source.keyspace.key_sample,
            unreadable=layout.source.unreadable,
        ),
        target=layout.merged_target_schema,
        patch=layout.requested_changes,
        claims=layout.changes,
        steps=layout.steps,
        plugins=layout.plugins,
        warnings=layout.warnings,
    )


def _storage(mapping: Mapping[str, Any]) -> Storage:
    """Return the storage in a mapping that is not checked yet; hash if it has none."""
    place: Any = mapping
    for key in ("source", "schema_snapshot", "index", "storage_type"):
        place = place.get(key) if isinstance(place, dict) else None
    return Storage.JSON if place == Storage.JSON else Storage.HASH


@cache
def _converter(storage: Storage) -> Converter:
    converter = make_converter(sparse={Claim, RenameField, Rename})
    converter.register_unstructure_hook(
        IndexStats,  # memory and times vary, and would give every plan another fingerprint
        make_dict_unstructure_fn(
            IndexStats,
            converter,
            vector_index_size_mb=override(omit=True),
            total_index_memory_size_mb=override(omit=True),
            other_memory_size_mb=override(omit=True),
            indexing_seconds=override(omit=True),
        ),
    )
    converter.register_unstructure_hook(
        Step, make_dict_unstructure_fn(Step, converter, _cattrs_omit_if_default=True, moves=override(omit=True))
    )
    converter.register_unstructure_hook(IndexDefinition, to_schema)
    converter.register_structure_hook(IndexDefinition, lambda value, _: from_schema(value))
    converter.register_unstructure_hook(Field, field_to_dict)
    converter.register_structure_hook(Field, lambda value, _: field_from_dict(value, storage))
    converter.register_structure_hook(AttributeValue | None, lambda value, _: _attribute_value(value))
    converter.register_structure_hook(str | Mapping[str, str] | None, lambda value, _: _prefixes(converter, value))
    converter.register_unstructure_hook(
        Change, lambda change: {change.change: converter.unstructure(change, type(change))}
    )
    converter.register_structure_hook(Change, lambda value, _: _change(converter, value))
    return converter


def _attribute_value(value: Any) -> AttributeValue | None:
    if value is not None and not isinstance(value, str | int | float):
        raise StructureError([((), "must be text, a number, true, false or empty")])
    return value


def _prefixes(converter: Converter, value: Any) -> str | Mapping[str, str] | None:
    if value is None or isinstance(value, str):
        return value
    prefixes: Mapping[str, str] = structure(converter, value, Mapping[str, str])  # type: ignore[type-abstract]
    return prefixes


def _change(converter: Converter, value: Any) -> Change:
    require(value, dict)
    if len(value) != 1:
        raise StructureError([((), f"must have one key, the kind of change; has {', '.join(value) or 'none'}")])
    [(name, content)] = value.items()
    if name not in CHANGES:
        raise StructureError([((name,), f"unknown kind of change{suggestion(name, CHANGES)}")])
    try:
        change: Change = structure(converter, content, CHANGES[name])
    except StructureError as error:
        raise StructureError(error.within(name)) from error
    if isinstance(change, UpdateOption):
        return evolve(change, old=_frozen(change.old), new=_frozen(change.new))
    return change


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
