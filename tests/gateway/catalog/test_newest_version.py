"""OpenAPI 3.2: what it adds is served, and what cannot be is said operation by operation."""

from typing import Any

import pytest
from openapi_samples import connector, json_body, operation

from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.model import Action, Connector
from gateway.credentials.model import Secret
from gateway.execution.arguments import split
from gateway.execution.request import build
from gateway.outbound.messages import Request

PETS = {"/pets": {"get": operation()}}


def newest(paths: dict[str, Any], **more: Any) -> Connector:
    return connector(paths, openapi="3.2.0", **more)


def only(loaded: Connector) -> Action:
    return next(iter(loaded.actions.values()))


def sent(loaded: Connector, given: dict[str, Any], secret: Secret | None = None) -> Request:
    return build(loaded, only(loaded), split(only(loaded), loaded.document, given), secret)


def test_query_reads_with_a_body() -> None:
    found = newest({"/pets": {"query": operation(requestBody=json_body({"type": "object"}))}})
    assert (only(found).method, only(found).read_only) == ("QUERY", True)
    assert sent(found, {"requestBody": {"a": 1}}).body == b'{"a":1}'


def test_other_methods_are_sent_as_they_are_written() -> None:
    found = newest({"/pets": {"additionalOperations": {"COPY": operation(operationId="copy")}}})
    assert (found.actions["copy"].method, found.actions["copy"].read_only) == ("COPY", False)


@pytest.mark.parametrize("method", ["CONNECT", "copy", "A B", "X\r\nY"])
def test_a_method_that_is_not_sent_leaves_out_its_operation_alone(method: str) -> None:
    found = newest({**PETS, "/copies": {"additionalOperations": {method: operation()}}})
    assert [action.path for action in found.actions.values()] == ["/pets"]
    assert len(found.left_out) == 1
    assert found.left_out[0].startswith("#/paths/~1copies/additionalOperations/")
    assert "is not sent" in found.left_out[0]


def test_a_document_of_which_nothing_can_be_served_is_refused() -> None:
    with pytest.raises(DocumentError, match="is not sent"):
        newest({"/copies": {"additionalOperations": {"CONNECT": operation()}}})


@pytest.mark.parametrize("media_type", ["multipart/mixed", "text/event-stream"])
def test_a_body_that_is_not_written_leaves_out_its_operation(media_type: str) -> None:
    body = json_body({"type": "array"}, media_type=media_type)
    found = newest({**PETS, "/stream": {"post": operation(requestBody=body)}})
    assert len(found.actions) == 1
    assert f"a body of {media_type} is not written" in found.left_out[0]


def test_its_own_address_before_a_reference() -> None:
    node = operation(requestBody=json_body({"$ref": "https://pets.example.com/api.json#/components/schemas/Pet"}))
    schemas = {"Pet": {"type": "object", "properties": {"name": {"type": "string"}}}}
    own = {"$self": "https://pets.example.com/api.json"}
    found = newest({"/pets": {"post": node}}, components={"schemas": schemas}, **own)
    assert sent(found, {"name": "Rex"}).body == b'{"name":"Rex"}'
    with pytest.raises(DocumentError, match="another document"):
        newest({"/pets": {"post": node}}, components={"schemas": schemas})


@pytest.mark.parametrize(
    ("media_type", "given", "expected"),
    [
        ("application/x-www-form-urlencoded", {"a": "x y", "b": [1, 2]}, "a=x%20y&b=1&b=2"),
        ("application/json", {"a": 1}, "%7B%22a%22%3A1%7D"),
        ("text/plain", "a=b&c", "a%3Db%26c"),
    ],
)
def test_a_query_that_is_one_value(media_type: str, given: Any, expected: str) -> None:
    parameter = {"name": "q", "in": "querystring", "content": {media_type: {"schema": {}}}}
    found = newest({"/pets": {"get": operation(parameters=[parameter])}})
    assert sent(found, {"q": given}).url == f"https://pets.example.com/v1/pets?{expected}"


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("application/jsonl", b'{"a":1}\n{"a":2}\n'),
        ("application/x-ndjson", b'{"a":1}\n{"a":2}\n'),
        ("application/json-seq", b'\x1e{"a":1}\n\x1e{"a":2}\n'),
    ],
)
def test_a_stream_of_items_is_given_as_a_list(media_type: str, expected: bytes) -> None:
    item = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    body = {"required": True, "content": {media_type: {"itemSchema": item}}}
    found = newest({"/pets": {"post": operation(requestBody=body)}})
    assert sent(found, {"requestBody": [{"a": 1}, {"a": 2}]}).body == expected


def test_media_types_by_name() -> None:
    body = {"required": True, "content": {"application/json": {"$ref": "#/components/mediaTypes/Pet"}}}
    components = {"mediaTypes": {"Pet": {"schema": {"type": "object", "properties": {"name": {"type": "string"}}}}}}
    found = newest({"/pets": {"post": operation(requestBody=body)}}, components=components)
    assert sent(found, {"name": "Rex"}).body == b'{"name":"Rex"}'


def test_cookies_as_they_are() -> None:
    parameter = {"name": "c", "in": "cookie", "style": "cookie", "schema": {"type": "string"}}
    found = newest({"/pets": {"get": operation(parameters=[parameter])}})
    assert sent(found, {"c": "a=b%20"}).headers["Cookie"] == "c=a=b%20"
    for value in ("a;b", "a b", 'a"', "a\r\nb", "ü"):
        with pytest.raises(Exception, match="cannot stand in a cookie"):
            sent(found, {"c": value})
