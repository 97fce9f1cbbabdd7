"""The benchmark of workers measures what it says, the page quotes its file, and the model has the rates of the file."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Final

import pytest
from attrs import evolve

from fieldfare.planning.sizing import usual_rates
from fieldfare.server.inspect import read_stats
from scaling.fit import fit, predict
from scaling.nodes import INDEX, loaded_nodes
from scaling.page import BEGIN, END, make_section
from scaling.results import ACTIVITIES, Calibration, Scaling, read, write
from workers import calibrate, try_once

DOCS: Final = Path(__file__).parents[2] / "docs"


def test_the_page_quotes_the_file(tmp_path: Path) -> None:
    scaling = read(DOCS / "workers.json")
    assert f"{BEGIN}\n{make_section(scaling)}{END}" in (DOCS / "many-machines.md").read_text()
    write(scaling, tmp_path / "again.json")
    assert read(tmp_path / "again.json") == scaling


def test_the_model_uses_the_rates_of_the_file() -> None:
    scaling = read(DOCS / "workers.json")
    assert fit(scaling, cluster=False) == usual_rates(1)
    assert fit(scaling, cluster=True) == usual_rates(3) == usual_rates(100)


def test_the_file_has_every_number_of_workers_and_nodes() -> None:
    trials = read(DOCS / "workers.json").trials
    assert {(each.executor, each.workers, each.nodes) for each in trials} == {
        (kind, workers, nodes) for kind in ("threads", "processes", "dask") for workers in (1, 2, 4) for nodes in (1, 3)
    }


def test_all_nodes_have_documents_that_take_part() -> None:
    with loaded_nodes(3, 600, 8) as loaded:
        counts = [int(loaded.server.command_at(node, "DBSIZE")) for node in loaded.server.nodes()]
        assert sum(counts) == 600
        assert min(counts) > 100
        assert read_stats(loaded.server, INDEX).num_docs in counts, "the index is that of one node"
        trial = try_once(loaded, "processes", 2, 3, 600, 8)
    for name in ACTIVITIES:
        usage = trial.usage[name]
        assert usage.seconds > 0
        assert usage.client > 0
        assert len(usage.servers) == 3
        assert min(usage.servers) > 0, "each node has some work"
    assert trial.usage["dump"].network_out > 600 * 8 * 4
    assert trial.usage["rewrite"].network_in > 600 * 8 * 2
    assert trial.usage["restore"].network_in > 600 * 8 * 4


def test_rates_give_the_trials_again_from_which_they_come() -> None:
    small, large = (calibrate(1, 800, dims) for dims in (8, 256))
    template = read(DOCS / "workers.json")
    machine = evolve(template.machine, cores=64)
    scaling = Scaling("2026-01-01 00:00", "0", machine, "", 0.0, [small, large])
    rates = fit(scaling, cluster=False)
    for cost in (rates.dump.worker, rates.rewrite.client, rates.restore.server, rates.verify):
        assert cost.document >= 0
        assert cost.byte >= 0
    for each in (small, large):
        said = predict(scaling, each.sampled)
        assert set(said) == set(ACTIVITIES)
        if rates.dump.worker.byte and rates.dump.worker.document:
            assert said["dump"] == pytest.approx(each.sampled.usage["dump"].seconds, rel=0.02)


def test_a_far_server_has_no_prediction() -> None:
    scaling = read(DOCS / "workers.json")
    far = Scaling(scaling.date, scaling.commit, scaling.machine, scaling.server, 5.0, [], scaling.trials)
    assert predict(far, far.trials[0]) == {}
    assert "documents on 100 nodes" not in make_section(far)


def test_figures_of_a_busy_machine_say_so() -> None:
    scaling = read(DOCS / "workers.json")
    machine = evolve(scaling.machine, load_average=9.0)
    busy = Scaling(scaling.date, scaling.commit, machine, scaling.server, 0.0, scaling.calibration, scaling.trials)
    assert "only a trial" in make_section(busy)
    assert all(isinstance(each, Calibration) for each in chain(busy.calibration))
