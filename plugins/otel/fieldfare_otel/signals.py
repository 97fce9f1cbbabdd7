"""The settings in the standard variables of OpenTelemetry.

See https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ .
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

from attrs import frozen

__all__ = ["Signals"]

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
DEFAULT: Final = ("otlp",)


@frozen
class Signals:
    """The exporters of each signal; empty if the signal is off.

    Attributes:
        traces: names of exporters of spans: ``otlp`` or ``console``.
        metrics: names of exporters of metrics, likewise.
    """

    traces: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables. A signal is on if they name its exporter, or give an endpoint."""
        if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return cls()
        return cls(_exporters(environment, "TRACES"), _exporters(environment, "METRICS"))

    @property
    def any(self) -> bool:
        """Whether any signal is on."""
        return bool(self.traces or self.metrics)


def _exporters(environment: Mapping[str, str], signal: str) -> tuple[str, ...]:
    named = environment.get(f"OTEL_{signal}_EXPORTER", "").split(",")
    names = tuple(dict.fromkeys(name.strip() for name in named if name.strip()))
    if not names:
        has_endpoint = environment.get(ENDPOINT) or environment.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
        return DEFAULT if has_endpoint else ()
    return tuple(name for name in names if name != "none")
