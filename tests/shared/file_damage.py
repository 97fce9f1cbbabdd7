"""Damages files on purpose, as a disk, a careless editor or an attacker might.

A case depends on its seed and its number alone, so that a failure can be repeated.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

__all__ = ["HOSTILE_NAMES", "mutate_bytes", "mutate_lines", "mutate_structure"]

HOSTILE_NAMES: Final = (
    *("", ".", "..", "../../etc/passwd", "/etc/passwd", "a/b", "a\\b", "~root", "$HOME", "-rf", "a\nb", "a\0b", "\r"),
    *("\x1b]0;x\x07", "\u202egnp.exe", "\ufeff", "\udcff", "\udc80\udcff", "A" * 10_000, "\u212a", "con", " "),
    *("'; FLUSHALL; '", "%s%n", "{0.__class__}", "!!python/object:os.system", "fieldfare:lock:x", "*"),
)
"""Names that are paths, that have a meaning for a shell or a parser, or that are no valid names."""

NUMBERS: Final = (-1, 0, 1, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**30, 0.5, 1e308, float("inf"), float("nan"))
TOKENS: Final = (
    *(
        b"\0",
        b"\xff" * 4,
        b"\x7f\xff\xff\xff",
        b"\n",
        b"\r\n",
        b"---\n",
        b"...\n",
        b": ",
        b"- ",
        b"&a ",
        b"*a",
        b"<<: ",
    ),
    *(
        b"!!python/object/apply:os.system [id]",
        b"!!binary ",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"'",
        b"#",
        b"\t",
        b"%YAML 1.1",
    ),
    *(
        b"999999999999999999999999",
        b"-1",
        b"null",
        b"true",
        b".nan",
        b"0x" + b"f" * 40,
        b"../",
        b"\xef\xbb\xbf",
        b"\xc0",
    ),
)
MARK: Final = "changed on purpose"


def mutate_bytes(content: bytes, random: Random) -> bytes:
    """Return a file with some of its bytes changed, cut out, doubled, moved or put in."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        random.choice(_BYTE_CHANGES)(data, random)
    return bytes(data)


def mutate_lines(content: bytes, random: Random) -> bytes:
    """Return a text file with some of its lines changed, cut out, doubled or moved."""
    lines = content.splitlines(keepends=True) or [b""]
    for _ in range(random.choice((1, 1, 2))):
        place = random.randrange(len(lines))
        match random.randrange(6):
            case 0 if len(lines) > 1:
                del lines[place]
            case 1:
                lines.insert(random.randrange(len(lines)), lines[place])
            case 2:
                other = random.randrange(len(lines))
                lines[place], lines[other] = lines[other], lines[place]
            case 3:
                lines[place] = b" " * random.randrange(1, 4) + lines[place]
            case 4:
                lines[place] = lines[place].lstrip()
            case _:
                lines[place] = lines[place].partition(b":")[0] + b": " + random.choice(TOKENS) + b"\n"
    return b"".join(lines)


def mutate_structure(value: Any, random: Random) -> Any:
    """Return a copy of plain values in which one is replaced, removed or doubled."""
    changed = [copy.deepcopy(value)]  # in a list, so that the whole value can be replaced
    for _ in range(random.choice((1, 1, 2))):
        holder, key = random.choice(_places(changed))
        match random.randrange(5):
            case 0 if holder is not changed:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[random.choice((MARK, *HOSTILE_NAMES))] = holder[key]
            case 1:
                holder.insert(random.randrange(len(holder) + 1), holder[key])
                del changed[1:]
            case _:
                holder[key] = _other(holder[key], random)
    return changed[0]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a value: its container and its key."""
    keys: Sequence[Any] = list(value) if isinstance(value, dict) else range(len(value))
    found: list[tuple[Any, Any]] = [(value, key) for key in keys]
    for _, key in tuple(found):
        if isinstance(value[key], (dict, list)):
            found += _places(value[key])
    return found


def _other(value: Any, random: Random) -> Any:
    deep: Any = []
    for _ in range(60):
        deep = [deep]
    choices = [None, True, False, [], {}, deep, [value], {"a": value}, *NUMBERS, *HOSTILE_NAMES]
    if isinstance(value, int):
        choices += [value + 1, value - 1, str(value), float(value)] * 5
    if isinstance(value, str):
        choices += [value.upper(), value + "x", value[1:], f"../{value}"] * 5
    return random.choice(choices)


def _flip(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _replace(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(len(data))] = random.randrange(256)


def _cut(data: bytearray, random: Random) -> None:
    start, stop = _span(data, random)
    del data[start:stop]


def _truncate(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data) + 1) :]


def _double(data: bytearray, random: Random) -> None:
    start, stop = _span(data, random)
    data[start:start] = data[start:stop]


def _move(data: bytearray, random: Random) -> None:
    start, stop = _span(data, random)
    part = data[start:stop]
    del data[start:stop]
    place = random.randrange(len(data) + 1)
    data[place:place] = part


def _insert(data: bytearray, random: Random) -> None:
    place = random.randrange(len(data) + 1)
    data[place:place] = random.choice((random.choice(TOKENS), random.randbytes(random.randrange(1, 9))))


def _overwrite(data: bytearray, random: Random) -> None:
    token = random.choice(TOKENS)
    place = random.randrange(len(data) + 1)
    data[place : place + len(token)] = token


def _span(data: bytearray, random: Random) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.choice((1, 4, 16, 64, 1024)))


_BYTE_CHANGES: Final[tuple[Callable[[bytearray, Random], None], ...]] = (
    *(_flip, _replace, _cut, _truncate, _double, _move, _insert, _overwrite),
)
