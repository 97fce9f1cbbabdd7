"""``--otel``: the same as the variables that switch OpenTelemetry's exporters on."""

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
    """Let the plugin ``otel`` send spans and metrics; variables that are set already stay as they are.

    Raises:
        UsageError: the plugin is left out, or what it needs is not installed.
    """
    if PLUGIN not in plugins.names:
        raise UsageError(f"--otel needs the plugin {PLUGIN!r}, which is excluded. Nothing was changed.")
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        raise UsageError("--otel needs the extra 'otel': pip install 'fieldfare[otel]'. Nothing was changed.")
    for name in VARIABLES:
        os.environ.setdefault(name, "otlp")
