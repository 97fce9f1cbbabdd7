"""Puts a word behind a field's values, by a step of its own; ``wrong`` says what is wrong with it, if anything."""

from fieldfare import hookimpl
from fieldfare.changes import Change, CustomChange
from fieldfare.hooks.run import Run
from fieldfare.plan import Claim, Phase, Receipt, Step

KIND = "acme.shout"
BANG = b"!"


@hookimpl
def fieldfare_classify(change: Change) -> Claim | None:
    """Claim the changes that ask for this step."""
    if isinstance(change, CustomChange) and change.kind == KIND:
        return Claim.supported(rewrites_documents=True)
    return None


@hookimpl
def fieldfare_plan_steps(change: CustomChange) -> list[Step]:
    """One step, without fields: so it is no rewrite step."""
    return [Step.new(KIND, Phase.REWRITE, params=change.params, rewrites_documents=True)]


@hookimpl
def fieldfare_backup(step: Step, run: Run) -> None:
    """Keep the originals."""
    for batch in run.documents([step.params["field"]]):
        run.save(step, batch)


@hookimpl
def fieldfare_execute_step(step: Step, run: Run) -> Receipt:
    """Write what follows from the originals; or, if that is what is wrong, from what is there."""
    field, written = step.params["field"], 0
    originals = run.originals(step)
    for keys in run.keys(step):
        if step.params.get("wrong") == "twice":
            values = [run.redis.hget(key, field) for key in keys]
        else:
            batch = next(each for each in originals if each.keys == keys)
            values = list(batch[field])
        for key, value in zip(keys, values, strict=True):
            if isinstance(value, bytes):
                run.redis.hset(key, field, value + BANG)
                written += 1
        run.done(keys)
    return Receipt(step.id, documents=written)


@hookimpl
def fieldfare_verify_step(step: Step, receipt: Receipt | None) -> bool:
    """Whether it came to an end."""
    del step
    return receipt is not None


@hookimpl
def fieldfare_undo_step(step: Step, run: Run) -> None:
    """Put the originals back, if that is not what is wrong."""
    field = step.params["field"]
    for batch in run.originals(step):
        if step.params.get("wrong") != "kept":
            pairs = zip(batch.keys, batch[field], strict=True)
            run.server.bulk([("HSET", key, field, value) for key, value in pairs if value is not None])
        run.advance(len(batch))
