"""The page about Python, read from top to bottom by an interpreter."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldfare.server import Server

PAGE = Path(__file__).parents[2] / "docs" / "python-api.md"
PATCH = "version: 1\nchanges:\n  update_fields:\n    - {name: embedding, attrs: {datatype: float16}}\n"


def test_python_on_the_page_runs(
    server: Server, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("patch.yaml").write_text(PATCH)
    vectors = np.random.default_rng(1).standard_normal((20, 4)).astype("<f4")
    server.bulk([("HSET", f"doc:{row}", "embedding", vectors[row].tobytes()) for row in range(20)])
    server.command(
        *("FT.CREATE", "articles", "PREFIX", 1, "doc:", "SCHEMA", "embedding", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "L2"),
    )
    names: dict[str, Any] = {"url": redis_url}
    for block in re.findall(r"^```python\n(.+?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        exec(block.replace("redis://localhost:6379", redis_url), names)  # noqa: S102 - our own page
    said = capsys.readouterr().out
    assert "succeeded" in said
    assert "{'embedding': 16}" in said
