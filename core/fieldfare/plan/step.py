"""Steps: the units of work of a plan, their phases, and their receipts. Data only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from attrs import evolve, field, frozen

__all__ = ["Phase", "Receipt", "Step"]


class Phase(StrEnum):
    """When a step runs. Members stand in order."""

    CAPTURE = "capture"
    BACKUP = "backup"
    EXPAND = "expand"
    DROP = "drop"
    REWRITE = "rewrite"
    CREATE = "create"
    VALIDATE = "validate"
    SWITCH = "switch"
    CONTRACT = "contract"

    @property
    def rank(self) -> int:
        """Position in the order of a run."""
        return list(Phase).index(self)


@frozen(hash=False)
class Step:
    """One unit of work.

    Attributes:
        id: derived from the content; the same work has the same id on every machine.
        kind: what the step does, as ``owner.action``.
        owner: the plugin that carries it out; set by the planner.
        phase: when it runs.
        after: ids of steps of the same phase that run before it.
        params: everything that the owner needs; plain YAML values only.
        fields: for rewrite steps, the paths of the fields that ``fieldfare_transform`` reads and writes.
        reversible: whether undo can restore everything.
        lossy: whether information is lost.
        rewrites_documents: whether document bytes are overwritten.
        summary: one line of text.
        moves_keys: whether the step gives keys new names, which ``fieldfare_name_keys`` tells, and does nothing else.
        moves: old path → new path of each value that the step moves within a document, and does nothing else. A mode
            that keeps old values for a while copies them itself, and does not have the owner execute the step. Plan
            files do not hold it.
    """

    id: str
    kind: str
    owner: str
    phase: Phase
    after: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(factory=dict)
    fields: tuple[str, ...] = ()
    reversible: bool = True
    lossy: bool = False
    rewrites_documents: bool = False
    summary: str = ""
    moves_keys: bool = False
    moves: Mapping[str, str] = field(factory=dict, eq=False)

    @classmethod
    def new(  # noqa: PLR0913 - a step's facts
        cls,
        kind: str,
        phase: Phase,
        *,
        params: Mapping[str, Any] | None = None,
        fields: Sequence[str] = (),
        after: Sequence[str] = (),
        reversible: bool = True,
        lossy: bool = False,
        rewrites_documents: bool = False,
        summary: str = "",
        moves_keys: bool = False,
        moves: Mapping[str, str] | None = None,
    ) -> Step:
        """Build a step; its id follows from kind, params and fields."""
        params = dict(params or {})
        content = json.dumps([kind, params, list(fields)], sort_keys=True, default=str)
        digest = hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        return cls(
            id=f"{kind}-{digest}",
            kind=kind,
            owner="",
            phase=phase,
            after=tuple(after),
            params=params,
            fields=tuple(fields),
            reversible=reversible,
            lossy=lossy,
            rewrites_documents=rewrites_documents,
            summary=summary or kind,
            moves_keys=moves_keys,
            moves=dict(moves or {}),
        )

    @classmethod
    def rewrite(
        cls,
        kind: str,
        fields: Sequence[str],
        *,
        params: Mapping[str, Any] | None = None,
        lossy: bool = True,
        summary: str = "",
    ) -> Step:
        """Build a step that rewrites these fields of every document through ``fieldfare_transform``.

        The kernel does backup, journal, resume, verify and undo. ``params`` default to those of the custom change.
        """
        return cls.new(
            kind, Phase.REWRITE, params=params, fields=fields, lossy=lossy, rewrites_documents=True, summary=summary
        )

    @property
    def transforms(self) -> bool:
        """Whether the kernel carries this step out through ``fieldfare_transform``."""
        return self.phase is Phase.REWRITE and bool(self.fields)

    def owned_by(self, plugin: str, params: Mapping[str, Any] | None = None) -> Step:
        """Return the step with its owner, and with ``params`` where it has none of its own."""
        return evolve(self, owner=plugin, params=self.params or dict(params or {}))


@frozen(hash=False)
class Receipt:
    """The result of executing a step; stored in the journal, used by verify and undo.

    Attributes:
        step: the step's id.
        documents: how many documents were written.
        details: data of the owner; plain JSON values only.
    """

    step: str
    documents: int = 0
    details: Mapping[str, Any] = field(factory=dict)
