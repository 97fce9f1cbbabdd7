"""``fieldfare info``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fieldfare.cli.command_line import command_line
from fieldfare.cli.layout import command_text
from fieldfare.cli.layout import facts as aligned
from fieldfare.cli.options import DEFAULT_URL, Cluster, Index, Url
from fieldfare.cli.output import bullets, show, show_json, table
from fieldfare.cli.session import Session
from fieldfare.definition import IndexDefinition, Snapshot

__all__ = ["info"]


def info(
    context: typer.Context,
    *,
    index: Index,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
    alias: Annotated[
        list[str] | None, typer.Option(help="Also look up this alias. Repeatable.", metavar="NAME")
    ] = None,
) -> None:
    """Show one index: definition, figures, synonyms, aliases."""
    session = Session.of(context)
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time
    from fieldfare.server.inspect import read_snapshot  # noqa: PLC0415 - start-up time

    with connect(url, cluster=cluster) as server:
        snapshot = read_snapshot(server, index, aliases=tuple(alias or ()))
    if session.json:
        show_json(_document(snapshot))
    else:
        show(_text(snapshot))


def _document(snapshot: Snapshot) -> dict[str, Any]:
    from attrs import asdict  # noqa: PLC0415 - start-up time

    from fieldfare.definition.schema import to_schema  # noqa: PLC0415 - start-up time

    return {
        "index": snapshot.definition.name,
        "definition": to_schema(snapshot.definition),
        "stats": asdict(snapshot.stats),
        "synonyms": {group: list(terms) for group, terms in snapshot.synonyms.items()},
        "aliases": list(snapshot.aliases),
        "key_sample": list(snapshot.key_sample),
        "unreadable": list(snapshot.unreadable),
        "unknown": list(snapshot.unknown),
        "ambiguous": list(snapshot.ambiguous),
    }


def _text(snapshot: Snapshot) -> str:
    definition, stats = snapshot.definition, snapshot.stats
    facts = [
        ("Index", definition.name),
        ("Documents", f"{stats.num_docs:,}"),
        ("Indexing failures", f"{stats.hash_indexing_failures:,}"),
        ("Indexed", f"{stats.percent_indexed:.0%}"),
        ("Index memory", f"{stats.total_index_memory_size_mb:,.2f} MB"),
        ("Vector memory", f"{stats.vector_index_size_mb:,.2f} MB"),
        *_options(definition),
        ("Aliases", ", ".join(snapshot.aliases) or _no_aliases(snapshot)),
        *(("Example key", key) for key in snapshot.key_sample[:1]),
    ]
    fields = table(
        ["Field", "Type", "Path", "Attributes"],
        [
            [each.name, each.type.value, each.path, ", ".join(f"{key}={value}" for key, value in each.attrs.items())]
            for each in definition.fields
        ],
    )
    synonyms = [f"{group}: {', '.join(terms)}" for group, terms in snapshot.synonyms.items()]
    return "\n".join(
        [
            *aligned(facts),
            "",
            fields,
            *bullets("\nSynonyms:", synonyms),
            *bullets("\nNot reported by FT.INFO of this server:", snapshot.unreadable),
            *bullets("\nUnknown, so this index cannot be planned:", snapshot.unknown),
            *bullets(
                "\nA line break, or a backslash and a letter, so this index cannot be planned:", snapshot.ambiguous
            ),
            "",
            command_text("Next:", command_line("wizard", index=definition.name)),
        ]
    )


def _options(definition: IndexDefinition) -> list[tuple[str, str]]:
    """Return the options of the whole index: the two that matter most, then those that are not the default."""
    stopwords, seconds = definition.stopwords, definition.temporary
    optional = [
        ("Filter", definition.filter),
        ("Language", definition.language),
        ("Language field", definition.language_field),
        ("Score", str(definition.score) if definition.score != 1.0 else None),
        ("Score field", definition.score_field),
        ("Payload field", definition.payload_field),
        ("Stopwords", None if stopwords is None else ", ".join(stopwords) or "none"),
        ("Options", ", ".join(definition.options) or None),
        ("Temporary", None if seconds is None else f"{seconds} s" if seconds else "yes"),
        ("Index all", "yes" if definition.index_all else None),
    ]
    return [
        ("Storage", definition.storage.value),
        ("Prefixes", ", ".join(repr(prefix) for prefix in definition.prefixes)),
        *((name, value) for name, value in optional if value is not None),
    ]


def _no_aliases(snapshot: Snapshot) -> str:
    return "none" if snapshot.aliases_listed else "none known (this server does not list them; name them with --alias)"
