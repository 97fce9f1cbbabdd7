"""``fieldfare encode-query``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fieldfare.cli.options import DEFAULT_PLAN, DEFAULT_URL, Cluster, Url
from fieldfare.cli.output import show, show_json
from fieldfare.cli.session import Session
from fieldfare.errors import UsageError

__all__ = ["encode_query"]


def encode_query(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    field: Annotated[
        str, typer.Option(help="The vector field; its name before or after the migration.", metavar="NAME")
    ],
    plan: Annotated[
        Path | None,
        typer.Option(help=f"The migration's plan.  [default: {DEFAULT_PLAN}]", metavar="FILE", dir_okay=False),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="The migration's report, instead of its plan.", metavar="FILE", dir_okay=False)
    ] = None,
    index: Annotated[
        str | None, typer.Option(help="The live index, instead of a plan; reads it from Redis.", metavar="NAME")
    ] = None,
    vector: Annotated[
        Path | None,
        typer.Option(help="File with a JSON list of numbers; without it, stdin.", metavar="FILE", dir_okay=False),
    ] = None,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
) -> None:
    """Encode a query as a migrated index needs it.

    Reads a JSON list of numbers and shows the bytes as redis-cli takes them, in quotes.
    """
    session = Session.of(context)
    if sum(each is not None for each in (plan, report, index)) > 1:
        raise UsageError("Give one of --plan, --report and --index.")
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time
    from fieldfare_quantize.query_encoder import encode_query as encode  # noqa: PLC0415 - start-up time

    numbers = _numbers(vector)
    if index is not None:
        with connect(url, cluster=cluster) as server:
            encoded = encode(numbers, server.client, field, index=index)
    else:
        encoded = encode(numbers, report or plan or DEFAULT_PLAN, field)
    if session.json:
        show_json({"field": field, "bytes": len(encoded), "hex": encoded.hex()})
    else:
        show('"' + "".join(f"\\x{byte:02x}" for byte in encoded) + '"')


def _numbers(path: Path | None) -> list[float]:
    name = "stdin" if path is None else str(path)
    try:
        value: Any = json.loads(sys.stdin.read() if path is None else path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{name}: no JSON list of numbers can be read from it: {error}") from error
    if not isinstance(value, list) or not all(type(each) in {int, float} for each in value):
        raise UsageError(f"{name}: a JSON list of numbers is needed.")
    try:
        return list(map(float, value))
    except OverflowError as error:
        raise UsageError(f"{name}: a number is larger than any float.") from error
