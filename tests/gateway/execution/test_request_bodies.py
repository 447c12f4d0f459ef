"""Bodies on the wire, read back by other people's parsers."""

import base64
import email
import email.policy
import json
import re
from typing import Any
from urllib.parse import parse_qsl

import pytest
from execution_samples import body, connector, parameter, request
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.loader import load_shipped
from gateway.catalog.model import Connector
from gateway.credentials.model import Secret
from gateway.errors import InvalidRequest
from gateway.execution.arguments import split
from gateway.execution.request import build
from gateway.outbound.messages import Request

OPEN = {"type": "object", "additionalProperties": True}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def sent(made: Connector, value: Any) -> Request:
    return request(made, {"requestBody": value})


@given(st.dictionaries(TEXT, JSON, max_size=3))
def test_json(value: Any) -> None:
    for media_type in ("application/json", "application/vnd.api+json", "application/json; charset=utf-8"):
        made = sent(connector({"requestBody": body(OPEN, media_type)}), value)
        assert made.headers["Content-Type"] == media_type
        assert made.body is not None
        assert json.loads(made.body) == value


def test_no_body_has_no_content_type() -> None:
    made = request(connector({}), {})
    assert made.body is None
    assert "Content-Type" not in made.headers


def test_delete_may_have_a_body() -> None:
    made = request(connector({"requestBody": body(OPEN)}, method="delete"), {"a": 1})
    assert (made.method, made.body) == ("DELETE", b'{"a":1}')


def test_graphql_sends_query_and_variables() -> None:
    query = "query ($first: Int) { things(first: $first) { id } }"
    made = connector({"x-graphql": query, "requestBody": body({"type": "object", "properties": {"first": {}}})})
    asked = request(made, {"first": 5})
    assert asked.body is not None
    assert json.loads(asked.body) == {"query": query, "variables": {"first": 5}}
    assert (asked.headers["Content-Type"], asked.idempotent) == ("application/json", True)
    mutation = request(connector({"x-graphql": "mutation { a }"}), {})
    assert mutation.body is not None
    assert json.loads(mutation.body) == {"query": "mutation { a }", "variables": {}}
    assert mutation.idempotent is None


def test_a_shipped_graphql_action() -> None:
    shopify = load_shipped("shopify")
    action = shopify.actions["getShop"]
    asked = build(
        shopify,
        action,
        split(action, shopify.document, {}),
        Secret("apiKey", {"apiKey": "shpat_1", "shopName": "acme"}),
    )
    assert asked.url == "https://acme.myshopify.com/admin/api/2026-07/graphql.json"
    assert asked.headers["X-Shopify-Access-Token"] == "shpat_1"
    assert asked.credential_headers == {"x-shopify-access-token"}


FORM = "application/x-www-form-urlencoded"


def form(value: dict[str, Any], **encoding: Any) -> list[tuple[str, str]]:
    made = sent(connector({"requestBody": body(OPEN, FORM, encoding=encoding)}), value)
    assert made.headers["Content-Type"] == FORM
    assert made.body is not None
    assert re.fullmatch(rb"[A-Za-z0-9%+*._~=&-]*", made.body)
    return parse_qsl(made.body.decode(), keep_blank_values=True, strict_parsing=bool(made.body))


@given(st.dictionaries(TEXT.filter(bool), TEXT, max_size=4))
def test_forms_of_texts(value: dict[str, str]) -> None:
    assert form(value) == list(value.items())


@given(st.dictionaries(TEXT.filter(bool), st.lists(TEXT, max_size=3), max_size=3))
def test_forms_of_lists_repeat_the_name(value: dict[str, list[str]]) -> None:
    assert form(value) == [(name, item) for name, items in value.items() for item in items]


def test_forms_as_stripe_reads_them() -> None:
    assert form({"amount": 5, "capture": True, "none": None, "metadata": {"a b": "é", "n": {"x": [1, "y"]}}}) == [
        ("amount", "5"),
        ("capture", "true"),
        ("metadata[a b]", "é"),
        ("metadata[n][x][0]", "1"),
        ("metadata[n][x][1]", "y"),
    ]
    assert form({"items": [{"price": "p", "tags": ["t"]}]}) == [("items[0][price]", "p"), ("items[0][tags][0]", "t")]


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ({"style": "deepObject", "explode": True}, [("a[0]", "x"), ("a[1]", "y z")]),
        ({"style": "form", "explode": True}, [("a", "x"), ("a", "y z")]),
        ({"style": "form", "explode": False}, [("a", "x,y z")]),
        ({"style": "pipeDelimited", "explode": False}, [("a", "x|y z")]),
        ({"contentType": "application/json"}, [("a", '["x","y z"]')]),
        ("nonsense", [("a", "x"), ("a", "y z")]),
    ],
)
def test_what_the_document_says_of_a_field(encoding: Any, expected: list[tuple[str, str]]) -> None:
    assert form({"a": ["x", "y z"]}, a=encoding) == expected


def test_a_form_must_be_an_object() -> None:
    for media_type in (FORM, "multipart/form-data"):
        with pytest.raises(InvalidRequest) as caught:
            sent(connector({"requestBody": body({}, media_type)}), ["a"])
        assert caught.value.details == {"field": "parameters.requestBody", "rule": "type"}


def parts(made: Request) -> list[Any]:
    """The parts of a multipart body, as the standard library's mail parser sees them."""
    content_type = made.headers["Content-Type"]
    assert made.body is not None
    head = f"Content-Type: {content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    message = email.message_from_bytes(head + made.body, policy=email.policy.HTTP)
    assert not message.defects
    return list(message.iter_parts())


def multipart(properties: dict[str, Any], value: dict[str, Any], **encoding: Any) -> list[Any]:
    schema = {"type": "object", "properties": properties, "additionalProperties": True}
    return parts(sent(connector({"requestBody": body(schema, "multipart/form-data", encoding=encoding)}), value))


def described(part: Any) -> tuple[Any, ...]:
    disposition = part["Content-Disposition"]
    content_type = part.get_content_type() if part["Content-Type"] else None
    return (
        disposition.params.get("name"),
        disposition.params.get("filename"),
        content_type,
        part.get_payload(decode=True),
    )


FILE = {"type": "string", "format": "binary"}
BYTES = bytes(range(256))
CODED = base64.b64encode(BYTES).decode()


def test_multipart_values_and_files() -> None:
    found = multipart(
        {"file": FILE, "more": {"type": "array", "items": FILE}, "about": {"type": "object"}},
        {
            "file": {"base64": CODED, "filename": "é b.png", "contentType": "image/png"},
            "more": [CODED, {"base64": "aGk="}],
            "about": {"a": 1},
            "tags": ["x", 2],
            "flag": True,
            "none": None,
        },
    )
    assert [described(part) for part in found] == [
        ("file", "é b.png", "image/png", BYTES),
        ("more", "file", "application/octet-stream", BYTES),
        ("more", "file", "application/octet-stream", b"hi"),
        ("about", None, "application/json", b'{"a":1}'),
        ("tags", None, None, b"x"),
        ("tags", None, None, b"2"),
        ("flag", None, None, b"true"),
    ]


def test_an_address_in_a_multipart_body_may_be_a_file() -> None:
    """As drf-spectacular describes Django REST framework's FileField."""
    about = {"avatar": {"type": "string", "format": "uri", "nullable": True}}
    found = multipart(about, {"avatar": {"base64": CODED, "filename": "a.png", "contentType": "image/png"}})
    assert [described(part) for part in found] == [("avatar", "a.png", "image/png", BYTES)]
    found = multipart(about, {"avatar": "https://a.example/a.png"})
    assert [described(part) for part in found] == [("avatar", None, None, b"https://a.example/a.png")]
    with pytest.raises(InvalidRequest, match="avatar"):
        multipart({"avatar": {"type": "string"}}, {"avatar": {"base64": CODED}})


def test_the_document_may_say_the_type_of_a_part() -> None:
    (part,) = multipart({}, {"a": "<x/>"}, a={"contentType": "application/xml"})
    assert described(part) == ("a", None, "application/xml", b"<x/>")
    (part,) = multipart({}, {"a": "x"}, a={"contentType": "text/plain\r\nX-Evil: 1"})
    assert part["X-Evil"] is None


NAMES = st.text(st.sampled_from('ab"\r\n;\\ =é') | st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(NAMES, NAMES, st.binary(max_size=30))
def test_no_name_can_end_the_head_of_a_part(name: str, filename: str, data: bytes) -> None:
    value = {name: "text", "file": {"base64": base64.b64encode(data).decode(), "filename": filename}}
    schema = {"type": "object", "properties": {"file": FILE}, "additionalProperties": True}
    made = sent(connector({"requestBody": body(schema, "multipart/form-data")}), value)
    assert made.body is not None
    boundary = re.search("boundary=([0-9a-f]{32})$", made.headers["Content-Type"])
    assert boundary is not None
    pieces = made.body.split(f"--{boundary[1]}".encode())
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    heads = [piece.split(b"\r\n\r\n", 1)[0].decode() for piece in pieces[1:-1]]
    assert len(heads) == len(value)
    for head in heads:
        lines = head.removeprefix("\r\n").split("\r\n")
        assert re.fullmatch(r'Content-Disposition: form-data; name="[^"\r\n]*"(; filename="[^"\r\n]*")?', lines[0])
        assert lines[1:] in ([], ["Content-Type: application/octet-stream"])


@pytest.mark.parametrize(
    ("value", "field", "rule"),
    [
        ("not base64!", "parameters.file", "base64"),
        ("aGk", "parameters.file", "base64"),
        ({"base64": "é"}, "parameters.file", "base64"),
        ({"base64": "aGk=", "contentType": "a/b\r\nX: y"}, "parameters.file.contentType", "pattern"),
    ],
)
def test_files_that_are_none(value: Any, field: str, rule: str) -> None:
    schema = {"type": "object", "properties": {"file": FILE}}
    with pytest.raises(InvalidRequest) as caught:
        request(connector({"requestBody": body(schema, "multipart/form-data")}), {"file": value})
    assert caught.value.details == {"field": field, "rule": rule}


def test_base64_may_be_wrapped() -> None:
    wrapped = base64.encodebytes(BYTES).decode()
    assert "\n" in wrapped
    assert sent(connector({"requestBody": body(FILE, "application/octet-stream")}), wrapped).body == BYTES


def test_a_file_as_the_whole_body() -> None:
    for schema in (FILE, {}):
        loaded = connector({"requestBody": body(schema, "image/png")})
        made = sent(loaded, CODED)
        assert (made.body, made.headers["Content-Type"]) == (BYTES, "image/png")
        made = sent(loaded, {"base64": CODED, "contentType": "image/webp"})
        assert (made.body, made.headers["Content-Type"]) == (BYTES, "image/webp")
    with pytest.raises(InvalidRequest) as caught:
        sent(loaded, "no!")
    assert caught.value.details == {"field": "parameters.requestBody", "rule": "base64"}


@given(TEXT)
def test_text(value: str) -> None:
    for media_type in ("text/plain", "application/xml", "text/csv"):
        made = sent(connector({"requestBody": body({"type": "string"}, media_type)}), value)
        assert (made.body, made.headers["Content-Type"]) == (value.encode(), media_type)


def test_numbers_and_objects_where_text_is_sent() -> None:
    loaded = connector({"requestBody": body({}, "text/plain")})
    assert sent(loaded, 5).body == b"5"
    assert sent(loaded, {"a": 1}).body == b'{"a":1}'


def test_hidden_names_may_be_words_of_a_text() -> None:
    loaded = connector(
        {"requestBody": body({"type": "string"}, "text/plain")}, **{"x-connector": {"hidden": ["token"]}}
    )
    assert sent(loaded, "about a token").body == b"about a token"


def test_hidden_names_are_not_taken_in_open_bodies() -> None:
    loaded = connector(
        {"requestBody": body(OPEN), "parameters": [parameter("q")]}, **{"x-connector": {"hidden": ["token"]}}
    )
    for given_arguments in ({"token": "x"}, {"requestBody": {"token": "x"}}):
        with pytest.raises(InvalidRequest) as caught:
            request(loaded, given_arguments)
        assert caught.value.details == {"field": "parameters.token", "rule": "unknown"}
    with pytest.raises(InvalidRequest) as caught:
        request(loaded, {"additionalHeaders": {"TOKEN": "x"}})
    assert caught.value.details["rule"] == "forbidden"


@pytest.mark.parametrize(
    ("media_type", "schema", "given", "expected"),
    [
        ("*/*", {"type": "object"}, {"a": 1}, ("application/json", b'{"a":1}')),
        ("*/*", {"type": "string", "format": "binary"}, "AAEC", ("application/octet-stream", b"\x00\x01\x02")),
        ("image/*", {}, "AAEC", ("application/octet-stream", b"\x00\x01\x02")),
        ("image/*", {}, {"base64": "AAEC", "contentType": "image/png"}, ("image/png", b"\x00\x01\x02")),
        ("text/*", {"type": "string"}, "hello", ("text/plain", b"hello")),
    ],
)
def test_ranges_of_media_types(
    media_type: str, schema: dict[str, Any], given: Any, expected: tuple[str, bytes]
) -> None:
    made = request(connector({"requestBody": body(schema, media_type)}), {"requestBody": given})
    assert (made.headers["Content-Type"], made.body) == expected


def test_a_patch_of_objects_is_merged() -> None:
    types = ["application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json"]
    content = {name: {"schema": {"type": "object"}} for name in types}
    made = request(connector({"requestBody": {"required": True, "content": content}}), {"requestBody": {"a": 1}})
    assert made.headers["Content-Type"] == "application/merge-patch+json"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"image/png": {}}, "image/png, application/json;q=0.9, */*;q=0.8"),
        ({"image/*": {}, "text/csv; charset=utf-8": {}}, "image/*, application/json;q=0.9, */*;q=0.8"),
        ({"application/pdf": {}, "application/problem+json": {}}, "application/json, */*;q=0.8"),
        ({"application/json": {}}, "application/json, */*;q=0.8"),
        ({}, "application/json, */*;q=0.8"),
        ({"a\r\nX-Evil: 1": {}, "*/*": {}}, "application/json, */*;q=0.8"),
    ],
)
def test_what_is_asked_for(content: dict[str, Any], expected: str) -> None:
    loaded = connector({"responses": {"200": {"content": content}, "400": {"content": {"a/b": {}}}}}, method="get")
    assert request(loaded, {}).headers["Accept"] == expected


def test_a_connector_says_for_itself_what_it_wants() -> None:
    more = {"x-connector": {"headers": {"Accept": "application/vnd.x+json"}}}
    loaded = connector({"responses": {"200": {"content": {"image/png": {}}}}}, method="get", **more)
    assert request(loaded, {}).headers["Accept"] == "application/vnd.x+json"


@pytest.mark.parametrize(("written", "value"), [("int", 5), ("float", 2.5), ("bool", True), ("str", "a")])
def test_types_of_programming_languages(written: str, value: Any) -> None:
    loaded = connector({"parameters": [parameter("a", {"type": written})]}, method="get")
    request(loaded, {"a": value})
    with pytest.raises(InvalidRequest, match="must be of type"):
        request(loaded, {"a": [value]})
