"""The spans and metrics of runs, as OpenTelemetry's SDK keeps them in memory."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from executors import PicklingPlugin
from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.cli.metrics import SyncCollector
from fieldfare.engine.distribution.task import ShardTask, Work
from fieldfare.engine.shadow.sync_progress import SyncProgress
from fieldfare.errors import StepFailed
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.report import Moment, RunReport, StepReport
from fieldfare.server import Server
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare_otel.observer import Observer

DASHBOARD = Path(__file__).parents[3] / "examples" / "grafana" / "fieldfare.json"
COUNT = 300
SECRET = "Ada Lovelace"  # noqa: S105 - a value of a document
PATCH = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}}


@frozen(eq=False)
class Kept:
    """An observer, and what it made."""

    observer: Observer
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """Spans that have ended, in this order."""
        return self.exporter.get_finished_spans()

    def metrics(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Name → values of attributes → value."""
        data = self.reader.get_metrics_data()
        found: list[Any] = (
            [] if data is None else [scope for each in data.resource_metrics for scope in each.scope_metrics]
        )
        return {
            metric.name: {tuple(map(str, point.attributes.values())): point.value for point in metric.data.data_points}
            for scope in found
            for metric in scope.metrics
        }


@pytest.fixture
def kept() -> Iterator[Kept]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider([reader])
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    yield Kept(Observer.of(tracers, meters), exporter, reader)
    tracers.shutdown()
    meters.shutdown()


@pytest.fixture
def plugins(kept: Kept) -> Plugins:
    loaded = load_plugins()
    loaded.register(kept.observer, "observer")
    return loaded


@pytest.fixture
def documents(server: Server) -> None:
    server.bulk(
        [("HSET", f"d:{row:03}", "v", struct.pack("<4f", row, 1, 2, 3), "name", SECRET) for row in range(COUNT)]
    )
    vector = ("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "COSINE")
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", *vector, "name", "TEXT")
    wait_until_indexed(server, "i")


def attributes_of(span: ReadableSpan) -> Mapping[str, Any]:
    return span.attributes or {}


@pytest.mark.usefixtures("documents")
def test_a_run_and_its_activities_are_one_trace(server: Server, plugins: Plugins, kept: Kept, tmp_path: Path) -> None:
    plan = MigrationPlanner(plugins=plugins, accept_recall_loss=True).create_plan_from_patch(
        "i", schema_patch=PATCH, server=server
    )
    MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path, batch_size=50, max_rate=450)
    spans = {span.name: span for span in kept.spans}
    run = spans["fieldfare apply"]
    assert run.parent is None
    assert attributes_of(run)["db.collection.name"] == "i"
    assert attributes_of(run)["fieldfare.mode"] == "drop_recreate"
    assert attributes_of(run)["fieldfare.throttled_seconds"] > 0
    assert attributes_of(run)["fieldfare.unavailable_seconds"] > 0
    assert {"enumerate", "dump", "drop", "rewrite", "create", "index", "validate"} < spans.keys()
    parents = {name: span.parent.span_id if span.parent else None for name, span in spans.items()}
    assert parents["dump"] == run.context.span_id
    assert parents["index"] == spans["create"].context.span_id
    assert {span.context.trace_id for span in kept.spans} == {run.context.trace_id}
    rewrite = spans["rewrite"]
    assert attributes_of(rewrite)["fieldfare.documents"] == COUNT
    assert attributes_of(rewrite)["fieldfare.step"] in {step.id for step in plan.steps}
    assert 1 <= len(rewrite.events) <= 10
    assert {span.status.status_code for span in kept.spans} == {StatusCode.UNSET}
    metrics = kept.metrics()
    assert metrics["fieldfare.documents"]["i", "rewrite"] == COUNT
    assert metrics["fieldfare.throttled"]["i",] == pytest.approx(attributes_of(run)["fieldfare.throttled_seconds"])
    assert metrics["fieldfare.index.unavailable"]["i",] == pytest.approx(
        attributes_of(run)["fieldfare.unavailable_seconds"], abs=0.05
    )
    assert metrics["fieldfare.runs"] == {("i", "apply", "finished"): 1}
    assert metrics["fieldfare.documents.per_second"]["i", "rewrite"] == 0
    assert SECRET not in "".join(span.to_json() for span in kept.spans)


@pytest.mark.usefixtures("documents")
def test_shards_of_workers_are_part_of_their_activity(
    server: Server, plugins: Plugins, kept: Kept, tmp_path: Path
) -> None:
    failures = 1

    def end(task: ShardTask) -> None:
        nonlocal failures
        if task.work is Work.REWRITE and failures:
            failures -= 1
            raise BrokenExecutor(SECRET)

    plugins.register(PicklingPlugin(before=end), "workers", "1")
    plan = MigrationPlanner(plugins=plugins, accept_recall_loss=True).create_plan_from_patch(
        "i", schema_patch=PATCH, server=server
    )
    executor = MigrationExecutor(plugins=plugins)
    executor.apply(plan, server=server, backup_dir=tmp_path, batch_size=10, executor="pickle://")
    shards = [span for span in kept.spans if span.name == "shard"]
    activities = {span.context.span_id: span for span in kept.spans if span.name in {"dump", "rewrite", "validate"}}
    found: dict[str, list[Mapping[str, Any]]] = {}
    for each in shards:
        assert each.parent is not None
        parent = activities[each.parent.span_id]
        assert parent.name == attributes_of(each)["fieldfare.activity"]
        found.setdefault(parent.name, []).append(attributes_of(each))
    for name, attributes in found.items():
        finished = [each for each in attributes if each["fieldfare.result"] == "finished"]
        assert sorted(each["fieldfare.shard"] for each in finished) == list(range(8)), name
        assert sum(each["fieldfare.documents"] for each in finished) == COUNT
        assert all(each["fieldfare.worker"].startswith("process ") for each in finished)
    assert found.keys() == {"dump", "rewrite", "validate"}
    [lost] = [each for each in shards if attributes_of(each)["fieldfare.result"] == "lost"]
    assert lost.status.status_code is StatusCode.ERROR
    assert kept.metrics()["fieldfare.shards"] == {
        **{("i", name, "finished"): 8 for name in found},
        ("i", "rewrite", "lost"): 1,
    }
    assert kept.metrics()["fieldfare.shards.work"]["i", "dump"] > 0
    assert SECRET not in "".join(span.to_json() for span in kept.spans)


@pytest.mark.usefixtures("documents")
def test_a_failed_run_is_an_error_without_its_text(
    server: Server, plugins: Plugins, kept: Kept, tmp_path: Path
) -> None:
    class Refuses:
        @hookimpl
        def fieldfare_validate(self) -> None:
            raise OSError(SECRET)

    plan = MigrationPlanner(plugins=plugins, accept_recall_loss=True).create_plan_from_patch(
        "i", schema_patch=PATCH, server=server
    )
    plugins.register(Refuses(), "refuses")
    with pytest.raises(StepFailed):
        MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path, retry_for=0)
    spans = {span.name: span for span in kept.spans}
    failed = {name for name, span in spans.items() if span.status.status_code is StatusCode.ERROR}
    assert failed == {"validate", "fieldfare apply"}
    assert attributes_of(spans["fieldfare apply"])["error.type"] == "StepFailed"
    assert SECRET not in "".join(span.to_json() for span in kept.spans)
    assert kept.metrics()["fieldfare.runs"] == {("i", "apply", "failed"): 1}


def test_runs_of_several_indexes_are_told_apart(kept: Kept) -> None:
    observer = kept.observer

    def run(index: str, moment: Moment) -> None:
        observer.fieldfare_run_report(RunReport(index, "t", "apply", moment, "shadow", "f"))

    def dump(index: str, moment: Moment, done: int = 0) -> None:
        observer.fieldfare_step_report(StepReport(index, "dump", moment, documents_done=done, documents_total=10))

    run("a", Moment.STARTED)
    run("b", Moment.STARTED)
    dump("a", Moment.STARTED)
    dump("b", Moment.STARTED)
    dump("a", Moment.PROGRESS, 4)
    dump("b", Moment.PROGRESS, 5)
    dump("a", Moment.FINISHED, 10)
    run("a", Moment.FINISHED)
    run("b", Moment.FAILED)
    roots = {attributes_of(span)["db.collection.name"]: span for span in kept.spans if span.parent is None}
    dumps = {attributes_of(span)["db.collection.name"]: span for span in kept.spans if span.name == "dump"}
    assert {index: span.parent and span.parent.span_id for index, span in dumps.items()} == {
        index: span.context.span_id for index, span in roots.items()
    }
    assert kept.metrics()["fieldfare.documents"] == {("a", "dump"): 4, ("b", "dump"): 5}


def test_a_synchronization_tells_its_lag(kept: Kept) -> None:
    for keys in (5, 0):
        report = RunReport("i", "t", "sync", Moment.PROGRESS, "shadow", "f", lag_keys=keys, lag_seconds=keys / 10)
        kept.observer.fieldfare_run_report(report)
        found = kept.metrics()
        assert found["fieldfare.sync.lag.keys"] == {("i",): keys}
        assert found["fieldfare.sync.lag"] == {("i",): keys / 10}


def test_every_metric_of_the_dashboard_exists(kept: Kept) -> None:
    expressions = [
        target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel.get("targets", ())
    ]
    named = {name for each in expressions for name in re.findall(r"fieldfare_\w+", each)}
    published = {
        family.name + "_total" * (family.type == "counter") for family in SyncCollector(SyncProgress()).collect()
    }
    instruments = {
        (each.name, each.unit, type(each).__name__.endswith("Counter"))
        for each in vars_of(kept.observer.metrics)
        if hasattr(each, "unit")
    }
    sent = {in_prometheus(*each) for each in instruments}
    assert named == published | sent


def vars_of(metrics: Any) -> list[Any]:
    return [getattr(metrics, attribute.name) for attribute in type(metrics).__attrs_attrs__]


def in_prometheus(name: str, unit: str, is_counter: bool) -> str:  # noqa: FBT001 - the facts of one instrument
    """Return the name that a collector gives a metric.

    See https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/ .
    """
    return name.replace(".", "_") + "_seconds" * (unit == "s") + "_total" * is_counter
