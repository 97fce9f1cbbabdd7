"""What one patch means for each of many indexes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from fieldfare.changes import UpdateField
from fieldfare.definition import IndexDefinition, Snapshot
from fieldfare.diff import changes_from_patch
from fieldfare.errors import DiffError, IndexNotFound, PreconditionError, ServerUnavailable
from fieldfare.patch import SchemaPatch, patch_to_dict
from fieldfare.plan import MigrationPlan
from fieldfare.planner import make_plan
from fieldfare.plugins import Plugins
from fieldfare.server import Server
from fieldfare.server.inspect import list_user_indexes, read_definition, read_snapshot
from fieldfare_batch.overlap import Keyspace, find_overlaps

__all__ = ["Prospect", "Survey", "keyspace", "quantizes"]

NOTHING_TO_DO: Final = "Nothing to do: the index is as the patch wants it"


@frozen(hash=False)
class Prospect:
    """What the patch means for one index.

    Attributes:
        name: its real name, or the one that was asked for if there is no such index.
        plan: how it would be migrated; None if the patch does not fit it.
        reason: if it does not fit, why.
    """

    name: str
    plan: MigrationPlan | None = None
    reason: str | None = None


def keyspace(plan: MigrationPlan) -> Keyspace:
    """Return the keys that a migration touches: those that the index covers before and after it."""
    return Keyspace.of(plan.index, plan.source.definition, plan.target)


def quantizes(plan: MigrationPlan) -> bool:
    """Whether a plan converts vectors in documents."""
    datatypes = (isinstance(change, UpdateField) and change.attribute == "datatype" for change in plan.changes)
    return plan.rewrites_documents and any(datatypes)


class Survey:
    """Plans many indexes with one patch. Reads the server, changes nothing.

    Each index is planned as if the others that the patch fits were not there: whether they get into each
    other's way is another question, see ``conflict``. All other live indexes count.

    Args:
        server: where the indexes live.
        plugins: who may claim changes.
        patch: what to change.
        aliases: of any of the indexes, to be kept.
        options: what the user tells plugins, by name.

    Raises:
        PreconditionError: one of ``aliases`` leads nowhere.
    """

    def __init__(
        self,
        server: Server,
        plugins: Plugins,
        patch: SchemaPatch,
        *,
        aliases: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._server = server
        self._plugins = plugins
        self._patch = patch
        self._options = options
        self._live = {each.name: each for each in _read_definitions(server)}
        self._snapshots: dict[str, Snapshot] = {}
        self._aliases: dict[str, list[str]] = defaultdict(list)
        for alias in aliases:
            self._aliases[read_definition(server, alias).name].append(alias)

    def run(self, names: Sequence[str]) -> tuple[Prospect, ...]:
        """Plan these indexes, which may be named by aliases.

        Returns:
            One for each name, in order.

        Raises:
            PreconditionError: an alias leads to an index that is not among them.
            PluginError: no plugin, or more than one, claims a change.
            ServerUnavailable: there is no answer.
        """
        found = [self._look_up(name) for name in names]
        for name, aliases in self._aliases.items():
            if aliases and name not in {each.name for each in found}:
                raise PreconditionError(f"{', '.join(aliases)} leads to {name!r}, which is not in the batch.")
        prospects = {each.name: each for each in found}
        members = {each.name for each in found if each.reason is None}
        pending = [each.name for each in found if each.name in members]
        while pending:
            outside = [definition for name, definition in self._live.items() if name not in members]
            for name in pending:
                prospects[name] = self._plan(name, outside)
            refused = {name for name in pending if prospects[name].plan is None}
            members -= refused
            # whoever overlaps an index that stays as it is has to be planned with that one in sight
            pending = self._near(refused, {name: prospects[name].plan for name in members})
        return tuple(prospects[name] for name in dict.fromkeys(each.name for each in found))

    def run_alone(self, name: str) -> Prospect:
        """Plan one index of an earlier :meth:`run`, with all others in sight."""
        return self._plan(name, [definition for other, definition in self._live.items() if other != name])

    def _look_up(self, name: str) -> Prospect:
        try:
            real = read_definition(self._server, name).name
            if name not in {real, *self._aliases[real]}:
                self._aliases[real].append(name)
            # with every alias so far: an index may be named more than once
            snapshot = read_snapshot(self._server, real, aliases=self._aliases[real])
        except ServerUnavailable:
            raise
        except PreconditionError as error:
            return Prospect(name, reason=str(error))
        self._snapshots[real] = snapshot
        return Prospect(real)

    def _plan(self, name: str, others: Sequence[IndexDefinition]) -> Prospect:
        snapshot, sections = self._snapshots[name], patch_to_dict(self._patch)
        try:
            changes = changes_from_patch(snapshot.definition, self._patch)
            plan = make_plan(
                self._server, self._plugins, snapshot, changes, sections, others=others, options=self._options
            )
        except DiffError as error:
            return Prospect(name, reason="; ".join(error.problems))
        except ServerUnavailable:
            raise
        except PreconditionError as error:
            return Prospect(name, reason=str(error))
        if not plan.supported:
            return Prospect(name, reason="; ".join(plan.blocked_reasons))
        return Prospect(name, plan) if plan.steps else Prospect(name, reason=NOTHING_TO_DO)

    def _near(self, refused: set[str], plans: dict[str, MigrationPlan | None]) -> list[str]:
        spaces = [Keyspace.of(name, self._live[name]) for name in refused if name in self._live]
        if not spaces:
            return []
        spaces += [keyspace(plan) for plan in plans.values() if plan is not None]
        near = {
            name
            for each in find_overlaps(spaces)
            for name, other in ((each.first, each.second), (each.second, each.first))
            if other in refused
        }
        return [name for name in plans if name in near]


def _read_definitions(server: Server) -> Iterator[IndexDefinition]:
    for name in list_user_indexes(server):
        try:
            yield read_definition(server, name)
        except IndexNotFound:  # dropped since
            continue
