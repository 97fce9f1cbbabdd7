"""What the standard variables of OpenTelemetry ask for.

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
    """The exporters of each signal; none if it is off.

    Attributes:
        traces: names of exporters: ``otlp`` or ``console``.
        metrics: likewise.
    """

    traces: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables. A signal is on if its exporter is named, or if an endpoint is given."""
        if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return cls()
        return cls(_exporters(environment, "TRACES"), _exporters(environment, "METRICS"))

    @property
    def any(self) -> bool:
        """Whether anything is to be sent."""
        return bool(self.traces or self.metrics)


def _exporters(environment: Mapping[str, str], signal: str) -> tuple[str, ...]:
    named = environment.get(f"OTEL_{signal}_EXPORTER", "").split(",")
    names = tuple(dict.fromkeys(name.strip() for name in named if name.strip()))
    if not names:
        has_endpoint = environment.get(ENDPOINT) or environment.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
        return DEFAULT if has_endpoint else ()
    return tuple(name for name in names if name != "none")
