"""Documents that somebody wrote to after their originals were saved: the newer values are saved and converted, too."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from attrs import frozen

from fieldfare.documents import Batch
from fieldfare.engine.generations import Kind, generations, origins_of
from fieldfare.engine.kept import Kept
from fieldfare.engine.rewrite_pass import RewritePass, transform
from fieldfare.engine.run import Run
from fieldfare.server.documents import read_documents
from fieldfare.server.writing import write_documents

__all__ = ["ATTEMPTS", "Latecomers", "convert_late"]

ATTEMPTS: Final = 5
"""How often a document is read again that somebody writes to between our look and our write."""


@frozen(hash=False)
class Latecomers:
    """What could not be converted.

    Attributes:
        vanished: keys that are gone.
        wrong_type: keys that hold something else.
        restless: keys that somebody writes to all the time.
        left: keys whose new value the transforms leave as it is: it has the new form already, or none that they know.
    """

    vanished: Sequence[bytes] = ()
    wrong_type: Sequence[bytes] = ()
    restless: Sequence[bytes] = ()
    left: Sequence[bytes] = ()


def convert_late(run: Run, work: RewritePass, late: Kept, dumped: Batch, keys: Sequence[bytes]) -> Latecomers:
    """Convert documents that have values which are not the new ones.

    Those that are not the originals either go to the backup first, as further originals. A value that is there
    already, because a run was killed between saving and writing it, is not saved again. A value that the transforms
    leave as it is is left alone.

    Args:
        run: the run.
        work: what is rewritten.
        late: what was saved of the kind so far.
        dumped: the batch of the backup to which the documents belong.
        keys: theirs.
    """
    storage, paths = run.source.storage, list(work.paths)
    convert = partial(transform, run, work)
    vanished: list[bytes] = []
    wrong_type: list[bytes] = []
    left: set[bytes] = set()
    for _ in range(ATTEMPTS):
        found, problems = read_documents(run.server, storage, keys, paths)
        origins = origins_of(storage, found, generations(run, late, dumped, convert))
        originals = origins.with_foreign()
        converted = convert(originals)
        stale = origins.stale(storage, converted)
        foreign = origins.rows(Kind.FOREIGN)
        left = left.union(found.keys[row] for row in foreign).difference(found.keys[row] for row in stale)
        if stale:
            with run.guard:
                late.append(originals.select(stale, paths))
        rows = sorted({*stale, *origins.rows(Kind.ORIGINAL)})
        result = write_documents(
            run.server, storage, converted.select(rows, paths), paths, before=found.select(rows, paths)
        )
        vanished += [*problems.get("vanished", ()), *result.vanished]
        wrong_type += [*problems.get("wrong type", ()), *result.wrong_type]
        keys = result.changed
        if not keys:
            break
    return Latecomers(vanished, wrong_type, keys, sorted(left.difference(vanished, wrong_type, keys)))
