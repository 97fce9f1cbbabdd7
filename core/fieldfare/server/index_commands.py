"""Commands that create, drop and name indexes, and whether every primary of a cluster has carried them out.

The coordinator of a cluster (search 8) sends such a command to all primaries. While one of them is down it answers OK
all the same, and that one has the old state when it is back. So each primary is asked what it holds, and the command
is sent again to one that differs. Elsewhere one command is enough: an index lives on one node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from redis.exceptions import ResponseError, TryAgainError

from fieldfare.definition.create import alter_arguments, create_arguments
from fieldfare.definition.info import parse_info
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.definition.reply import encode, mapping, text
from fieldfare.server.inspect import has_index, index_exists, read_definition
from fieldfare.server.pipeline import address_of
from fieldfare.server.refusal import CommandNotAllowed
from fieldfare.server.routing import is_unknown_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from redis import Redis

    from fieldfare.definition import Field, IndexDefinition, Snapshot
    from fieldfare.server.connection import Server
    from fieldfare.server.pipeline import Command

__all__ = [
    "add_fields",
    "add_synonyms",
    "carry_out",
    "create",
    "drop",
    "find_differences",
    "point_alias",
    "read_definitions",
    "synonym_commands",
    "target_of",
]


DONE_BEFORE: Final = ("already exists", "duplicate field")
"""What a server says of a command that it has carried out before."""


def create(server: Server, definition: IndexDefinition, *, scan: bool = True) -> None:
    """Create an index, on every primary that lacks it.

    Args:
        server: where.
        definition: the definition of the index.
        scan: whether the server scans all its keys for documents; an index on trial that has none does without.

    Raises:
        redis.exceptions.ResponseError: the server refuses it.
    """
    name = definition.name
    carry_out(
        server,
        [create_arguments(definition, scan=scan)],
        lambda: [node for node in server.nodes() if not has_index(server, node, name)],
    )


def drop(server: Server, name: str) -> None:
    """Drop the definition of an index, on every primary that holds it; documents stay unless it is TEMPORARY.

    Raises:
        redis.exceptions.ResponseError: the server refuses it.
    """
    # never with DD: that would delete the documents
    carry_out(
        server,
        [("FT.DROPINDEX", encode(name))],
        lambda: [node for node in server.nodes() if has_index(server, node, name)],
    )


def add_fields(server: Server, definition: IndexDefinition, fields: Sequence[Field]) -> None:
    """Add to an index those of the fields that it lacks, one by one, and have its documents scanned again.

    Each field has a command of its own, for FT.ALTER would read the name of one as an option of the one before it.
    The last command starts the scan; it finds the values of all of them.

    Args:
        server: where the index is.
        definition: the definition of the index; its name and its storage matter.
        fields: in the order in which they are added.

    Raises:
        redis.exceptions.ResponseError: the server refuses one.
    """
    name, storage = definition.name, definition.storage
    held = [found for _, found in read_definitions(server, name)]
    missing = [each for each in fields if any(found.find(each.name) is None for found in held)]
    for field in missing:
        command = alter_arguments(name, field, storage, scan=field is missing[-1])

        def lacking(field: Field = field) -> list[Redis]:
            return [node for node in server.nodes() if not _has_field(server, node, name, field.name)]

        carry_out(server, [command], lacking)


def point_alias(server: Server, alias: str, name: str) -> None:
    """Make an alias lead to an index.

    Raises:
        redis.exceptions.ResponseError: the server refuses it.
    """
    carry_out(
        server,
        [("FT.ALIASUPDATE", encode(alias), encode(name))],
        lambda: [node for node in server.nodes() if target_of(server, node, alias) != name],
    )


def add_synonyms(server: Server, name: str, synonyms: Mapping[str, Sequence[str]]) -> None:
    """Add synonym groups to an index that lacks some of them, and have its documents scanned again.

    Raises:
        redis.exceptions.ResponseError: the server refuses it.
    """
    wanted = _pairs(synonyms)
    commands = synonym_commands(name, synonyms)

    found = _synonyms(server, None, name) if commands else wanted
    if found is None:  # this user may not read them: they are added once more
        for command in commands:
            server.command(*command)
    elif server.capabilities.coordinator or wanted - found:
        carry_out(
            server,
            commands,
            lambda: [node for node in server.nodes() if wanted - (_synonyms(server, node, name) or set())],
        )


def synonym_commands(name: str, synonyms: Mapping[str, Sequence[str]]) -> list[Command]:
    """Return the commands that add all synonym groups to an index.

    Documents are indexed under their synonyms, so they must be scanned again once all groups are there; that scan takes
    the place of the one that FT.CREATE has begun.
    """
    scans: list[tuple[str, ...]] = [("SKIPINITIALSCAN",)] * (len(synonyms) - 1) + [()]
    return [
        ("FT.SYNUPDATE", encode(name), encode(group), *scan, *map(encode, terms))
        for scan, (group, terms) in zip(scans, synonyms.items(), strict=False)
    ]


def read_definitions(server: Server, name: str) -> list[tuple[str, IndexDefinition]]:
    """Return the definition of an index on each primary that holds it, with the place as text.

    A coordinator may answer with the definition of another primary. Without one the place is "".
    """
    if not server.capabilities.coordinator:
        return [("", read_definition(server, name))] if index_exists(server, name) else []
    return [
        (f" on {address_of(node)}", parse_info(server.command_at(node, "FT.INFO", encode(name))).definition)
        for node in server.nodes()
        if has_index(server, node, name)
    ]


def find_differences(server: Server, expected: Snapshot, *, former: Sequence[str] = ()) -> tuple[str, ...]:
    """Return one line for each thing that a primary holds otherwise; none without a coordinator.

    Args:
        server: the server of the index.
        expected: the definition, synonyms and aliases that every primary should hold.
        former: names under which no primary should still hold an index, unless all of them do.
    """
    nodes = server.nodes() if server.capabilities.coordinator else ()
    former = [name for name in former if not all(has_index(server, node, name) for node in nodes)]
    return tuple(
        f"the primary {address_of(node)} {line}"
        for node in nodes
        for line in _differences(server, node, expected, former)
    )


def _differences(server: Server, node: Redis, expected: Snapshot, former: Sequence[str]) -> Iterator[str]:
    name = expected.definition.name
    yield from (f"still has the index {each!r}" for each in former if has_index(server, node, each))
    if not has_index(server, node, name):
        yield f"has no index {name!r}"
        return
    try:
        found = parse_info(server.command_at(node, "FT.INFO", encode(name))).definition
    except ResponseError as error:
        if "inconsistent index state" not in str(error).lower():
            raise
        yield f"answers for the index {name!r}: {error}"
        return
    yield from (f"has another index {name!r}: {line}" for line in find_mismatches(expected.definition, found))
    if _synonyms(server, node, name) not in (None, _pairs(expected.synonyms)):
        yield f"has other synonym groups of the index {name!r}"
    yield from (
        f"has no alias {alias!r} of the index {name!r}"
        for alias in expected.aliases
        if target_of(server, node, alias) != name
    )


def carry_out(server: Server, commands: Sequence[Command], differing: Callable[[], list[Redis]]) -> None:
    """Send commands once; with a coordinator, until no primary differs.

    Raises:
        redis.exceptions.TryAgainError: a primary still differs.
        redis.exceptions.ResponseError: the server refuses a command.
    """
    if not server.capabilities.coordinator:
        for command in commands:
            server.command(*command)
        return
    refusal: object = "it does not carry it out"
    for _ in server.nodes():
        nodes = differing()
        if not nodes:
            return
        for command in commands:
            try:
                server.command_at(nodes[0], *command)
            except ResponseError as error:
                # one primary lacks what another one has
                if not (is_unknown_index(error) or any(words in str(error).lower() for words in DONE_BEFORE)):
                    raise
                refusal = error
    for node in differing():
        raise TryAgainError(f"{text(commands[0][0])} on the primary {address_of(node)}: {refusal}")


def _has_field(server: Server, node: Redis, name: str, field: str) -> bool:
    return parse_info(server.command_at(node, "FT.INFO", encode(name))).definition.find(field) is not None


def target_of(server: Server, node: Redis, alias: str) -> str | None:
    """Return the index that an alias leads to on a primary."""
    try:
        return parse_info(server.command_at(node, "FT.INFO", encode(alias))).definition.name
    except ResponseError as error:
        if is_unknown_index(error):
            return None
        raise


def _synonyms(server: Server, node: Redis | None, name: str) -> set[tuple[str, str]] | None:
    """Return group and term of each synonym, as one primary has them: with a coordinator, too, it answers by itself.

    None if the user may not read them.
    """
    command = ("FT.SYNDUMP", encode(name))
    try:
        reply = server.command(*command) if node is None else server.command_at(node, *command)
    except CommandNotAllowed:
        return None
    return {(text(group), term) for term, groups in mapping(reply).items() for group in groups}


def _pairs(synonyms: Mapping[str, Sequence[str]]) -> set[tuple[str, str]]:
    return {(group, term) for group, terms in synonyms.items() for term in terms}
