"""Findings on shadow fields: whether they hold what the transforms make of their originals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from attrs import define, field

from fieldfare.backup import REWRITE, Shard
from fieldfare.documents import Batch, KeyCounter
from fieldfare.engine.distribution.task import ShardOutcome, Work
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.conversion import read_shadowed
from fieldfare.engine.shadow_fields.new_names import former_values
from fieldfare.engine.shard_work import work_on_shards
from fieldfare.hooks.run_defaults import Verify
from fieldfare.report import Finding, Severity

__all__ = ["check_shadow_fields"]


def check_shadow_fields(run: ActiveRun, chosen: Callable[[Shard], Iterator[tuple[int, Batch]]]) -> Sequence[Finding]:
    """Compare documents with the backup: an original that nobody has written since must have its shadow field.

    What applications have written since is counted: it is converted before the switch, and by ``sync`` after it.

    Args:
        run: with a target.
        chosen: yields the numbers and batches of a shard to compare.
    """
    compared = _Comparison(run, {key for batch in former_values(run) for key in batch.keys})

    def compare(shard: Shard) -> None:
        for _, batch in chosen(shard):
            compared.compare(batch)

    def merge(shard: Shard, outcome: ShardOutcome) -> None:
        compared.documents += outcome.written
        for number in outcome.left:
            compared.compare(next(iter(shard.iter_batches(REWRITE, number))))

    if run.options.verify is not Verify.NONE:
        work_on_shards(run, Work.COMPARE_SHADOWS, compare, merge)
    return compared.findings()


@define
class _Comparison:
    """Documents that were compared.

    Attributes:
        run: the run.
        former: keys of documents that had a value under the new name of a field before the run.
        documents: how many were compared.
        wrong: those whose original nobody has written since, and that have another shadow field.
        changed: those whose original was written since.
    """

    run: ActiveRun
    former: Collection[bytes]
    documents: int = 0
    wrong: KeyCounter = field(factory=KeyCounter)
    changed: KeyCounter = field(factory=KeyCounter)

    def compare(self, batch: Batch) -> None:
        """Compare the documents of one batch of the backup."""
        run = self.run
        found, _ = read_shadowed(run, batch.keys)
        documents = len(found.originals)
        if outdated := found.outdated():  # a document may be written between two reads
            found, _ = read_shadowed(run, [found.keys[row] for row in outdated])
        row_of = {key: row for row, key in enumerate(batch.keys)}
        with run.guard:
            self.documents += documents
            for row in found.outdated():
                key, columns = found.keys[row], found.originals.columns
                there = [path for path, column in columns.items() if column[row] is not None]
                is_unchanged = all(columns[path][row] == batch[path][row_of[key]] for path in there)
                if there and key not in self.former:  # after finalize, a document has no original
                    (self.wrong if is_unchanged else self.changed).add([key])
        run.check()

    def findings(self) -> Sequence[Finding]:
        """Return what was found."""
        wrong, changed = self.wrong, self.changed
        data = {"documents": self.documents, "unconverted": wrong.count, "updated": changed.count}
        summary = f"{self.documents:,} of {self.run.document_count:,} documents compared with their originals"
        differing = f"{summary}; with another shadow field than their original becomes: {wrong}"
        detail = differing if wrong.count else summary
        updated = f"originals written since apply or 'fieldfare sync' last converted them: {changed}"
        return [
            Finding("document_contents", not wrong.count, Severity.WARNING, detail, data),
            Finding("documents_updated", not changed.count, Severity.WARNING, updated, {"unconverted": changed.count}),
        ]
