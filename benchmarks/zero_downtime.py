"""What an application notices of a migration: 4 clients query an index by name all the time, and 2 write.

Shadow mode rebuilds a FLAT index as HNSW, alter mode adds two fields, and drop_recreate does the first of these with an
outage. The clients are a process of their own that does nothing but wait for sockets. Clients, migration and server
share the processors: run this on a machine that is otherwise idle. ``--server`` names a server to be used in place of a
private one. A case that the server cannot run is left out.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console

from comparison.documents import WORDNET
from comparison.machine import describe_machine, describe_server, read_commit
from fieldfare.server import connect
from fieldfare.server.embedded import EmbeddedServer
from live.documents import Dictionary
from live.measure import CASES, LARGE, run_case
from live.page import make_section, write_section
from live.results import ZeroDowntime, read, write

DOCUMENTS: Final = 20_000
LARGE_DOCUMENTS: Final = 2_000_000
LARGE_DIMS: Final = 64
DATA: Final = "zero_downtime.json"
PAGE: Final = "zero-downtime.md"


def main() -> None:
    """Measure, or read a file, and write the tables, JSON and page."""
    chosen = parse_arguments()
    run = read(chosen.read) if chosen.read is not None else measure(chosen)
    Console(width=160).print(make_section(run), markup=False)
    if chosen.out is not None:
        write(run, chosen.out / DATA)
        write_section(run, chosen.out / PAGE)


def measure(chosen: argparse.Namespace) -> ZeroDowntime:
    """Run the chosen cases."""
    dictionary = Dictionary.read(chosen.entries, chosen.vectors, chosen.documents)
    with ExitStack() as stack:
        url = chosen.server or stack.enter_context(EmbeddedServer(tcp=True)).url
        server = stack.enter_context(connect(url))
        run = ZeroDowntime(
            date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
            commit=read_commit(),
            machine=describe_machine(),
            server=describe_server(server),
            dims=dictionary.vectors.shape[1],
            embeddings=len(np.load(chosen.vectors, mmap_mode="r")),
        )
        for case in CASES:
            if chosen.only in case.name and server.capabilities.has_search(case.search):
                run.cases.append(run_case(case, server, url, dictionary))
        if chosen.large:
            many = Dictionary.read(chosen.entries, chosen.vectors, LARGE_DOCUMENTS, LARGE_DIMS)
            run.cases.append(run_case(LARGE, server, url, many))
    return run


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="how many documents")
    parser.add_argument("--vectors", type=Path, default=WORDNET, help="an .npy file of float32 sentence embeddings")
    parser.add_argument("--entries", type=Path, default=WORDNET.with_name("documents.jsonl"), help="JSON lines")
    parser.add_argument("--large", action="store_true", help="also 2,000,000 documents: 8 GiB of memory, ten minutes")
    parser.add_argument("--only", default="", help="run the cases whose names contain this")
    parser.add_argument(
        "--server", help="URL of a server or cluster, for example with search 8, for int8; ALL ITS DATA IS DELETED"
    )
    parser.add_argument("--out", type=Path, help=f"directory for {DATA}, with the page {PAGE}")
    parser.add_argument("--read", type=Path, help="make all output of this JSON file, without measuring")
    return parser.parse_args()


if __name__ == "__main__":
    main()
