"""Writes a field in capitals, by a step of its own: nothing of it is done by the kernel."""

from fieldfare import hookimpl
from fieldfare.changes import Change, CustomChange
from fieldfare.documents import Note
from fieldfare.hooks.run import Run
from fieldfare.plan import Claim, Phase, Receipt, Step

KIND = "acme.upper"


@hookimpl
def fieldfare_classify(change: Change) -> Claim | None:
    """Claim the changes that ask for this step."""
    if isinstance(change, CustomChange) and change.kind == KIND:
        return Claim.supported(rewrites_documents=True, lossy=True)
    return None


@hookimpl
def fieldfare_plan_steps(change: CustomChange) -> list[Step]:
    """One step, without fields: so it is no rewrite step."""
    return [Step.new(KIND, Phase.REWRITE, params=change.params, rewrites_documents=True, lossy=True)]


@hookimpl
def fieldfare_backup(step: Step, run: Run) -> None:
    """Keep the originals."""
    for batch in run.documents([step.params["field"]]):
        run.save(step, batch)


@hookimpl
def fieldfare_execute_step(step: Step, run: Run) -> Receipt:
    """Write capitals, and note who has none."""
    field, written = step.params["field"], 0
    for keys in run.keys(step):
        values = run.server.bulk([(b"HGET", key, field) for key in keys])
        some = [(key, value) for key, value in zip(keys, values, strict=True) if value is not None]
        run.server.bulk([(b"HSET", key, field, value.upper()) for key, value in some])
        written += len(some)
        without = [key for key, value in zip(keys, values, strict=True) if value is None]
        if without:
            run.note([Note("without", field, len(without), tuple(without))])
        run.done(keys)
    return Receipt(step.id, documents=written)


@hookimpl
def fieldfare_verify_step(step: Step, run: Run) -> bool:
    """Whether every value is in capitals."""
    values = (
        value
        for keys in run.keys(step)
        for value in run.server.bulk([(b"HGET", key, step.params["field"]) for key in keys])
    )
    return all(value is None or value == value.upper() for value in values)


@hookimpl
def fieldfare_undo_step(step: Step, run: Run) -> None:
    """Put the originals back, and look at every key once more."""
    field = step.params["field"]
    for batch in run.originals(step):
        pairs = zip(batch.keys, batch[field], strict=True)
        run.server.bulk([(b"HSET", key, field, value) for key, value in pairs if value is not None])
        run.advance(len(batch))
    for keys in run.keys(step):
        run.server.bulk([(b"HSET", key, "undone", b"1") for key in keys])
        run.done(keys)
