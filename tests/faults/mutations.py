"""Break one promise after the other, in a copy of the source, and check that a test fails.

``make mutations`` runs it, first on the unchanged source, where all tests must pass. A mutation that survives is a
promise that no test checks. ``--only 3 7`` tries some of them.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from attrs import frozen

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ["core", *(f"plugins/{each.name}" for each in sorted((ROOT / "plugins").iterdir()) if each.is_dir())]

OPTIONS: Final = ["-q", "-x", "-n", "4", "--dist", "worksteal", "-p", "no:cacheprovider"]
TESTS: Final = (
    "tests/faults",
    "tests/core/test_engine_resume.py",
    "tests/core/test_engine_rollback.py",
    "tests/core/test_guarded_write.py",
    "tests/core/test_shadow_fields.py",
)
"""The matrix; what counts documents over several attempts; what has applications that write: the matrix has none."""


@frozen
class Mutation:
    """One promise broken.

    Attributes:
        promise: the promise.
        path: the module, from the root of the repository.
        old: the lines that keep the promise; they occur once.
        new: the lines that replace them.
    """

    promise: str
    path: str
    old: str
    new: str

    def apply(self, root: Path) -> None:
        """Break it in a copy of the source.

        Raises:
            ValueError: the lines are not there, or more than once: the source has moved on, and so must this list.
        """
        path = root / self.path
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.promise}: {self.path} has {text.count(self.old)} times {self.old!r}")
        path.write_text(text.replace(self.old, self.new))


MUTATIONS: Final = [
    Mutation(
        "a journal is on disk before it gets its name",
        "core/fieldfare/backup/durable.py",
        "            os.fsync(file.fileno())\n",
        "",
    ),
    Mutation(
        "the directory knows the journal's name",
        "core/fieldfare/backup/durable.py",
        "    sync_directory(path.parent)\n    reach(",
        "    reach(",
    ),
    Mutation(
        "a journal is replaced as a whole",
        "core/fieldfare/backup/durable.py",
        "    temporary = path.with_name(",
        "    path.unlink(missing_ok=True)\n    temporary = path.with_name(",
    ),
    Mutation(
        "originals are synced",
        "core/fieldfare/backup/record_file.py",
        "            os.fsync(self.open())\n",
        "            self.open()\n",
    ),
    Mutation(
        "the barrier stands before the first change",
        "core/fieldfare/engine/capture.py",
        "    run.store.sync()\n",
        "",
    ),
    Mutation(
        "what a crash cut short is not counted",
        "core/fieldfare/backup/record_file.py",
        "                os.ftruncate(self._descriptor, end)\n",
        "                self.contents.end = os.fstat(self._descriptor).st_size\n",
    ),
    Mutation(
        "a step is on record before it is begun",
        "core/fieldfare/engine/step_execution.py",
        "    run.journal.mark(step.id, record, **changes)\n",
        "    run.journal.progress = evolve(\n"
        "        run.journal.progress, steps={**run.journal.progress.steps, step.id: record}, **changes\n"
        "    )\n",
    ),
    Mutation(
        "a rewrite is on record before it is begun",
        "core/fieldfare/engine/step_execution.py",
        "    run.journal.update(steps={**run.journal.progress.steps, **begun}, phase=RunPhase.ACTIVE)\n",
        "    run.journal.progress = evolve(\n"
        "        run.journal.progress, steps={**run.journal.progress.steps, **begun}, phase=RunPhase.ACTIVE\n"
        "    )\n",
    ),
    Mutation(
        "a batch is counted when it is written, not before",
        "core/fieldfare/engine/rewrite.py",
        "enumerate(results, start=start + 1)",
        "enumerate(results, start=start + 2)",
    ),
    Mutation(
        "creating what is there does no harm",
        "core/fieldfare/engine/index.py",
        "    if not found or server.capabilities.coordinator:\n",
        "    if definition.name:\n",
    ),
    Mutation(
        "an index that was being created gets all that it lacks",
        "core/fieldfare/engine/drop_recreate/target_creation.py",
        "    create_index(run.server, run.target, run.plan.source.synonyms, run.plan.source.aliases)\n",
        "    from fieldfare.server.inspect import index_exists\n\n"
        "    if not index_exists(run.server, run.target.name):\n"
        "        create_index(run.server, run.target, run.plan.source.synonyms, run.plan.source.aliases)\n",
    ),
    Mutation(
        "a move is found half-way after a crash",
        "plugins/prefix/fieldfare_prefix/plugin.py",
        "    return receipt is not None and verify(step, run)\n",
        "    return True\n",
    ),
    Mutation(
        "a rollback is on record before it is begun",
        "core/fieldfare/engine/rollback.py",
        "            journal.update(\n                undo=RollbackStatus.RUNNING,",
        "            journal.progress = __import__('attrs').evolve(\n"
        "                journal.progress, undo=RollbackStatus.RUNNING,",
    ),
    Mutation(
        "a step that was never finished is undone all the same",
        "core/fieldfare/engine/rollback.py",
        "    if record is None or record.status is Status.UNDONE:\n",
        "    if record is None or record.status is not Status.DONE:\n",
    ),
    Mutation(
        "a server that was started anew is not trusted",
        "core/fieldfare/engine/server_restart.py",
        "    if not run.server.has_restarted_since(progress.server_processes):\n",
        "    if progress.server_processes:\n",
    ),
    Mutation(
        "a shadow field is written only while its original is what it was made of",
        "core/fieldfare/server/guarded_script.py",
        "      elseif not fits(source, ARGV[place + 1]) or not fits(found, ARGV[place + 2]) then\n",
        "      elseif not fits(found, ARGV[place + 2]) then\n",
    ),
    Mutation(
        "a shadow field that an application wrote is left alone",
        "core/fieldfare/engine/shadow_pairs/history.py",
        "        return not originals or original in originals\n",
        "        return False\n",
    ),
    Mutation(
        "originals are in the backup before they are removed",
        "core/fieldfare/engine/shadow_fields/originals.py",
        "        if new:\n            self._run.store.append(",
        "        if not new:\n            self._run.store.append(",
    ),
    Mutation(
        "a server that was away is tried again",
        "core/fieldfare/engine/retry.py",
        "            return not isinstance(error, PERMANENT)\n",
        "            return False\n",
    ),
    Mutation(
        "the lock that a server forgot is taken again",
        "core/fieldfare/engine/run.py",
        "            self.lock.renew()\n",
        "            self.lock.check()\n",
    ),
]


def killer(root: Path) -> str | None:
    """Return the test that fails on a copy of the source; None if all tests pass."""
    path = os.pathsep.join(str(root / each) for each in PACKAGES)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", *OPTIONS),
            f"--ignore={root / 'tests/faults/test_mutations.py'}",  # it would find that the source was mutated
            *(str(root / path) for path in TESTS),
        ],
        check=False,
        cwd=root,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    failed = re.search(r"^FAILED (.+?)( - .*)?$", run.stdout, re.MULTILINE)
    if run.returncode and failed is None:
        raise RuntimeError(f"pytest ended with {run.returncode}:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return None if failed is None else failed[1].partition("::")[2]


def main() -> int:
    """Try mutations; return how many survived, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of mutations, from 1; 0 is the source as it is")
    chosen = parser.parse_args().only
    survivors = 0
    for number, mutation in enumerate([None, *MUTATIONS]):
        if chosen and number not in chosen:
            continue
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory) / "copy"
            shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(".git", ".venv", "site", ".*_cache", "build"))
            if mutation is not None:
                mutation.apply(root)
            started = time.monotonic()
            test = killer(root)
        seconds = f"{time.monotonic() - started:4.0f} s"
        if mutation is None:
            survivors += test is not None
            print(f" 0  {seconds}  the source as it is: {f'RED, {test}' if test else 'green'}", flush=True)  # noqa: T201 - its result
            continue
        survivors += test is None
        verdict = f"killed by {test}" if test else "SURVIVED"
        print(f"{number:>2}  {seconds}  {mutation.promise}: {verdict}", flush=True)  # noqa: T201 - its result
    return survivors


if __name__ == "__main__":
    sys.exit(main())
