"""Bytes to documents: what YAML means in OpenAPI, and what no text may do to us."""

import re
import time
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.documents import reading
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.documents.reading import parse

SCALARS: list[tuple[str, Any]] = [
    ("plain text", "plain text"),
    ("'quoted'", "quoted"),
    ("5", 5),
    ("-5", -5),
    ("'5'", "5"),
    ("!!str 5", "5"),
    ("2.50", 2.5),
    ("1e3", 1000.0),
    (".5", 0.5),
    ("0x1F", 31),
    ("0o17", 15),
    # YAML 1.1 reads 017 as 15, and what follows as booleans, dates and base 60.
    ("017", 17),
    ("on", "on"),
    ("No", "No"),
    ("y", "y"),
    ("2026-01-31", "2026-01-31"),
    ("2026-01-31 10:00:00", "2026-01-31 10:00:00"),
    ("12:30:45", "12:30:45"),
    ("1_000", "1_000"),
    ("true", True),
    ("FALSE", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("v1.2.3", "v1.2.3"),
    ("+", "+"),
    ("-", None),
    ("=", "="),
    # More than 64 bits is a floating-point number, as JSON parsers have it.
    ("18446744073709551615", 2**64 - 1),
    ("18446744073709551616", float(2**64)),
    ("1" * 300, float("1" * 300)),
    ("1" * 301, "1" * 301),
    ("1e999", "1e999"),
    ("!!int 7", 7),
    ("!!timestamp 2026-01-31", "2026-01-31"),
]


@pytest.fixture(params=["libyaml", "pure Python"])
def any_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "pure Python":
        monkeypatch.setattr(reading, "_LOADER", yaml.SafeLoader)


@pytest.mark.usefixtures("any_loader")
@pytest.mark.parametrize(("written", "meant"), [case for case in SCALARS if case[0] != "-"])
def test_scalars_mean_what_yaml_1_2_says(written: str, meant: Any) -> None:
    value = parse(f"a: {written}\nb: 1\n")["a"]
    assert value == meant
    assert type(value) is type(meant)


@pytest.mark.usefixtures("any_loader")
def test_keys_are_strings_as_they_are_written() -> None:
    found = parse('200: a\ntrue: b\n"on": c\n2026-01-31: d\n1.0: e\n~: f\n')
    assert found == {"200": "a", "true": "b", "on": "c", "2026-01-31": "d", "1.0": "e", "~": "f"}


def test_json_may_begin_with_a_byte_order_mark_and_with_space() -> None:
    assert parse(b'\xef\xbb\xbf \r\n {"a": [1, null]}') == {"a": [1, None]}


@pytest.mark.usefixtures("any_loader")
def test_a_quoted_merge_key_is_a_key() -> None:
    assert parse("'<<': 1\nb: 2\n") == {"<<": 1, "b": 2}


@pytest.mark.usefixtures("any_loader")
def test_anchors_and_merges() -> None:
    found = parse("a: &a {x: 1, y: [2]}\nb: *a\nc:\n  <<: *a\n  x: 3\nd:\n  <<: [{z: 1}, *a]\n&k key: *k\n")
    assert found == {
        "a": {"x": 1, "y": [2]},
        "b": {"x": 1, "y": [2]},
        "c": {"x": 3, "y": [2]},
        "d": {"z": 1, "x": 1, "y": [2]},
        "key": "key",
    }


REFUSED: list[tuple[str, bytes | str, str, str]] = [
    ("not JSON", '{"a": 1,\n "b": }', "line 2", "json"),
    ("not YAML", "a: 1\n]", "line 2", "yaml"),
    ("a control character", b"a: \x01", "#", "yaml"),
    ("not UTF-8", b'{"a": "\xff"}', "#", "encoding"),
    ("a lone surrogate", "a: \ud800", "#", "encoding"),
    ("an escaped lone surrogate in JSON", '{"a": "\\ud800"}', "line 1", "json"),
    ("an escaped lone surrogate in YAML", 'a: 1\nb: "\\ud83d"', "line 2", "yaml"),
    ("a list", "[1]", "#", "type"),
    ("nothing", "", "#", "type"),
    ("a comment", "# only this", "#", "type"),
    ("two documents", "a: 1\n---\nb: 2\n", "line 2", "documents"),
    ("a key twice", "a: 1\nb: 2\na: 3\n", "line 3", "uniqueKeys"),
    ("a key twice in two spellings", "200: 1\n'200': 3\n", "line 2", "uniqueKeys"),
    ("a key twice by alias", "a: &x b\nb: 1\n*x : 2\n", "line 3", "uniqueKeys"),
    ("a list as key", "a: 1\n? [1]\n: 2\n", "line 2", "keys"),
    ("an alias to a list as key", "a: &x [1]\n*x : 2\n", "line 2", "keys"),
    ("an alias to its parent", "a: &x\n  - *x\n", "line 2", "alias"),
    ("an alias to nothing", "a: 1\nb: *x\n", "line 2", "alias"),
    ("a Python object", "a: !!python/object/apply:os.system [ls]\n", "line 1", "tag"),
    ("a tag of its own", "a: 1\nb: !include other.yaml\n", "line 2", "tag"),
    ("infinity", "a: .inf\n", "line 1", "number"),
    ("not a number", "a: -.inf\nb: .NaN\n", "line 1", "number"),
    ("a merge of text", "a: 1\n<<: text\n", "line 2", "merge"),
]


@pytest.mark.usefixtures("any_loader")
@pytest.mark.parametrize(("text", "place", "rule"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refusals_name_their_place(text: bytes | str, place: str, rule: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text)
    assert caught.value.details == {"field": "document", "rule": rule, "place": place}
    assert caught.value.message.startswith(f"{place}: ")


def test_a_parser_does_not_repeat_the_text() -> None:
    with pytest.raises(DocumentError) as caught:
        parse('{"password": hunter2}')
    assert "hunter2" not in caught.value.message


BOMBS = {
    "ten to the ninth": "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
    + "".join(f"{c}: &{c} [{','.join([f'*{p}'] * 10)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)),
    "merges": "a: &a {"
    + ",".join(f"k{n}: 1" for n in range(3000))
    + "}\n"
    + "".join(f"m{n}:\n  <<: *a\n" for n in range(3000)),
    "a hundred thousand lists in one another": "a: " + "[" * 100_000,
    "closed, too": "a: " + "[" * 5_000 + "]" * 5_000,
    "block style": "\n".join(" " * depth + "a:" for depth in range(2_000)),
    "deep by aliases": "a: &a0 []\n" + "".join(f"b{n}: &a{n + 1} {'[' * 20}*a{n}{']' * 20}\n" for n in range(10)),
    "JSON": '{"a": ' + "[" * 300 + "]" * 300 + "}",
    "deep JSON": '{"a": ' + "[" * 100_000,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_are_refused_quickly(text: str) -> None:
    begun = time.process_time()
    with pytest.raises(DocumentError) as caught:
        parse(text)
    assert caught.value.details["rule"] in ("depth", "maxItems", "json")
    assert time.process_time() - begun < 3


def test_size_is_bounded() -> None:
    with pytest.raises(DocumentError, match="may have 33,554,432 bytes") as caught:
        parse(b"a: " + b"x" * reading.MAX_BYTES)
    assert caught.value.details["rule"] == "maxLength"


def test_a_document_of_the_deepest_kind_is_taken() -> None:
    depth = reading.LIMITS.depth
    assert parse('{"a":' * depth + "{}" + "}" * depth)
    assert parse("a: " + "[" * (depth - 1) + "1" + "]" * (depth - 1))
    assert parse('{"a": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}") == parse(
        "a: " + "[" * (depth - 1) + "]" * (depth - 1)
    )


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_json_is_read_as_it_is_written(value: dict[str, Any]) -> None:
    assert parse(orjson.dumps(value)) == value


# PyYAML writes as YAML 1.1 has it, where 0E0 is no number: such texts are left out.
PLAIN = TEXT.filter(lambda text: not re.match("[-+.0-9]", text))
YAML_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PLAIN, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(PLAIN, YAML_VALUES, max_size=5), st.booleans())
def test_yaml_is_read_as_it_is_written(value: dict[str, Any], flow: bool) -> None:
    written = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True)
    # A comment in front, so that flow style is not taken for JSON.
    assert parse(f"# A document\n{written}") == value
    orjson.dumps(parse(f"# A document\n{written}"))
