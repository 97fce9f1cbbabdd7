"""Numbers of JSON documents that are read and written back stay the numbers that they are."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldfare.server import Server
from fieldfare.server.json_numbers import parse_like_redis, round_trip_safe

RANDOM = np.random.default_rng(9)
FORMS = ("{!r}", "{:.17g}", "{:.18e}", "{:.25f}")


def there_and_back(server: Server, texts: list[bytes]) -> list[bytes]:
    """Write JSON texts and read them."""
    server.bulk([("JSON.SET", f"doc:{row}", "$", text) for row, text in enumerate(texts)])
    found: list[bytes] = server.bulk([("JSON.GET", f"doc:{row}") for row in range(len(texts))])
    return found


def arrays(scales: tuple[int, int], form: str) -> list[bytes]:
    rows = RANDOM.standard_normal((60, 100)) * 10.0 ** RANDOM.integers(*scales, (60, 100))
    return [f"[{','.join(map(form.format, row))}]".encode() for row in rows.tolist()]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scales", [(0, 1), (-6, 3), (-40, 0), (-300, 300)], ids=str)
def test_what_redis_holds_can_be_written_again(server: Server, scales: tuple[int, int], form: str) -> None:
    held = there_and_back(server, arrays(scales, form))
    assert there_and_back(server, [round_trip_safe(text) for text in held]) == held


def test_as_they_are_some_numbers_become_others(server: Server) -> None:
    held = there_and_back(server, arrays((-40, 0), "{!r}"))
    assert there_and_back(server, held) != held


@pytest.mark.parametrize("form", FORMS)
def test_what_redis_makes_of_a_number_is_known(server: Server, form: str) -> None:
    texts = [text for text in arrays((-300, 300), form) if b"e" in text or b"." in text]
    found = there_and_back(server, texts)
    for text, read in zip(texts, found, strict=True):
        assert json.loads(text, parse_float=parse_like_redis) == json.loads(read)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_meaning_stays_or_comes_close_to_what_redis_can_hold(value: float) -> None:
    spelled = round_trip_safe(repr(value).encode()).decode()
    assert math.isclose(float(spelled), value, rel_tol=2.0**-51, abs_tol=5e-324)
    if parse_like_redis(repr(value)) == value:
        assert float(spelled) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"1.2345678901234567e-30": ["1.2345678901234567e-30", "a\\"0.12345678901234567e-33"], "ä": null}',
        "[0, -7, 12345678901234567890, 0.5, -1.25e3, true, 0.0, -0.0, 1e400, 0e999]",
        f"[0.{'1' * 2000}]",
        "",
    ],
)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert round_trip_safe(text.encode()) == text.encode()
