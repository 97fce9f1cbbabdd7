"""General tools: YAML files with line numbers, strict structuring of plain values, redaction, logs, fault points.

May import: ``errors``. Must not know: indexes, documents, servers.
"""
