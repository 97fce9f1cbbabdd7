"""The providers of OpenTelemetry's SDK, set up by its standard variables."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.trace import NoOpTracerProvider

from fieldfare import __version__
from fieldfare_otel.observer import Observer
from fieldfare_otel.signals import Signals

__all__ = ["make_observer"]

NAME: Final = "fieldfare"
"""The name of the service, unless a variable names it."""


def make_observer(signals: Signals, on_unknown: Callable[[str], object]) -> Observer:
    """Return an observer that sends these signals. At the end of the process it sends the rest.

    If the program has set up OpenTelemetry itself, spans and metrics go to its own providers.

    Args:
        signals: the exporters of each signal.
        on_unknown: called with each name that is not the name of an exporter.
    """
    named = Resource.create()
    is_named = not str(named.attributes.get("service.name", "unknown_service")).startswith("unknown_service")
    resource = named if is_named else named.merge(Resource({"service.name": NAME, "service.version": __version__}))
    return Observer.of(
        _tracers(signals, resource, on_unknown) if signals.traces else NoOpTracerProvider(),
        _meters(signals, resource, on_unknown) if signals.metrics else NoOpMeterProvider(),
    )


def _tracers(signals: Signals, resource: Resource, on_unknown: Callable[[str], object]) -> trace.TracerProvider:
    present = trace.get_tracer_provider()
    if isinstance(present, TracerProvider):
        return present
    made = TracerProvider(resource=resource)
    for name in signals.traces:
        if name == "otlp":
            made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        elif name == "console":
            made.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(out=sys.stderr)))
        else:
            on_unknown(name)
    return made


def _meters(signals: Signals, resource: Resource, on_unknown: Callable[[str], object]) -> metrics.MeterProvider:
    present = metrics.get_meter_provider()
    if isinstance(present, MeterProvider):
        return present
    readers = []
    for name in signals.metrics:
        if name == "otlp":
            readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
        elif name == "console":
            readers.append(PeriodicExportingMetricReader(ConsoleMetricExporter(out=sys.stderr)))
        else:
            on_unknown(name)
    return MeterProvider(readers, resource)
