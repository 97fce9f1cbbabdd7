"""Findings on shadow fields: whether they hold what the transforms make of their originals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fieldfare.documents import Batch, KeyCounter
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.conversion import read_shadowed
from fieldfare.engine.shadow_fields.new_names import former_values
from fieldfare.report import Finding, Severity

__all__ = ["check_shadow_fields"]


def check_shadow_fields(run: ActiveRun, dumped: Iterable[Batch]) -> Sequence[Finding]:
    """Compare documents with the backup: an original that nobody has written since must have its shadow field.

    What applications have written since is counted: it is converted before the switch, and by ``sync`` after it.

    Args:
        run: with a target.
        dumped: batches of the backup to compare.
    """
    documents, wrong, changed = 0, KeyCounter(), KeyCounter()
    former = {key for batch in former_values(run) for key in batch.keys}
    for batch in dumped:
        again: Sequence[bytes] = batch.keys
        for is_last in (False, True):  # a document may be written between two reads
            found, _ = read_shadowed(run, again)
            documents += 0 if is_last else len(found.originals)
            again = [found.keys[row] for row in found.outdated()]
        row_of = {key: row for row, key in enumerate(batch.keys)}
        for row in found.outdated():
            key, columns = found.keys[row], found.originals.columns
            there = [path for path, column in columns.items() if column[row] is not None]
            is_unchanged = all(columns[path][row] == batch[path][row_of[key]] for path in there)
            if there and key not in former:  # after finalize, a document has no original
                (wrong if is_unchanged else changed).add([key])
        run.check()
    data = {"documents": documents, "unconverted": wrong.count, "updated": changed.count}
    summary = f"{documents:,} of {run.document_count:,} documents compared with their originals"
    detail = f"{summary}; with another shadow field than their original becomes: {wrong}" if wrong.count else summary
    updated = f"originals written since apply or 'fieldfare sync' last converted them: {changed}"
    return [
        Finding("document_contents", not wrong.count, Severity.WARNING, detail, data),
        Finding("documents_updated", not changed.count, Severity.WARNING, updated, {"unconverted": changed.count}),
    ]
