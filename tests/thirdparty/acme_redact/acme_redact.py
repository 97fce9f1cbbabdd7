"""Masks e-mail addresses: ``ada@example.org`` becomes ``a***@example.org``."""

from fieldfare import hookimpl
from fieldfare.changes import Change, CustomChange
from fieldfare.documents import Batch
from fieldfare.plan import Claim, Step

KIND = "acme.redact_email"


def mask(value: bytes | None) -> bytes | None:
    """Keep the first letter and the domain."""
    if value is None or b"@" not in value:
        return value
    name, domain = value.split(b"@", 1)
    return name[:1] + b"***@" + domain


@hookimpl
def fieldfare_classify(change: Change) -> Claim | None:
    """Claim the changes that ask for this step."""
    if isinstance(change, CustomChange) and change.kind == KIND:
        return Claim.supported(rewrites_documents=True, lossy=True)
    return None


@hookimpl
def fieldfare_plan_steps(change: CustomChange) -> list[Step]:
    """Rewrite one field of every document."""
    return [Step.rewrite(kind=KIND, fields=[change.params["field"]])]


@hookimpl
def fieldfare_transform(step: Step, batch: Batch) -> Batch:
    """Mask a batch."""
    field = step.params["field"]
    return batch.replace(field, [mask(value) for value in batch[field]])
