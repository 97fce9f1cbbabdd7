"""The otel plugin of fieldfare: spans and metrics of runs for OpenTelemetry."""
