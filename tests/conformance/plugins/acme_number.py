"""Numbers documents as they come: no two batches are alike, so this transform is not pure."""

from itertools import count

from fieldfare import hookimpl
from fieldfare.changes import Change, CustomChange
from fieldfare.documents import Batch
from fieldfare.plan import Claim, Step

KIND = "acme.number"
NUMBERS = count()


@hookimpl
def fieldfare_classify(change: Change) -> Claim | None:
    """Claim the changes that ask for this step."""
    if isinstance(change, CustomChange) and change.kind == KIND:
        return Claim.supported(rewrites_documents=True)
    return None


@hookimpl
def fieldfare_plan_steps() -> list[Step]:
    """Rewrite one field of every document."""
    return [Step.rewrite(kind=KIND, fields=["name"])]


@hookimpl
def fieldfare_transform(batch: Batch) -> Batch:
    """Write the next numbers."""
    return batch.replace("name", [value and b"%d" % next(NUMBERS) for value in batch["name"]])
