"""``fieldfare advise``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fieldfare.cli.options import DEFAULT_URL, Cluster, Index, Url
from fieldfare.cli.output import bullets, details, show, show_json
from fieldfare.cli.session import Session
from fieldfare.errors import UsageError

if TYPE_CHECKING:
    from fieldfare.definition import Field
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["advise"]


def advise(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    index: Index,
    field: Annotated[str | None, typer.Option(help="A vector field. Default: all of them.", metavar="NAME")] = None,
    min_recall: Annotated[float, typer.Option(help="Minimum recall@10.", metavar="SHARE", min=0, max=1)] = 0.95,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
) -> None:
    """Predict what other vector datatypes keep.

    Samples vectors and compares their nearest neighbours before and after; shows recall, error and memory.
    Reads the server, changes nothing.
    """
    session = Session.of(context)
    from fieldfare.planning.planner import build_live_index  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect, inspect  # noqa: PLC0415 - start-up time

    with connect(url, cluster=cluster) as server:
        snapshot, options = inspect.read_snapshot(server, index), {"min_recall": min_recall}
        live = build_live_index(server, snapshot, other_indexes=inspect.OtherIndexes(), options=options)
        found = {each.name: _advice(each, live) for each in _fields(live, field)}
    if not any(found.values()):
        names = f"{'Fields' if len(found) > 1 else 'Field'} {', '.join(map(repr, found))}"
        raise UsageError(f"{names}: no vector of finite numbers. Nothing was changed.")
    if session.json:
        show_json({"index": live.definition.name, "fields": found})
        return
    lines: list[str] = []
    for name, advice in found.items():
        lines += [*([""] if lines else []), f"Vector field {name!r}:"]
        if advice is None:
            lines.append("Advice: none: it has no vector of finite numbers")
            continue
        lines += [
            *details(advice["details"]),
            *bullets("Vectors that need attention:", advice["attention"]),
            f"Advice: {advice['advice']}",
        ]
    show("\n".join(lines))


def _fields(live: LiveIndex, name: str | None) -> list[Field]:
    definition = live.definition
    known = [each for each in definition.fields if each.is_vector]
    chosen = [each for each in known if name in (None, each.name)]
    if not chosen:
        missing = "has no vector field" if name is None else f"has no vector field {name!r}"
        names = ", ".join(each.name for each in known)
        raise UsageError(
            f"Index {definition.name!r} {missing}{f'; it has {names}' if names else ''}. Nothing was changed."
        )
    return chosen


def _advice(field: Field, live: LiveIndex) -> dict[str, Any] | None:
    from fieldfare_quantize import advice  # noqa: PLC0415 - start-up time
    from fieldfare_quantize.claim import warn_of_conversion  # noqa: PLC0415 - start-up time
    from fieldfare_quantize.conversion import ConversionParameters  # noqa: PLC0415 - start-up time
    from fieldfare_vectors.sample import read_sample  # noqa: PLC0415 - start-up time

    parameters = ConversionParameters.for_field(field)
    sample = read_sample(live, parameters.path, parameters.source, parameters.dims)
    if not len(sample.finite_vectors):
        return None
    parameters = parameters.calibrated(sample, {})
    found = advice.advise(parameters, sample, live)
    min_recall = found.table.min_recall
    if found.better is not None:
        sentence = f"{found.better} is the smallest that keeps at least {min_recall:g} of the ten nearest neighbours"
    elif any(each.recall10 is None for each in found.predictions.values()):
        sentence = "none: there are too few vectors to predict recall"
    else:
        sentence = f"keep {parameters.source}: no smaller datatype that this server can index keeps {min_recall:g}"
    return {
        "details": found.details,
        "attention": warn_of_conversion(parameters, sample, live.definition.storage),
        "advice": sentence,
        "better": found.better,
    }
