"""Plan files that RedisVL wrote (https://docs.redisvl.com, version 0.28): what they ask for, without steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from fieldfare.changes import Change, UpdateField, UpdateOption
from fieldfare.changes.diff import changes_from_patch, changes_from_schema
from fieldfare.definition import IndexDefinition, IndexStats, Snapshot, Storage
from fieldfare.definition.schema import from_schema
from fieldfare.errors import DiffError, FileError
from fieldfare.patch import patch_from_dict, patch_to_dict
from fieldfare.plan.claim import Claim, ClaimedChange
from fieldfare.plan.model import MigrationPlan
from fieldfare.support.structure import StructureError, require

__all__ = ["NOTE", "RedisVLPlan", "StatedSchema", "is_redisvl_plan", "read_redisvl_plan"]

NOTE: Final = (
    "RedisVL wrote this plan. It has no steps, and does not know the aliases, the synonyms and the options (FILTER, "
    "STOPWORDS, LANGUAGE, ...) of the index, so the index is planned again as it is now"
)


@frozen(hash=False)
class StatedSchema:
    """A schema in a plan of RedisVL, which knows only some of what an index consists of.

    Attributes:
        definition: the schema.
        stated: field → the attributes that the schema states, those with a default included.
    """

    definition: IndexDefinition
    stated: Mapping[str, frozenset[str]]

    def differences(self, live: IndexDefinition) -> tuple[str, ...]:
        """Return how a definition differs in what the schema states, one line each."""
        return tuple(str(each) for each in changes_from_schema(live, self.definition) if self._states(each))

    def completed(self, live: IndexDefinition) -> IndexDefinition:
        """Return a definition with everything that the schema states, and all else as it is live."""
        fields = []
        for each in self.definition.fields:
            known = live.find(each.name)
            if known is None or known.type is not each.type:
                fields.append(each)
                continue
            kept = {name: value for name, value in known.attrs.items() if not self._knows(each.name, name)}
            stated = {name: value for name, value in each.attrs.items() if self._knows(each.name, name)}
            fields.append(evolve(each, attrs={**kept, **stated}))
        definition = self.definition
        order = {each.name: number for number, each in enumerate(live.fields)}
        fields.sort(key=lambda each: order.get(each.name, len(order)))
        return evolve(
            live,
            name=definition.name,
            storage=definition.storage,
            prefixes=definition.prefixes,
            fields=tuple(fields),
        )

    def _states(self, change: Change) -> bool:
        if isinstance(change, UpdateOption):
            return False
        return not isinstance(change, UpdateField) or self._knows(change.name, change.attribute)

    def _knows(self, name: str, attribute: str) -> bool:
        if attribute in {"type", "path"}:
            return True
        if attribute == "separator" and self.definition.storage is Storage.JSON:
            return False  # RedisVL states its own default for an index that has none
        return attribute in self.stated.get(name, ())


@frozen(hash=False, repr=False)
class RedisVLPlan(MigrationPlan):
    """A plan that RedisVL wrote. Its changes are not claimed by any plugin, and it has no steps.

    Attributes:
        source_schema: the index as RedisVL saw it.
        target_schema: the index as RedisVL would have made it.
        reasons: why RedisVL blocked it.
    """

    source_schema: StatedSchema = field(kw_only=True)
    target_schema: StatedSchema = field(kw_only=True)
    reasons: tuple[str, ...] = ()

    @property
    def is_unplanned(self) -> bool:
        """Always."""
        return True

    @property
    def blocked_reasons(self) -> tuple[str, ...]:
        """What RedisVL wrote."""
        return self.reasons


def is_redisvl_plan(data: Mapping[str, Any]) -> bool:
    """Whether RedisVL wrote a plan: ours has steps and a fingerprint."""
    source = data.get("source")
    return "fingerprint" not in data and "steps" not in data and isinstance(source, dict) and "index_name" in source


def read_redisvl_plan(data: Mapping[str, Any]) -> RedisVLPlan:
    """Read a plan of RedisVL.

    Raises:
        StructureError: it is none; with all problems of the first part that has any.
    """
    source = data["source"]
    stats = _mapping(source, "source", "stats_snapshot")
    keyspace = _mapping(source, "source", "keyspace")
    classification = _mapping(data, "diff_classification")
    before, after = _schema(source, "source", "schema_snapshot"), _schema(data, "merged_target_schema")
    try:
        patch = patch_from_dict(_mapping(data, "requested_changes"))
        changes = changes_from_patch(before.definition, patch)
    except (FileError, DiffError) as error:
        raise StructureError([(("requested_changes",), str(each)) for each in error.problems]) from error
    reasons = tuple(map(str, classification.get("blocked_reasons") or ()))
    if not reasons and classification.get("supported") is not True:
        reasons = ("RedisVL does not say that the plan is supported",)
    return RedisVLPlan(
        version=1,
        mode=str(data.get("mode", "drop_recreate")),
        source=Snapshot(
            before.definition,
            IndexStats(_count(stats, "num_docs"), _count(stats, "hash_indexing_failures")),
            key_sample=tuple(sorted(map(str, keyspace.get("key_sample") or ()))),
        ),
        target=after.definition,
        patch=patch_to_dict(patch),
        claims=tuple(ClaimedChange(each, "", Claim.supported()) for each in changes),
        steps=(),
        plugins={},
        warnings=(NOTE, *map(str, data.get("warnings") or ())),
        source_schema=before,
        target_schema=after,
        reasons=reasons,
    )


def _mapping(data: Mapping[str, Any], *place: str) -> Mapping[str, Any]:
    found = data.get(place[-1])
    try:
        require(found, dict)
    except StructureError as error:
        raise StructureError(error.within(*place)) from error
    return dict(found or {})


def _schema(data: Mapping[str, Any], *place: str) -> StatedSchema:
    mapping = _mapping(data, *place)
    try:
        definition = from_schema(mapping)
    except StructureError as error:
        raise StructureError(error.within(*place)) from error
    stated = {each["name"]: frozenset(each.get("attrs") or ()) for each in mapping["fields"]}
    return StatedSchema(definition, stated)


def _count(stats: Mapping[str, Any], name: str) -> int:
    found = str(stats.get(name) or 0)
    return int(found) if found.isdecimal() else 0
