"""The option ``--otel``: it sets the variables that turn on the exporters of OpenTelemetry."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Final

from fieldfare.errors import UsageError
from fieldfare.hooks.manager import Plugins

__all__ = ["switch_on_telemetry"]

PLUGIN: Final = "otel"
VARIABLES: Final = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER")


def switch_on_telemetry(plugins: Plugins) -> None:
    """Let the plugin ``otel`` send spans and metrics; variables that are already set stay as they are.

    Raises:
        UsageError: the plugin is not loaded, or OpenTelemetry is not installed.
    """
    if PLUGIN not in plugins.names:
        raise UsageError(
            f"--otel needs the plugin {PLUGIN!r}, which is not loaded. Nothing was changed. Remove '-p no:{PLUGIN}'"
        )
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        raise UsageError(
            "--otel needs OpenTelemetry, which is missing. Nothing was changed. Run: pip install 'fieldfare[otel]'"
        )
    for name in VARIABLES:
        os.environ.setdefault(name, "otlp")
