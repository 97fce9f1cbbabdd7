"""Planning many indexes with one patch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from fieldfare.changes.diff import changes_from_patch
from fieldfare.definition import IndexDefinition, Snapshot
from fieldfare.errors import DiffError, PreconditionError, ServerUnavailable
from fieldfare.hooks.manager import Plugins
from fieldfare.patch import SchemaPatch, patch_to_dict
from fieldfare.patch.mode import DEFAULT_MODE, ModeName
from fieldfare.plan import MigrationPlan
from fieldfare.planning.planner import make_plan
from fieldfare.planning.shared_listing import SharedListing
from fieldfare.server import Server
from fieldfare.server.inspect import OtherIndexes, read_all_definitions, read_definition, read_snapshot
from fieldfare.server.refusal import CommandNotAllowed
from fieldfare_batch.overlap import Keyspace, find_overlaps

__all__ = ["Candidate", "CandidatePlanner", "keyspace"]

NOTHING_TO_DO: Final = "Nothing to do: the index already has the schema that the patch asks for"


@frozen(hash=False)
class Candidate:
    """An index that may be migrated in the batch.

    Attributes:
        name: its real name, or the given name if there is no such index.
        plan: its migration plan; None if the patch does not apply to it.
        reason: why the patch does not apply.
    """

    name: str
    plan: MigrationPlan | None = None
    reason: str | None = None


def keyspace(plan: MigrationPlan) -> Keyspace:
    """Return the keys that the index covers before or after a migration."""
    return Keyspace.of(plan.index, plan.source.definition, plan.target)


class CandidatePlanner:
    """Plans many indexes with one patch. Reads the server, changes nothing.

    Each index is planned without regard to the other indexes of the batch that the patch applies to: ``conflict``
    finds conflicts between them. All other live indexes are taken into account.

    Args:
        server: the server of the indexes.
        plugins: that claim the changes.
        patch: the changes.
        aliases: aliases of any of the indexes, to keep.
        options: the user's options for plugins, by name.
        mode: how to change each index.

    Raises:
        PreconditionError: there is no index with one of the ``aliases``.
    """

    def __init__(  # noqa: PLR0913 - what a plan follows from
        self,
        server: Server,
        plugins: Plugins,
        patch: SchemaPatch,
        *,
        aliases: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
        mode: ModeName = DEFAULT_MODE,
    ) -> None:
        self._server = server
        self._mode = mode
        self._plugins = plugins
        self._patch = patch
        self._options = options
        known = read_all_definitions(server)
        self._live = {each.name: each for each in known.definitions}
        self._unreadable = known.unreadable
        self._snapshots: dict[str, Snapshot] = {}
        self._aliases: dict[str, list[str]] = defaultdict(list)
        self._called: dict[str, str] = {}
        for alias in aliases:
            self._aliases[read_definition(server, alias).name].append(alias)

    def plan(self, names: Sequence[str]) -> tuple[Candidate, ...]:
        """Plan indexes, given by name or alias.

        Returns:
            One candidate for each index, in order.

        Raises:
            PreconditionError: an alias belongs to an index that is not among them.
            PluginError: no plugin, or more than one, claims a change.
            ServerUnavailable: the connection is lost.
        """
        found = [self._look_up(name) for name in names]
        for name, aliases in self._aliases.items():
            if aliases and name not in {each.name for each in found}:
                raise PreconditionError(f"{', '.join(aliases)}: alias of {name!r}, which is not in the batch.")
        candidates = {each.name: each for each in found}
        members = {each.name for each in found if each.reason is None}
        pending = [each.name for each in found if each.name in members]
        while pending:
            outside = [definition for name, definition in self._live.items() if name not in members]
            listing = SharedListing(self._server, [self._snapshots[name] for name in pending])
            for name in pending:
                candidates[name] = self._plan(name, outside, listing)
            inapplicable = {name for name in pending if candidates[name].plan is None}
            members -= inapplicable
            # an index that overlaps one that is not migrated must be planned with regard to it
            pending = self._overlapping(inapplicable, {name: candidates[name].plan for name in members})
        return tuple(candidates[name] for name in dict.fromkeys(each.name for each in found))

    def replan(self, name: str) -> Candidate:
        """Plan one index of an earlier :meth:`plan` with regard to all other indexes."""
        return self._plan(name, [definition for other, definition in self._live.items() if other != name])

    def _look_up(self, name: str) -> Candidate:
        try:
            real = name if name in self._live else read_definition(self._server, name).name
            if name != real:
                self._called.setdefault(real, name)
            if name not in {real, *self._aliases[real]}:
                self._aliases[real].append(name)
            # with all aliases so far: an index may be given more than once
            snapshot = read_snapshot(self._server, real, aliases=self._aliases[real])
        except (CommandNotAllowed, ServerUnavailable):
            raise
        except PreconditionError as error:
            return Candidate(name, reason=str(error))
        self._snapshots[real] = snapshot
        self._live.setdefault(real, snapshot.definition)  # the user may not be allowed to list indexes
        return Candidate(real)

    def _plan(self, name: str, others: Sequence[IndexDefinition], listing: SharedListing | None = None) -> Candidate:
        snapshot, sections = self._snapshots[name], patch_to_dict(self._patch)
        try:
            changes = changes_from_patch(snapshot.definition, self._patch)
            known = OtherIndexes(tuple(others), self._unreadable)
            plan = make_plan(
                self._server,
                self._plugins,
                snapshot,
                changes,
                sections,
                other_indexes=known,
                options=self._options,
                name=self._called.get(name),
                mode=self._mode,
                listing=listing,
            )
        except DiffError as error:
            return Candidate(name, reason="; ".join(error.problems))
        except (CommandNotAllowed, ServerUnavailable):
            raise
        except PreconditionError as error:
            return Candidate(name, reason=str(error))
        if not plan.supported:
            return Candidate(name, reason="; ".join(plan.blocked_reasons))
        return Candidate(name, plan) if plan.steps else Candidate(name, reason=NOTHING_TO_DO)

    def _overlapping(self, inapplicable: set[str], plans: dict[str, MigrationPlan | None]) -> list[str]:
        spaces = [Keyspace.of(name, self._live[name]) for name in inapplicable if name in self._live]
        if not spaces:
            return []
        spaces += [keyspace(plan) for plan in plans.values() if plan is not None]
        overlapping = {
            name
            for each in find_overlaps(spaces)
            for name, other in ((each.first, each.second), (each.second, each.first))
            if other in inapplicable
        }
        return [name for name in plans if name in overlapping]
