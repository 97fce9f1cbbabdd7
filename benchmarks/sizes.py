"""How memory and time grow with the number of documents: plan, apply, status and rollback as processes.

Vectors of 64 values go from float32 to float16 under a FLAT index. Peak memory hardly depends on the machine; compare
times within one run.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.table import Table

from comparison.cases import FLOAT16, Case
from comparison.documents import INDEX, load_vectors
from comparison.measure import launch, load
from comparison.tools import arguments, find_fieldfare
from fieldfare.server import connect
from fieldfare.server.embedded import EmbeddedServer

SIZES: Final = (50_000, 200_000, 1_000_000)
DIMS: Final = 64
COMMANDS: Final = ("plan", "apply", "status", "rollback")


def main() -> None:
    """Measure each size once, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, nargs="+", default=SIZES, help="how many documents, several times")
    parser.add_argument("--fieldfare", type=Path, help="the Python of an environment with fieldfare; this one")
    chosen = parser.parse_args()
    table = Table("documents", *(f"{command}: s, MiB" for command in COMMANDS))
    for documents in chosen.documents:
        table.add_row(f"{documents:,}", *measure(documents, chosen.fieldfare))
    Console(width=100).print(table)


def measure(documents: int, python: Path | None) -> list[str]:
    """Return seconds and peak memory of each command."""
    case = Case("sizes", load_vectors(documents, DIMS), {INDEX: documents}, FLOAT16)
    with EmbeddedServer(tcp=True) as embedded, connect(embedded.url) as server, TemporaryDirectory() as name:
        load(case.load, server)
        directory = Path(name)
        (directory / "patch.yaml").write_text(f"version: 1\nchanges:\n  {case.patch}\n")
        tool = find_fieldfare(python)
        lines = {command: arguments(case, tool, command, embedded.url) for command in COMMANDS}
        lines["status"].remove("--yes")
        every = [launch(line, directory) for line in lines.values()]
    return [f"{figures.wall_seconds:.2f}, {figures.peak_mib:.0f}" for figures in every]


if __name__ == "__main__":
    main()
