"""Each style, decoded by a parser of its own that knows nothing of ours."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from execution_samples import connector, parameter, request
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.model import Parameter
from gateway.errors import InvalidRequest
from gateway.execution import styles

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="[]"), min_size=1, max_size=8)
TEXTS = st.lists(TEXT, min_size=1, max_size=4)
FIELDS = st.dictionaries(NAMES, TEXT, min_size=1, max_size=4)
NAME = "a[b] c&=é"


def query(value: Any, **more: Any) -> str:
    """The query of a request with one parameter, as it is sent."""
    url = request(connector({"parameters": [parameter(NAME, **more)]}), {NAME: value}).url
    assert re.fullmatch(r"[!-~]+", url)
    assert "#" not in url
    return urlsplit(url).query


def pairs(sent: str) -> list[tuple[str, str]]:
    return parse_qsl(sent, keep_blank_values=True, strict_parsing=bool(sent), separator="&")


def raw(sent: str) -> str:
    """The value of a query of one pair, still encoded."""
    name, _, value = sent.partition("=")
    assert unquote(name) == NAME
    assert "&" not in value
    return value


@given(TEXT)
def test_a_text(value: str) -> None:
    assert unquote(raw(query(value))) == value


@pytest.mark.parametrize(
    ("value", "written"),
    [(True, "true"), (False, "false"), (5, "5"), (5.0, "5"), (2.5, "2.5"), (-1e300, "-1e+300"), (2**63, str(2**63))],
)
def test_other_scalars(value: Any, written: str) -> None:
    assert unquote(raw(query(value))) == written


def test_integers_that_json_parsers_cannot_hold_are_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        query(10**30)
    assert caught.value.details["rule"] == "json"


def test_null_is_not_sent() -> None:
    assert query(None) == ""


@given(TEXTS)
def test_form_exploded(value: list[str]) -> None:
    assert pairs(query(value)) == [(NAME, item) for item in value]


@given(TEXTS)
def test_form_in_one(value: list[str]) -> None:
    assert [unquote(item) for item in raw(query(value, explode=False)).split(",")] == value


@given(TEXTS)
def test_form_in_one_with_reserved_characters(value: list[str]) -> None:
    sent = raw(query(value, explode=False, allowReserved=True))
    assert [unquote(item) for item in sent.split(",")] == value


@given(st.sampled_from([("spaceDelimited", "%20", " "), ("pipeDelimited", "%7C", "|")]), TEXTS)
def test_other_delimiters(style: tuple[str, str, str], value: list[str]) -> None:
    name, delimiter, character = style
    if any(character in item for item in value):
        with pytest.raises(InvalidRequest) as caught:
            query(value, style=name, explode=False)
        assert caught.value.details["rule"] == "delimiter"
    else:
        assert [unquote(item) for item in raw(query(value, style=name, explode=False)).split(delimiter)] == value


@given(FIELDS)
def test_an_object_exploded(value: dict[str, str]) -> None:
    assert dict(pairs(query(value))) == value


@given(FIELDS)
def test_an_object_in_one(value: dict[str, str]) -> None:
    parts = [unquote(item) for item in raw(query(value, explode=False)).split(",")]
    assert dict(zip(parts[::2], parts[1::2], strict=True)) == value


NESTED = st.recursive(
    TEXT,
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(NAMES, NESTED, min_size=1, max_size=3) | st.lists(NESTED, min_size=1, max_size=3))
def test_deep_objects(value: Any) -> None:
    sent = request(
        connector({"parameters": [parameter("filter", style="deepObject", explode=True)]}), {"filter": value}
    ).url
    assert unfolded(pairs(urlsplit(sent).query)) == {"filter": unindexed(value)}


def unfolded(found: list[tuple[str, str]]) -> dict[str, Any]:
    """Brackets to nested objects, the way Rack and PHP do it; lists are objects of their indices here."""
    tree: dict[str, Any] = {}
    for key, value in found:
        first, rest = re.match(r"([^\[]*)(.*)", key, re.DOTALL).groups()  # type: ignore[union-attr]  # matches all
        steps = [first, *re.findall(r"\[([^\]]*)\]", rest)]
        node = tree
        for step in steps[:-1]:
            node = node.setdefault(step, {})
        assert steps[-1] not in node
        node[steps[-1]] = value
    return tree


def unindexed(value: Any) -> Any:
    if isinstance(value, list):
        return {str(index): unindexed(item) for index, item in enumerate(value)}
    return {name: unindexed(item) for name, item in value.items()} if isinstance(value, dict) else value


def test_lists_of_deep_objects_have_indices() -> None:
    made = parameter("expand", {"type": "array"}, style="deepObject", explode=True)
    sent = request(connector({"parameters": [made]}), {"expand": ["a", {"b": 1}]}).url
    assert unquote(urlsplit(sent).query) == "expand[0]=a&expand[1][b]=1"


@pytest.mark.parametrize("style", ["form", "spaceDelimited", "pipeDelimited", "deepObject"])
@pytest.mark.parametrize("explode", [True, False])
@pytest.mark.parametrize("value", [[], {}])
def test_empty_containers_are_not_sent(style: str, explode: bool, value: Any) -> None:
    assert query(value, style=style, explode=explode) == ""


@given(TEXT)
def test_reserved_characters_stay_but_cannot_start_another_parameter(value: str) -> None:
    sent = query(value, allowReserved=True)
    assert len(sent.split("&")) == 1
    assert unquote(raw(sent)) == value
    assert pairs(sent) == [(NAME, value)]
    kept = "/:?@!$'()*,;="
    assert raw(query(kept, allowReserved=True)) == kept


@given(st.recursive(st.none() | st.booleans() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)))
def test_content_is_json(value: Any) -> None:
    described = {"name": NAME, "in": "query", "content": {"application/json": {}}}
    sent = urlsplit(request(connector({"parameters": [described]}), {NAME: value}).url).query
    if value is None:
        assert sent == ""
    else:
        assert json.loads(unquote(raw(sent))) == value


def test_nested_values_that_a_style_cannot_say_are_json() -> None:
    assert pairs(query([{"a": [1]}])) == [(NAME, '{"a":[1]}')]


def test_several_parameters_and_a_query_of_the_path_itself() -> None:
    made = connector({"parameters": [parameter("a"), parameter("b"), parameter("c")]}, path="/things?kind=x y#second")
    assert request(made, {"b": 1, "a": [2, 3]}).url == "https://things.example.com/v1/things?kind=x%20y&b=1&a=2&a=3"


def test_placeholders_in_the_query_of_a_path_are_left_to_the_parameters() -> None:
    made = connector({"parameters": [parameter("q")]}, path="/search?q={q}&kind=x")
    assert request(made, {"q": "a&b"}).url == "https://things.example.com/v1/search?kind=x&q=a%26b"
    assert request(made, {}).url == "https://things.example.com/v1/search?kind=x"


def test_keys_of_an_object_do_not_pass_for_other_parameters() -> None:
    made = connector({"parameters": [parameter("filter", {"type": "object"}), parameter("admin")]})
    assert request(made, {"filter": {"x": "1"}, "admin": "no"}).url.endswith("?x=1&admin=no")
    with pytest.raises(InvalidRequest) as caught:
        request(made, {"filter": {"admin": "yes"}})
    assert caught.value.details == {"field": "parameters.filter.admin", "rule": "forbidden"}


def header(value: Any, **more: Any) -> str:
    made = connector({"parameters": [parameter("X-A", location="header", **more)]})
    return request(made, {"X-A": value}).headers["X-A"]


def test_json_in_a_header_is_ascii_and_still_the_same_value() -> None:
    about = {"name": "X-A", "in": "header", "content": {"application/json": {"schema": {"type": "object"}}}}
    value = {"path": "/Grüße 日本.txt", "mute": True, "odd": "\x7f\n"}
    sent = request(connector({"parameters": [about]}), {"X-A": value}).headers["X-A"]
    assert sent == r'{"path":"/Gr\u00fc\u00dfe \u65e5\u672c.txt","mute":true,"odd":"\u007f\n"}'
    assert json.loads(sent) == value


def test_headers() -> None:
    assert header("a b") == "a b"
    assert header(["a", 1, True]) == "a,1,true"
    assert header({"a": 1, "b": "x"}) == "a,1,b,x"
    assert header({"a": 1, "b": "x"}, explode=True) == "a=1,b=x"
    described = {"name": "X-A", "in": "header", "content": {"application/json": {}}}
    assert request(connector({"parameters": [described]}), {"X-A": {"a": 1}}).headers["X-A"] == '{"a":1}'


STRANGE = st.text(st.sampled_from("a,\t\r\n\x00\x7f é\ud800") | st.characters(), max_size=8)


@given(STRANGE | st.lists(STRANGE) | st.dictionaries(STRANGE, STRANGE, max_size=3))
def test_no_header_parameter_can_end_its_line(value: Any) -> None:
    parts = [value] if isinstance(value, str) else [*value, *(value.values() if isinstance(value, dict) else ())]
    if any(re.search("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]", part) for part in parts):
        with pytest.raises(InvalidRequest):
            header(value)
    else:
        assert header(value).count(",") == sum(part.count(",") for part in parts) + max(len(parts) - 1, 0)


def cookies(values: dict[str, Any], **more: Any) -> list[str]:
    made = connector({"parameters": [parameter(name, location="cookie", **more) for name in values]})
    sent = request(made, values)
    assert "cookie" in sent.credential_headers
    return sent.headers["Cookie"].split("; ")


@given(st.dictionaries(st.sampled_from(["a", "b c", "é"]), TEXT, min_size=1))
def test_cookies(values: dict[str, str]) -> None:
    found = dict(cookie.split("=") for cookie in cookies(values))
    assert {unquote(name): unquote(value) for name, value in found.items()} == values
    assert all(re.fullmatch(r"[A-Za-z0-9%._~-]*", value) for value in found.values())


def test_cookies_of_containers() -> None:
    assert cookies({"a": ["x", "y"]}) == ["a=x%2Cy"]
    assert cookies({"a": {"x": 1}}) == ["a=x%2C1"]


def path(value: Any, **more: Any) -> str:
    made = connector({"parameters": [parameter("p", location="path", **more)]}, path="/x{p}")
    return request(made, {"p": value}).url.removeprefix("https://things.example.com/v1/x")


# RFC 6570, section 2.4.2 and 3.2: the same list and object as there.
LIST, OBJECT = ["red", "green", "blue"], {"semi": ";", "dot": ".", "comma": ","}


@pytest.mark.parametrize(
    ("style", "explode", "value", "expected"),
    [
        ("simple", False, "a,b", "a%2Cb"),
        ("simple", False, LIST, "red,green,blue"),
        ("simple", False, OBJECT, "semi,%3B,dot,.,comma,%2C"),
        ("simple", True, OBJECT, "semi=%3B,dot=.,comma=%2C"),
        ("label", False, "red", ".red"),
        ("label", False, LIST, ".red,green,blue"),
        ("label", True, LIST, ".red.green.blue"),
        ("label", True, {"a": "1"}, ".a=1"),
        ("matrix", False, "red", ";p=red"),
        ("matrix", False, LIST, ";p=red,green,blue"),
        ("matrix", True, LIST, ";p=red;p=green;p=blue"),
        ("matrix", True, {"a": "1", "b": "2"}, ";a=1;b=2"),
        ("matrix", False, {"a": "1"}, ";p=a,1"),
    ],
)
def test_path_styles(style: str, explode: bool, value: Any, expected: str) -> None:
    if value == OBJECT:
        with pytest.raises(InvalidRequest):
            path(value, style=style, explode=explode)
        made = Parameter(name="p", location="path", required=True, schema={}, style=style, explode=explode)
        assert styles.path(made, value, styles.encoded) == expected
    else:
        assert path(value, style=style, explode=explode) == expected


@given(st.lists(st.text("abc,;/?% é", min_size=1), min_size=1))
def test_a_list_in_a_path(value: list[str]) -> None:
    assert [unquote(item) for item in path(value).split(",")] == value
