"""Adds a finding: sampled documents that still hold a plain e-mail address."""

import re

from fieldfare import hookimpl
from fieldfare.hooks.run import Run
from fieldfare.plan import MigrationPlan
from fieldfare.report import Finding, Severity

PLAIN = re.compile(rb"[a-z0-9]{2,}@[a-z]+[.][a-z]{2,}")


@hookimpl
def fieldfare_validate(plan: MigrationPlan, run: Run) -> list[Finding]:
    """Look at every field of the sampled documents."""
    keys = [key.encode("utf-8", "surrogateescape") for key in plan.source.key_sample]
    documents = run.server.bulk([(b"HGETALL", key) for key in keys])
    plain = [
        key
        for key, document in zip(plan.source.key_sample, documents, strict=True)
        if PLAIN.search(repr(document).encode())
    ]
    detail = f"plain addresses in {', '.join(plain)}" if plain else f"none in {len(keys)} documents"
    return [Finding("acme.plain_text", not plain, Severity.WARNING, detail)]
