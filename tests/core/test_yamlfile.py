"""YAML files: what is written reads back, and what cannot be used is refused with its line."""

from __future__ import annotations

import stat
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fieldfare.errors import FieldfareError, FileError
from fieldfare.support.yamlfile import YamlFile, dump_yaml, load_yaml, parse_yaml, reader, write_yaml

AWKWARD = (
    *("yes", "no", "on", "null", "~", "1", "1.5", "1e3", "0x1", ".inf", "1:30", "2024-01-01", "<<", "="),
    *("", " ", "\t", "\n", "a\nb", " a\n b \n", "- a", "# a", "a # b", "a: b", "a:", "---", "...", "%YAML 1.1"),
    *("!a", "&a", "*a", "?", "|", ">", "@a", "`a", "\x00", "\x7f", "\x85", "\u2028", "\ufeff", "\udcff", "😀"),
)
any_bytes = st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
texts = st.text(max_size=20) | any_bytes | st.sampled_from(AWKWARD)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=15
)


def refused(text: str) -> tuple[str, ...]:
    with pytest.raises(FileError) as caught:
        parse_yaml(text, "some.yaml")
    assert caught.value.exit_code == 2
    return caught.value.problems


@settings(max_examples=100)
@given(st.dictionaries(texts, values, min_size=1, max_size=4))
def test_whatever_is_written_reads_back_as_it_was(mapping: dict[str, object]) -> None:
    text = dump_yaml(mapping)

    assert repr(parse_yaml(text, "x").data) == repr(mapping)
    assert dump_yaml(mapping) == text
    text.encode()


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_text_stays_text(text: str) -> None:
    assert parse_yaml(dump_yaml({text: [text]}), "x").data == {text: [text]}


def test_tools_that_know_only_yaml_1_1_read_the_same_text_as_text() -> None:
    words = ["yes", "No", "on", "OFF", "y", "null", "1", "doc:", "1:30", "2024-01-01", "plain"]

    assert YAML(typ="safe").load("%YAML 1.1\n---\n" + dump_yaml({"words": words})) == {"words": words}


def test_files_are_written_for_readers() -> None:
    mapping = {"b": "é 😀 " + "long " * 60, "a": {"list": ("x", {"z": None}), "none": [], "flag": True}}

    assert dump_yaml(mapping).splitlines() == [
        f"b: '{mapping['b']}'",
        "a:",
        "  list:",
        "  - x",
        "  - z: null",
        "  none: []",
        "  flag: true",
    ]


def test_series_of_figures_are_on_one_line_and_long_keys_apart() -> None:
    mapping = {"few": [1, 2.5], "many": [0, -0.0, 1e17, float("inf"), *range(5)], "k" * 122: 1, "k" * 123: {}, "": ""}

    assert dump_yaml(mapping).splitlines() == [
        "few:",
        "- 1",
        "- 2.5",
        "many: [0, -0.0, 1e+17, .inf, 0, 1, 2, 3, 4]",
        f"{'k' * 122}: 1",
        f"? {'k' * 123}",
        ": {}",
        "'': ''",
    ]


def test_text_beyond_what_is_remembered_is_written_alike() -> None:
    texts = [f"{'word ' * length}{number}" for length in (1, 60) for number in range(700)]

    first = dump_yaml({"texts": texts})

    assert dump_yaml({"texts": texts}) == first
    assert parse_yaml(first, "x").data == {"texts": texts}


def test_the_same_value_twice_makes_no_anchor() -> None:
    shared = ["a"]

    assert dump_yaml({"x": shared, "z": shared}) == "x:\n- a\nz:\n- a\n"


def test_words_of_an_enumeration_are_words() -> None:
    class Colour(StrEnum):
        RED = "red"

    assert dump_yaml({Colour.RED: Colour.RED}) == "red: red\n"


@pytest.mark.parametrize("value", [b"raw", {1, 2}, object(), {"deep": [b"raw"]}, {1: "key"}])
def test_what_is_not_plain_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(TypeError, match=r"^here"):
        dump_yaml({"here": value})


def test_every_value_has_its_line() -> None:
    file = parse_yaml("# head\nchanges:\n  add_fields:\n\n  - name: a\n    type: tag\n  - {name: b}\n", "x")

    places = [("changes",), ("changes", "add_fields", 0, "type"), ("changes", "add_fields", 1)]
    assert [file.line(place) for place in places] == [2, 6, 7]
    assert file.line(("changes", "add_fields", 0, "attrs", "weight")) == 5, "what is not there has the line around it"


def test_all_problems_are_reported_in_the_order_of_the_file() -> None:
    file = parse_yaml("a: 1\nb:\n  c: 2\n", "x.yaml")

    error = file.error([(("b", "c"), "is two"), ((), "is small"), (("a",), "is one")])

    assert error.problems == ("line 1: is small", "line 1: a: is one", "line 3: b.c: is two")
    assert YamlFile("x", {}).error([(("b", 0), "is bad")]).problems == ("b[0]: is bad",), "no lines are known"


def test_a_file_full_of_mistakes_does_not_flood_the_terminal() -> None:
    problems = refused("".join(f"{number}: x\n" for number in range(1000)))

    assert len(problems) < 300
    assert problems[-1].startswith("and ")


def test_yes_is_text_as_yaml_1_2_says_and_dates_are_text() -> None:
    assert parse_yaml("a: yes\nb: 2024-01-01\nc: 0o17\nd: true\ne:\n", "x").data == {
        "a": "yes",
        "b": "2024-01-01",
        "c": 15,
        "d": True,
        "e": None,
    }


def test_anchors_may_be_used_and_used_again() -> None:
    assert parse_yaml("a: &x [1]\nb: *x\nc: &x 2\nd: *x\n", "x").data == {"a": [1], "b": [1], "c": 2, "d": 2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("# nothing\n", "empty"),
        ("- a\n", "must be a mapping of keys to values, not a list"),
        ("word", "must be a mapping of keys to values, not 'word'"),
        ("a: [1\nb: 2", "line 2, column 2: not YAML"),
        ("a: b: c", "line 1, column 5: not YAML"),
        ("a: \x01", "not YAML"),
        ("%YAML 1.9\n---\na: 1", "not YAML"),
        ("a: 1\n---\nb: 2", "line 2, column 1: not YAML: expected a single document"),
        ("a: 1\nb: 2\na: 3", "line 3: a: the same key as on line 1"),
        ("a:\n  1: x", "line 2: a.1: a key must be text; put it in quotes"),
        ("a:\n  [x]: y", "line 2: a.?: a key must be text"),
        ("base: &b {x: 1}\nuse:\n  <<: *b", "line 3: use.<<: a key must be text"),
        ("a:\n- !!python/object:os.system x", "line 2: a[0]: the tag"),
        ("a: !!binary aGk=", "line 1: a: the tag"),
        ("a: !mine {}", "line 1: a: the tag"),
        ("a: !!int x", "line 1: a: not a usable value"),
        ("a: *nowhere", "found undefined alias"),
        ("a: " + "9" * 5000, "line 1: a: not a usable value"),
        ("a: 0x" + "f" * 5000, "line 1: a: not a usable value: a number of more than 1,000 bits"),
        ("a: &a [*a]", "nested more than"),
        ("a: &a [*a, *a, *a]", "nested more than"),
        ("a: " + "[" * 100 + "]" * 100, "nested more than"),
        ("a: " + "[" * 2000, "not usable YAML: nested too deeply"),
    ],
)
def test_what_cannot_be_used_is_refused(text: str, said: str) -> None:
    assert any(said in problem for problem in refused(text))


def test_all_duplicates_are_reported_at_once() -> None:
    assert refused("a: 1\na: 2\nb:\n  c: 1\n  c: 2\n") == (
        "line 2: a: the same key as on line 1",
        "line 5: b.c: the same key as on line 4",
    )


def test_a_few_aliases_cannot_become_a_billion_values() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(
        f"{now}: &{now} [{', '.join(['*' + before] * 9)}]\n"
        for before, now in zip("abcdefghi", "bcdefghij", strict=True)
    )

    assert refused(bomb) == ("aliases repeat more than 10,000 values",)


def test_no_file_holds_more_values_than_ours_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """What that takes at most is tried in ``test_small_memory.py``."""
    monkeypatch.setattr(reader, "MAX_VALUES", 2_000)
    assert refused("a: [" + "x," * 2_000 + "]") == ("more than 2,000 values",)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    binary, large = tmp_path / "binary", tmp_path / "large"
    binary.write_bytes(b"a: \xff\xfe\x00")
    large.write_bytes(b"a: " + b"x" * 3_000_000)
    said = {
        tmp_path / "nowhere.yaml": "No such file or directory",
        tmp_path: "Is a directory",
        binary: "not UTF-8 text: byte 3 is 0xff",
        large: "larger than 2 MiB",
        Path("/dev/zero"): "larger than 2 MiB",
        Path("nul\x00byte"): "embedded null byte",
    }

    for path, problem in said.items():
        with pytest.raises(FileError) as caught:
            load_yaml(path)
        assert caught.value.path == str(path)
        assert caught.value.problems == (problem,)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes("a: ä\n".encode("utf-8-sig"))

    assert load_yaml(tmp_path / "x.yaml").data == {"a": "ä"}


@settings(max_examples=100)
@given(st.text(st.characters(codec="utf-8") | st.sampled_from("{}[]:,-&*!|>'\"%@`#?\n \t"), max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        data = parse_yaml(text, "x").data
    except FieldfareError:
        return
    assert all(isinstance(key, str) for key in data)


def test_a_file_is_written_with_its_head_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"

    write_yaml(path, {"a": "b"}, comment="First line.\n\nThird line.\n")

    assert path.read_text() == "# First line.\n#\n# Third line.\na: b\n"
    assert load_yaml(path).data == {"a": "b"}
    assert load_yaml(path).line(("a",)) == 4


def test_writing_leaves_nothing_but_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("old")
    path.chmod(0o640)

    write_yaml(path, {"a": 1})

    assert [each.name for each in tmp_path.iterdir()] == ["x.yaml"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.yaml").symlink_to(tmp_path / "x.yaml")

    write_yaml(tmp_path / "link.yaml", {"a": 1})

    assert (tmp_path / "link.yaml").is_symlink()
    assert load_yaml(tmp_path / "x.yaml").data == {"a": 1}


def test_a_device_is_written_to_not_replaced() -> None:
    write_yaml("/dev/null", {"a": 1})

    assert not Path("/dev/null").is_file()


def test_what_is_not_plain_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    write_yaml(path, {"a": 1})

    with pytest.raises(TypeError):
        write_yaml(path, {"a": b"raw"})

    assert load_yaml(path).data == {"a": 1}


def test_a_place_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "x.yaml", tmp_path, tmp_path / ("x" * 300), Path("nul\x00byte")):
        with pytest.raises(FileError) as caught:
            write_yaml(path, {"a": 1})
        assert caught.value.problems[0].startswith("cannot be written: ")
    assert not list(tmp_path.iterdir())
