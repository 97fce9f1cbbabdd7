"""How the name of a real index moves on this server: tried on two trial indexes."""

from __future__ import annotations

from redis.exceptions import ResponseError

from fieldfare.definition import Field, FieldType, IndexDefinition, Storage
from fieldfare.engine.rehearsal import drop_left_over, trial_names
from fieldfare.errors import UnsupportedServer
from fieldfare.server import Server, index_commands
from fieldfare.server.index_names import NameMove, find_name_move, real_name
from fieldfare.server.refusal import CommandNotAllowed

__all__ = ["choose_name_move"]


def choose_name_move(server: Server, source: IndexDefinition) -> NameMove:
    """Try on two trial indexes how the name of an index can become an alias of another one.

    Args:
        server: where it is.
        source: the index whose name moves; it is not touched.

    Raises:
        UnsupportedServer: the server allows no way.
        CommandNotAllowed: the user may not do it in any way.
    """
    names = trial_names(server, source)
    for name in names:
        drop_left_over(server, name)  # the first may be an alias of the second: then that is dropped
    try:
        for name in names:
            index_commands.create(server, _trial(name), scan=False)
        return find_name_move(server, *names)
    except CommandNotAllowed:
        raise
    except ResponseError as error:
        raise UnsupportedServer(
            f"Moving the name {source.name!r} to another index",
            has=f"refused it on trial ({error})",
            needs="a server that drops an index and gives its name to another one",
        ) from error
    finally:
        for name in reversed(names):
            if real_name(server, name) is not None:
                drop_left_over(server, name)


def _trial(name: str) -> IndexDefinition:
    field = Field("field", FieldType.TAG, "field")
    return IndexDefinition(name, Storage.HASH, (f"{name}:",), (field,))
