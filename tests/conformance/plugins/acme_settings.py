"""Replaces the settings of an application, which are no document; ``wrong`` says what is wrong with it, if anything."""

from fieldfare import hookimpl
from fieldfare.changes import Change, CustomChange
from fieldfare.hooks.run import Run
from fieldfare.plan import Claim, Phase, Receipt, Step

KIND = "acme.settings"
KEY = "app:settings"


@hookimpl
def fieldfare_classify(change: Change) -> Claim | None:
    """Claim the changes that ask for this step."""
    return Claim.supported() if isinstance(change, CustomChange) and change.kind == KIND else None


@hookimpl
def fieldfare_plan_steps(change: CustomChange) -> list[Step]:
    """Plan one step; it changes no document."""
    return [Step.new(KIND, Phase.REWRITE, params=change.params)]


def _settings(run: Run) -> bytes:
    value = run.redis.get(KEY)
    assert isinstance(value, bytes)
    return value


@hookimpl
def fieldfare_backup(step: Step, run: Run) -> None:
    """Save the settings, unless the step does so itself."""
    if step.params["save"] == "backup":
        run.save_bytes(step, KEY, _settings(run))


@hookimpl
def fieldfare_execute_step(step: Step, run: Run) -> Receipt:
    """Write the new settings; save the old ones first or, if that is what is wrong, afterwards."""
    original = _settings(run)
    if step.params["save"] == "before":
        run.save_bytes(step, KEY, original)
    run.redis.set(KEY, step.params["settings"])
    if step.params["save"] == "after":
        run.save_bytes(step, KEY, original)
    return Receipt(step.id)


@hookimpl
def fieldfare_verify_step(step: Step, run: Run) -> bool:
    """Compare the settings."""
    return bool(_settings(run) == step.params["settings"].encode())


@hookimpl
def fieldfare_undo_step(step: Step, run: Run) -> None:
    """Write the old settings."""
    original = run.saved_bytes(step, KEY)
    if original is not None:
        run.redis.set(KEY, original)
