"""Whatever a caller gives: it stays in its place. Values cannot climb, end a line, or become another parameter."""

import re
from contextlib import suppress
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from execution_samples import TOKEN, body, connector, parameter, request
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import InvalidRequest
from gateway.outbound.messages import Request

# Surrogates are no JSON; `split` refuses them, and tests of its own say so.
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
WICKED = st.lists(
    st.sampled_from(
        [
            "..",
            ".",
            "/",
            "\\",
            "%2e",
            "%2F",
            "%5c",
            "\r\n",
            "\n",
            "\x00",
            ";",
            "?",
            "#",
            "&",
            "=",
            "@",
            ":",
            "//",
            "a",
            "é",
        ]
    ),
    max_size=8,
).map("".join)
VALUES = TEXTS | WICKED
SECRET = {"components": {"securitySchemes": {"b": {"type": "http", "scheme": "bearer"}}}}

PATHS = connector(
    {"parameters": [parameter("a", {"type": "string"}, "path"), parameter("b", {"type": "string"}, "path")]},
    path="/x/{a}/y.{b}/z",
    method="get",
)
FILES = connector(
    {"parameters": [parameter("a", {"type": "string"}, "path", **{"x-multi-segment": True})]},
    path="/files/{a}",
    method="get",
)
QUERIES = connector(
    {"parameters": [parameter("a"), parameter("b", style="pipeDelimited", explode=False)]}, method="get"
)
HEADERS = connector(
    {"parameters": [parameter("X-A", {"type": "string"}, "header"), parameter("c", {"type": "string"}, "cookie")]},
    method="get",
    **SECRET,
)
OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}
FORM = connector({"requestBody": body(OBJECT, "application/x-www-form-urlencoded")})
PARTS = connector({"requestBody": body(OBJECT, "multipart/form-data")})


@given(a=VALUES, b=VALUES)
@example(a="..", b="x")
@example(a="a", b=".")
@example(a="%2e%2e", b="%252e%252e/")
@example(a="../../admin", b="x")
@example(a="..\\..", b="x")
def test_a_path_keeps_its_segments(a: str, b: str) -> None:
    with suppress(InvalidRequest):
        made = request(PATHS, {"a": a, "b": b})
        parts = urlsplit(made.url)
        assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("https", "things.example.com", "", "")
        segments = parts.path.split("/")
        assert len(segments) == 6
        assert (segments[1], segments[2], segments[4][:2], segments[5]) == ("v1", "x", "y.", "z")
        assert unquote(segments[3]) == a
        assert unquote(segments[4]) == f"y.{b}"
        assert not {".", ".."} & {unquote(segment) for segment in segments}
        assert re.fullmatch(r"[!-~]+", made.url)


@given(value=VALUES)
@example(value="a/../b")
@example(value="/etc/passwd")
@example(value="a//b")
def test_several_segments_do_not_climb_either(value: str) -> None:
    with suppress(InvalidRequest):
        made = request(FILES, {"a": value})
        path = urlsplit(made.url).path
        assert path.startswith("/v1/files/")
        assert unquote(path.removeprefix("/v1/files/")) == value
        assert not {".", "..", ""} & {unquote(segment) for segment in path.split("/")[1:]}


@given(a=VALUES, items=st.lists(VALUES, min_size=1, max_size=3))
def test_a_query_value_is_one_value(a: str, items: list[str]) -> None:
    with suppress(InvalidRequest):
        made = request(QUERIES, {"a": a, "b": items})
        found = parse_qsl(urlsplit(made.url).query, keep_blank_values=True)
        assert found == [("a", a), ("b", "|".join(items))]
        assert urlsplit(made.url).fragment == ""


@given(value=VALUES, cookie=VALUES, name=VALUES)
@example(value="a\r\nX-Evil: 1", cookie="a; session=evil", name="X-B\r\nX-Evil")
@example(value="a", cookie="a", name="Authorization")
@example(value="a", cookie="a", name="authorization ")
def test_a_header_is_one_line_and_the_credential_stays(value: str, cookie: str, name: str) -> None:
    with suppress(InvalidRequest):
        made = request(HEADERS, {"X-A": value, "c": cookie, "additionalHeaders": {name: value}}, TOKEN)
        for key, text in made.headers.items():
            assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", key)
            assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text)
        assert made.headers["Authorization"] == "Bearer tok-123456"
        assert [key.lower() for key in made.headers].count("authorization") == 1
        assert made.headers["Cookie"].count(";") == 0


@given(fields=st.dictionaries(VALUES.filter(lambda name: name not in ("", "requestBody")), VALUES, max_size=3))
def test_a_form_has_the_fields_that_were_given(fields: dict[str, str]) -> None:
    made = request(FORM, {"requestBody": fields})
    assert dict(parse_qsl(_bytes(made).decode(), keep_blank_values=True, strict_parsing=bool(fields))) == fields


@given(
    name=VALUES.filter(bool),
    value=VALUES,
    filename=VALUES.filter(bool),
    kind=VALUES | st.just("text/plain\r\nX-Evil: 1"),
)
def test_a_part_ends_neither_itself_nor_its_head(name: str, value: str, filename: str, kind: str) -> None:
    schema = {"type": "object", "properties": {"f": {"type": "string", "format": "binary"}}}
    upload = connector({"requestBody": body({**schema, "additionalProperties": {}}, "multipart/form-data")})
    with suppress(InvalidRequest):
        file = {"base64": "AAEC", "filename": filename[:255], "contentType": kind[:255]}
        made = request(upload, {"requestBody": {"f": file, **({name: value} if name != "f" else {})}})
        head = f"Content-Type: {made.headers['Content-Type']}\r\n\r\n".encode()
        found = list(message_from_bytes(head + _bytes(made), policy=policy.HTTP).iter_parts())
        assert len(found) == (1 if name == "f" else 2)
        for part in found:
            assert {key.lower() for key in part} <= {"content-disposition", "content-type"}
        assert found[0].get_payload(decode=True) == b"\x00\x01\x02"


def _bytes(made: Request) -> bytes:
    assert made.body is not None
    return made.body


RESOURCE: dict[str, Any] = {"uri": "toolgate://notes/a%20b.txt?v=1", "mimeType": "text/plain", "text": "héllo"}


@pytest.mark.parametrize(
    ("file", "name", "content_type", "data"),
    [
        (RESOURCE, "a b.txt", "text/plain", "héllo".encode()),
        (
            {"uri": "file:///x/pic.png", "mimeType": "image/png", "blob": "AAEC"},
            "pic.png",
            "image/png",
            b"\x00\x01\x02",
        ),
        ({"uri": "", "blob": "AAEC"}, "file", "application/octet-stream", b"\x00\x01\x02"),
    ],
)
def test_a_resource_is_a_file(file: dict[str, Any], name: str, content_type: str, data: bytes) -> None:
    schema = {"type": "object", "properties": {"f": {"type": "string", "format": "binary"}}}
    made = request(connector({"requestBody": body(schema, "multipart/form-data")}), {"f": file})
    head = f"Content-Type: {made.headers['Content-Type']}\r\n\r\n".encode()
    part = next(iter(message_from_bytes(head + _bytes(made), policy=policy.HTTP).iter_parts()))
    assert (part.get_filename(), part.get_content_type(), part.get_payload(decode=True)) == (name, content_type, data)


@pytest.mark.parametrize("file", [{"uri": "x:a"}, {"uri": "x:a", "blob": "AA==", "text": "a"}, {"blob": "AA=="}, {}])
def test_a_resource_must_have_one_content(file: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"f": {"type": "string", "format": "binary"}}}
    with pytest.raises(InvalidRequest):
        request(connector({"requestBody": body(schema, "multipart/form-data")}), {"f": file})
