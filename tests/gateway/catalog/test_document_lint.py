"""What the linter says, by rule, place and line; and that what is shipped has nothing to be said about it."""

from typing import Any

import pytest
import yaml
from openapi_samples import document, operation, query

import spec
from gateway.catalog.documents.lines import lines
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.documents.reading import parse
from gateway.catalog.lint import lint

KEY = {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}}


def good(node: dict[str, Any] | None = None, *, path: str = "/pets", **more: Any) -> dict[str, Any]:
    base = operation(operationId="listPets", summary="List the pets")
    return document({path: {"get": {**base, **(node or {})}}}, **{"components": KEY, **more})


def said(given: dict[str, Any], **more: Any) -> dict[tuple[str, str], str]:
    """Message by rule and place."""
    return {(found.rule, found.place): found.message for found in lint(given, **more).findings}


def test_nothing_is_said_of_a_good_document() -> None:
    assert said(good()) == {}


@pytest.mark.parametrize("name", spec.connector_names())
def test_shipped_documents_have_nothing_to_mend(name: str) -> None:
    assert said(parse(spec.read(f"connectors/{name}.yaml"))) == {}


GET = "#/paths/~1pets/get"
DIGEST = {"securitySchemes": {**KEY["securitySchemes"], "d": {"type": "http", "scheme": "digest"}}}


@pytest.mark.parametrize(
    ("given", "rule", "place", "words"),
    [
        (good(components={}), "auth", "#", "does not say that the platform wants a credential"),
        (good(components=DIGEST), "auth", "#/components/securitySchemes/d", "authentication by http digest"),
        (good(security=[{"other": []}]), "auth", "#/security/0", "none of the document's security schemes"),
        (good({"security": [{"key": []}, {"x": []}]}), "auth", f"{GET}/security/1", "x is none of"),
        (good(servers=[{"url": "http://a.example.com"}]), "https", "#/servers", "a.example.com is called without"),
        (good({"operationId": ""}), "operationId", GET, "no operationId"),
        (good({"operationId": "a/b"}), "operationId", GET, "no safe name"),
        (good({"operationId": "x" * 65}), "operationId", GET, "no safe name"),
        (good({"summary": ""}), "description", GET, "neither a summary nor a description"),
        (good(path="/pets/{id}"), "path", "#/paths/~1pets~1{id}/get", "{id} is not described"),
        (
            good({"parameters": [{"name": "id", "in": "path", "description": "x", "schema": {}}]}),
            "path", GET, "not in the path",
        ),
        (
            good({"parameters": [query("q", {}, required=True)]}),
            "parameterDescription", GET, "required without a description: q",
        ),
        (good({"parameters": [query("client_secret", {})]}), "secret", GET, "client_secret looks like a credential"),
        (good({"responses": {}}), "responses", GET, "no responses"),
        (
            good(components={**KEY, "schemas": {"Lost": {"type": "object"}}}),
            "unreachable", "#/components/schemas/Lost", "no operation refers",
        ),
        (
            good(components={**KEY, "schemas": {"Odd": {"properties": {"a": {"type": "int"}}}}}),
            "type", "#/components/schemas/Odd/properties/a/type", "int is no type",
        ),
        (
            good(components={**KEY, "schemas": {"Odd": {"items": {"pattern": "("}}}}),
            "pattern", "#/components/schemas/Odd/items/pattern", "no regular expression",
        ),
        (good(**{"x-connector": {"test": "nope"}}), "test", "#/x-connector/test", "no action nope"),
        (good(**{"x-connector": {"fields": {"shop": {}}}}), "field", "#/x-connector/fields/shop", "fills nothing"),
        (
            good(**{"x-connector": {"authentication": [{"type": "oauth2", "scheme": "no"}]}}),
            "auth", "#/x-connector/authentication/0/scheme", "no is none of",
        ),
    ],
)  # fmt: skip
def test_warnings(given: dict[str, Any], rule: str, place: str, words: str) -> None:
    assert words in said(given)[rule, place]
    assert {found.severity for found in lint(given).findings} == {"warning"}


def test_what_is_twice() -> None:
    node = {"get": operation(operationId="same", summary="x")}
    found = said(document({"/a/{x}": node, "/a/{y}": node}, components=KEY))
    assert "2 operations have the operationId same" in found["operationId", "#/paths/~1a~1{x}/get"]
    assert "the same path as /a/{x}" in found["samePath", "#/paths/~1a~1{y}"]


def test_a_schema_that_only_comes_back_to_itself_is_not_reached() -> None:
    schemas = {"A": {"items": {"$ref": "#/components/schemas/B"}}, "B": {"items": {"$ref": "#/components/schemas/A"}}}
    found = said(good(components={**KEY, "schemas": schemas}))
    assert {place for rule, place in found if rule == "unreachable"} == {
        "#/components/schemas/A",
        "#/components/schemas/B",
    }


def test_an_operator_who_says_how_to_authenticate_is_not_told_again() -> None:
    assert said(good(components={}), auth={"type": "bearer"}) == {}
    assert said(good(components={}), auth={"type": "none"}) == {}


def test_a_password_in_a_body_is_data() -> None:
    schema = {"type": "object", "properties": {"password": {"type": "string"}, "client_secret": {"type": "string"}}}
    body = {"content": {"application/json": {"schema": schema}}}
    node = operation(operationId="addUser", summary="Add a user", requestBody=body)
    found = said(document({"/users": {"post": node}}, components=KEY))
    assert list(found.values()) == ["client_secret looks like a credential, and is asked for."]


@pytest.mark.parametrize(
    ("method", "node", "word"),
    [
        ("post", {"operationId": "deletePet"}, "delete"),
        ("post", {"operationId": "pets.archive"}, "archive"),
        ("put", {"operationId": "pets_REVOKE_all", "summary": "Void them"}, "void"),
        ("get", {"operationId": "PurgePets"}, "purge"),
        ("post", {"operationId": "deletePet", "x-destructive": False}, None),
        ("post", {"operationId": "deletePet", "x-destructive": True}, None),
        ("delete", {"operationId": "deletePet"}, None),
        ("get", {"operationId": "listDeletedPets"}, None),
        ("post", {"operationId": "undeletePet"}, None),
    ],
)
def test_what_takes_away_and_does_not_say_so(method: str, node: dict[str, Any], word: str | None) -> None:
    found = said(document({"/pets": {method: operation(**{"summary": "About pets", **node})}}, components=KEY))
    place = f"#/paths/~1pets/{method}"
    assert set(found) == ({("destructive", place)} if word else set())
    assert word is None or f"({word})" in found["destructive", place]


def test_what_is_left_out() -> None:
    paths = {
        "/pets": {"get": operation(operationId="a", summary="x")},
        "/odd": {"additionalOperations": {"CONNECT": operation()}},
    }
    found = said(document(paths, components=KEY))
    assert found == {("leftOut", "#/paths/~1odd/additionalOperations/CONNECT"): "the method CONNECT is not sent."}


def test_an_error_has_a_remedy() -> None:
    report = lint(document(servers=[{"url": "/v1"}]))
    assert report.connector is None
    (found,) = report.findings
    assert (found.severity, found.place) == ("error", "#/servers/0/url")
    assert "--base-url" in found.remedy


def test_places_are_those_of_the_document_that_was_brought() -> None:
    old = {
        "swagger": "2.0",
        "host": "a.example.com",
        "schemes": ["http"],
        "paths": {"/a": {"get": operation(operationId="a", summary="x")}},
        "securityDefinitions": {"d": {"type": "digest"}},
        "definitions": {"Lost": {}},
    }
    places = {place for _, place in said(old)}
    assert places == {"#/host", "#", "#/securityDefinitions/d", "#/definitions/Lost"}


TEXT = b"""openapi: 3.0.3
paths:
  /a:
    get:
      parameters:
        - name: x
        - &second
          name: y
    post: {parameters: [*second], summary: {deep: 1}}
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("#", 1),
        ("#/openapi", 1),
        ("#/paths/~1a", 3),
        ("#/paths/~1a/get/parameters/0", 6),
        ("#/paths/~1a/get/parameters/1/name", 8),
        ("#/paths/~1a/post/summary/deep", 9),
        # Inside of an alias, and what is not there: the line of what holds it.
        ("#/paths/~1a/post/parameters/0/name", 9),
        ("#/paths/~1b/x", 2),
    ],
)
def test_lines_of_places(place: str, line: int) -> None:
    assert lines(TEXT, [place]) == {place: line}


def test_lines_of_json() -> None:
    text = b'{\n  "paths": {\n    "/a": {\n      "get": {}}}}'
    assert lines(text, ["#/paths/~1a/get"]) == {"#/paths/~1a/get": 4}


@pytest.mark.parametrize("text", [b"a: [", b"\x00", b"", b"x" * (8 * 1024 * 1024 + 1)])
def test_texts_without_lines(text: bytes) -> None:
    assert lines(text, ["#/a"]) == {}


def test_a_place_for_every_key_of_a_document() -> None:
    text = yaml.safe_dump(good(), sort_keys=False)
    for number, written in enumerate(text.splitlines(), 1):
        key = written.strip("- ").partition(":")[0]
        if key in ("openapi", "info", "servers", "paths", "components"):
            assert lines(text.encode(), [f"#/{key}"]) == {f"#/{key}": number}


def test_refusals_in_texts_have_lines_of_their_own() -> None:
    with pytest.raises(DocumentError) as caught:
        parse("a: 1\na: 2")
    assert caught.value.place == "line 2"
