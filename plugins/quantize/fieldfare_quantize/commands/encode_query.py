"""``fieldfare encode-query``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fieldfare.cli.options import DEFAULT_PLAN, Plan
from fieldfare.cli.output import show, show_json
from fieldfare.cli.session import Session
from fieldfare.errors import UsageError

__all__ = ["encode_query"]


def encode_query(
    context: typer.Context,
    *,
    field: Annotated[str, typer.Option(help="The vector field, by its name before or after.", metavar="NAME")],
    plan: Plan = DEFAULT_PLAN,
    vector: Annotated[
        Path | None,
        typer.Option(help="File with a JSON list of numbers; without it, stdin.", metavar="FILE", dir_okay=False),
    ] = None,
) -> None:
    """Encode a query as a migrated index needs it.

    Reads a JSON list of numbers and shows the bytes as redis-cli takes them, in quotes.
    """
    session = Session.of(context)
    from fieldfare_quantize.query import encode_query as encode  # noqa: PLC0415 - start-up time

    encoded = encode(_numbers(vector), plan, field)
    if session.json:
        show_json({"field": field, "bytes": len(encoded), "hex": encoded.hex()})
    else:
        show('"' + "".join(f"\\x{byte:02x}" for byte in encoded) + '"')


def _numbers(path: Path | None) -> list[float]:
    name = "stdin" if path is None else str(path)
    try:
        value: Any = json.loads(sys.stdin.read() if path is None else path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{name}: no JSON list of numbers can be read from it: {error}") from error
    if not isinstance(value, list) or not all(type(each) in {int, float} for each in value):
        raise UsageError(f"{name}: a JSON list of numbers is needed.")
    return value
