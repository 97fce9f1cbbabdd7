"""Text that fits a terminal: nothing is cut, and no word breaks."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldfare.support.text_layout import command_lines, details, facts, table, text_width, wrap_text

WORDS = st.lists(
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=12), max_size=30
)


@given(words=WORDS, width=st.integers(20, 100))
def test_lines_break_between_words_only(words: list[str], width: int) -> None:
    text = " ".join(words)
    lines = wrap_text(text, width).split("\n")
    assert " ".join(line.strip(" ") for line in lines).split(" ") == text.strip(" ").split(" ")
    texts = [line for line in lines if len(line.split(" ")) > 1 and ":" not in line]
    assert all(text_width(line) <= width for line in texts)


@pytest.mark.parametrize(
    ("line", "second"),
    [
        ("- a list goes on below its own text", "  own text"),
        ("  + what is added goes on there, too", "    there, too"),
        ("12. a number of two digits goes on so", "    goes on so"),
        ("    as far as the line is indented", "    indented"),
        ("Error: at the very start of a long line", "a long line"),
    ],
)
def test_a_line_goes_on_below_its_text(line: str, second: str) -> None:
    assert wrap_text(line, 28).split("\n")[1] == second


def test_colours_and_wide_characters_take_the_room_that_they_take() -> None:
    assert text_width("\x1b[1;31mred\x1b[0m") == 3
    assert text_width("日本") == 4
    assert text_width("e\u0301") == 1


def test_facts_stand_below_each_other() -> None:
    assert facts([("A", "one two three"), ("Long name", "x")], 20) == [
        "A:         one two\n           three",
        "Long name: x",
    ]


ROWS = [["field 'embedding'", "quantize", "float32 to float16"], ["x", "", "y"]]


def test_a_table_is_as_wide_as_it_may_be() -> None:
    assert table(["Change", "Plugin", "What"], ROWS, None).splitlines()[1] == (
        "field 'embedding'  quantize  float32 to float16"
    )
    assert table(["Change", "Plugin", "What"], ROWS, 40).splitlines() == [
        "Change          Plugin    What",
        "field           quantize  float32 to",
        "'embedding'               float16",
        "x                         y",
    ]
    assert max(map(len, table(["Change", "Plugin", "What"], ROWS, 29).splitlines())) <= 29


def test_a_table_that_does_not_fit_becomes_lines_of_names_and_values() -> None:
    assert table(["Change", "Plugin", "What"], ROWS, 24).splitlines() == [
        "Change: field",
        "        'embedding'",
        "Plugin: quantize",
        "What:   float32 to",
        "        float16",
        "",
        "Change: x",
        "What:   y",
    ]


def test_cells_without_a_header_stand_alone_above_the_others() -> None:
    assert table(["", "Name"], [["1.", "a_long_name_of_an_index"], ["2.", "b"]], 20).splitlines() == [
        "1.",
        "Name: a_long_name_of_an_index",
        "",
        "2.",
        "Name: b",
    ]


def test_a_number_stays_with_its_unit() -> None:
    assert wrap_text("Rename a field: done, 2,000 docs in 5.0 s", 40, "  ").split("\n") == [
        "Rename a field: done, 2,000 docs in",
        "  5.0 s",
    ]


def test_a_word_that_fits_nowhere_stays_beside_its_label() -> None:
    assert facts([("Report", "/a/path/that/is/longer/than/a/line")], 20) == [
        "Report: /a/path/that/is/longer/than/a/line"
    ]


def test_a_prediction_of_recall_fits_80_columns() -> None:
    row = {
        "datatype": "bfloat16",
        "recall@10": 0.9984,
        "recall@100": 0.999,
        "mean_cosine": 1.0,
        "worst_cosine": 0.9999,
        "mean_error": 0.0017,
        "worst_error": 0.0019,
        "size_mib": 14.65,
        "note": "requested",
    }
    lines = "\n".join(details({"prediction": [row]}, 80)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1].split()[:3] == ["bfloat16", "0.9984", "0.999"]


COMMAND = "fieldfare rollback --backup-dir '/srv/back ups/of/articles' --index articles_by_meaning --yes"


@pytest.mark.parametrize("width", [60, 80, 200, None])
def test_a_command_can_be_copied_from_its_lines(width: int | None) -> None:
    lines = command_lines("To roll back:", COMMAND, width)
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert len(lines) == (1 if width in {200, None} else 2 if width == 80 else 3)
    assert width is None or max(map(len, lines)) <= width
    typed = "\n".join(lines).removeprefix("To roll back: ").replace("\\\n", "")
    assert shlex.split(typed) == shlex.split(COMMAND)
