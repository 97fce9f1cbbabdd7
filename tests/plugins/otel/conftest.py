"""A receiver of what the plugin sends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from otlp_receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Receive OTLP over HTTP."""
    with receiving() as received:
        yield received
