"""The step that copies documents to their new keys, and what is refused before it."""

from __future__ import annotations

from attrs import evolve

from fieldfare.documents import KeyCounter
from fieldfare.engine.copied_keys import pairs_of
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_keys.synchronization import KeySynchronization, read_pairs
from fieldfare.errors import UnconvertibleDocuments
from fieldfare.plan import Receipt, Step
from fieldfare.server.keys import iterate_scan

__all__ = ["copy_documents", "has_copies", "require_free_keys"]


def require_free_keys(run: ActiveRun) -> None:
    """Refuse a copy if keys with new names are there already: from now on, an application has written such a key.

    Raises:
        UnconvertibleDocuments: there are some, with examples.
    """
    taken = KeyCounter()
    definition = evolve(run.target, name=run.source.name, filter=None)
    for keys in iterate_scan(run.server, definition, run.options.batch_size):
        names = set(keys)
        taken.add(new for _, new in pairs_of(run.plugins, run.plan, keys) if new in names)
        run.check()
    if taken.count:
        raise UnconvertibleDocuments([f"the new key exists already: {taken}"])


def copy_documents(run: ActiveRun, step: Step, *, is_switched: bool) -> Receipt:
    """Copy the captured documents, from where the journal says that the step stopped; after the switch, compare all."""
    if is_switched:  # after a restart of the server, which may have lost copies
        synchronization = KeySynchronization(run, is_switched=True, may_lack_copies=True)
        synchronization.compare_every()
        synchronization.note_contended()
        return Receipt(step.id, documents=run.document_count)
    copied = 0
    for keys in run.keys(step):
        synchronization = KeySynchronization(run, is_switched=False, steps=[step])
        synchronization.follow(keys)
        synchronization.note_contended()
        copied += synchronization.converted.count
        run.done(keys)
    return Receipt(step.id, documents=copied)


def has_copies(run: ActiveRun, step: Step, *, is_switched: bool) -> bool:
    """Whether the first batch of captured documents has its copies; what was written since is copied.

    A document that applications update faster than it can be copied has a copy, too, if only an older one.
    """
    if is_switched:
        return True
    keys = next(run.captured_keys(), ())
    contended = KeySynchronization(run, is_switched=False, steps=[step]).follow(keys)
    pairs = read_pairs(run, pairs_of(run.plugins, run.plan, contended, steps=[step])) if contended else ()
    return all(pair.has_new for pair in pairs if pair.has_old)
