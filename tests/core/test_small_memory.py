"""Hostile files, read by a process that may not have much memory: each is refused, and none makes the process die."""

from __future__ import annotations

import json
import os
import resource
import tracemalloc
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import msgpack
import pytest

from fieldfare.backup import BackupStore, backup_file, backup_prefix
from fieldfare.backup.frame import MAGIC, PRELUDE
from fieldfare.backup.journal import Journal
from fieldfare.backup.manifest import read_manifest
from fieldfare.errors import FieldfareError
from fieldfare.patch import load_patch
from fieldfare.plan.file import load_plan
from fieldfare.queries.file import load_query_checks
from fieldfare_batch.plan_file import load_batch_plan
from fieldfare_batch.selection import read_names
from fieldfare_batch.state_file import load_state

SMALL = 64 * 2**20
"""Bytes that reading a file of a few KB may take."""
LARGE = 512 * 2**20
"""Bytes that reading any file may take, on top of what the process has."""

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{now}: &{now} [{', '.join(['*' + before] * 9)}]\n" for before, now in zip("abcdefghi", "bcdefghij", strict=True)
)
WIDE = "a: &a {" + ", ".join(f"k{n}: v" for n in range(90)) + "}\nb: [" + "*a, " * 500 + "]\n"
TEXTS = {
    "billion laughs": LAUGHS,
    "wide aliases": WIDE,
    "aliases of itself": "a: &a [*a, *a, *a, *a]\n",
    "brackets": "a: " + "[" * 500,
    "indentation": "".join(" " * n + "a:\n" for n in range(90)),
    "a number": "a: 0x" + "f" * 4000,
    "a float": "a: 1e" + "9" * 4000,
    "a merge": "a: &a {b: 1}\nc:\n" + "  <<: *a\n" * 300,
    "tags": "a: !!python/object/apply:os.system ['id']\n",
    "anchors": "".join(f"k{n}: &a{n} x\n" for n in range(300)),
}
YAML_READERS: list[Callable[[Path], object]] = [load_patch, load_batch_plan]


def frame(header: bytes, body_length: int, body: bytes = b"") -> bytes:
    """Make a frame with sound checksums, whatever it claims."""
    prelude = PRELUDE.pack(MAGIC, len(header), body_length, crc32(header), crc32(body), 0)[:-4]
    return prelude + crc32(prelude).to_bytes(4, "little") + header + body


def claims(**changes: object) -> bytes:
    return msgpack.packb({"kind": "batch", "number": 0, "rows": 1, "tag": "x", "keys": 1, "columns": [], **changes})


FRAMES = {
    "4 GiB of body": frame(claims(), 2**32),
    "2 GiB of body": frame(claims(), 2**31),
    "a body of nothing": frame(claims(rows=2**40, keys=0), 0),
    "an array of billions": frame(b"\xdd\xff\xff\xff\xff", 0),
    "a map of billions": frame(b"\xdf\xff\xff\xff\xff", 0),
    "text of billions": frame(b"\xdb\xff\xff\xff\xff", 0),
    "nested arrays": frame(b"\x91" * 4000, 0),
    "nested maps": frame(b"\x81\xa1a" * 1500, 0),
    "rows times columns": frame(claims(rows=4_000_000, keys=1, columns=[[str(n), -1] for n in range(400)]), 0),
    "missing values": frame(claims(rows=2**31, keys=0, columns=[["a", -1]]), 0),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("read", YAML_READERS)
def test_a_small_yaml_file_takes_little_memory(text: str, read: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "hostile.yaml"
    path.write_text(text)
    assert path.stat().st_size < 5000
    assert refused_within(SMALL, lambda: read(path))


@pytest.mark.parametrize("content", FRAMES.values(), ids=FRAMES)
def test_a_small_backup_takes_little_memory(content: bytes, tmp_path: Path) -> None:
    path = backup_file(backup_prefix(tmp_path, "index"), "data")
    path.write_bytes(content)
    if b"\xff" not in content[:16]:
        os.truncate(path, 2**33)  # sparse, so that the claims fit the file
    assert len(content) < 10_000
    assert refused_within(SMALL, BackupStore(backup_prefix(tmp_path, "index")).verify)


@pytest.mark.parametrize("content", ["[" * 4000, '{"format": 1, "a": ' + '{"a": ' * 1000, "1" * 4000, '{"a":1e9999}'])
def test_a_small_json_file_takes_little_memory(content: str, tmp_path: Path) -> None:
    prefix = backup_prefix(tmp_path, "index")
    for ending in ("header", "manifest"):
        backup_file(prefix, ending).write_text(content)
    assert refused_within(SMALL, lambda: Journal.load(backup_file(prefix, "header")))
    assert refused_within(SMALL, lambda: read_manifest(prefix))


def refused_within(bound: int, read: Callable[[], object]) -> bool:
    """Whether a file is refused, with no more memory than this."""
    tracemalloc.start()
    try:
        read()
    except FieldfareError:
        return tracemalloc.get_traced_memory()[1] < bound
    finally:
        tracemalloc.stop()
    return False


# ---------------------------------------------------------------- large files, in a process of their own


def large_yaml(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(64):
            file.write(b"- a\n" * 2**18)
        file.truncate(2**30)


def many_values(path: Path) -> None:
    path.write_text("a: [" + "x," * 10**6 + "]")


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def large_json(path: Path) -> None:
    path.write_text('{"format": 1, "a": [' + "[]," * (5 * 10**6) + "0]}")


def endless_json(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**34)


def large_header(path: Path) -> None:
    """A frame whose header is as long as headers may be, and full of small things."""
    header = b"\xdd" + (16 * 2**20 - 5).to_bytes(4, "big") + b"\x90" * (16 * 2**20 - 5)
    path.write_bytes(frame(header, 0))


def manifest_of_millions(path: Path) -> None:
    shards = [{"file": f"shard-{n}.data", "batches": [n, n + 1], "keys": [n, n + 1]} for n in range(150_000)]
    content: dict[str, object] = {"format": 1, "shards": shards}
    content["checksum"] = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps(content))


def own(ending: str, read: Callable[[Path], object]) -> tuple[str, Callable[[Path], object]]:
    return backup_file(backup_prefix(Path(), "index"), ending).name, read


def prefix_of(path: Path) -> Path:
    return backup_prefix(path.parent, "index")


HEADER = own("header", Journal.load)
DATA = own("data", lambda path: BackupStore(prefix_of(path)).verify())
MANIFEST = own("manifest", lambda path: BackupStore(prefix_of(path)).verify())
LARGE_FILES = [
    (large_yaml, "x.yaml", load_patch),
    (large_yaml, "x.yaml", load_state),
    (many_values, "x.yaml", load_plan),
    (zeros, "x.yaml", load_query_checks),
    (zeros, "x.txt", read_names),
    (large_yaml, "x.txt", read_names),
    (large_json, *HEADER),
    (endless_json, *HEADER),
    (large_header, *DATA),
    (endless_json, *DATA),
    (manifest_of_millions, *MANIFEST),
]


@pytest.mark.parametrize(("make", "name", "read"), LARGE_FILES)
def test_a_large_file_does_not_exhaust_memory(
    make: Callable[[Path], None], name: str, read: Callable[[Path], object], tmp_path: Path
) -> None:
    make(tmp_path / name)
    child = os.fork()
    if not child:  # no assertion, and no way out but this one, in the child
        os._exit(_read_with_little_memory(read, tmp_path / name))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "it was refused, and memory sufficed"


def _read_with_little_memory(read: Callable[[Path], object], path: Path) -> int:
    has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (has + LARGE, has + LARGE))
    try:
        read(path)
    except FieldfareError:
        return 0
    except BaseException:  # noqa: BLE001 - MemoryError above all
        return 1
    return 2
