"""Swagger 2.0 documents: what becomes of each of their words."""

from typing import Any

import pytest
from openapi_samples import operation

from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.loader import load
from gateway.catalog.model import Action, Connector


def swagger(paths: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "swagger": "2.0",
        "info": {"title": "Pets", "version": "1"},
        "host": "pets.example.com",
        "basePath": "/v1",
        "paths": {"/pets": {"get": operation()}} if paths is None else paths,
        **more,
    }


def loaded(paths: dict[str, Any] | None = None, source_url: str | None = None, **more: Any) -> Connector:
    document = {name: value for name, value in swagger(paths, **more).items() if value is not None}
    return load(document, connector_id="pets", source_url=source_url)


def only(connector: Connector) -> Action:
    return next(iter(connector.actions.values()))


def post(*parameters: dict[str, Any], **more: Any) -> Connector:
    return loaded({"/pets": {"post": operation(parameters=list(parameters))}}, **more)


@pytest.mark.parametrize(
    ("more", "source_url", "expected"),
    [
        ({}, None, "https://pets.example.com/v1"),
        ({"schemes": ["http"]}, None, "http://pets.example.com/v1"),
        ({"schemes": ["http", "https"]}, None, "https://pets.example.com/v1"),
        ({"schemes": ["ws", "wss", "http"]}, None, "http://pets.example.com/v1"),
        ({}, "http://docs.example.com/a.json", "http://pets.example.com/v1"),
        ({"basePath": None}, None, "https://pets.example.com"),
        ({"basePath": "v1/"}, None, "https://pets.example.com/v1"),
        ({"host": "pets.example.com:8443"}, None, "https://pets.example.com:8443/v1"),
        ({"host": "http://pets.example.com/"}, None, "http://pets.example.com/v1"),
        ({"host": None}, "https://docs.example.com/a/b.json", "https://docs.example.com/v1"),
        ({"host": None, "basePath": None}, "https://docs.example.com/a/b.json", "https://docs.example.com"),
    ],
)
def test_where_it_is(more: dict[str, Any], source_url: str | None, expected: str) -> None:
    assert loaded(source_url=source_url, **more).base_url == expected


def test_an_operation_with_schemes_of_its_own() -> None:
    node = {"get": operation(schemes=["http"])}
    assert only(loaded({"/pets": node}, schemes=["https"])).server == "http://pets.example.com/v1"


def test_parameters_become_schemas_with_styles() -> None:
    names = {"type": "array", "items": {"type": "string"}}
    found = loaded(
        {
            "/pets/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": True, "type": "integer", "minimum": 1}],
                "get": operation(
                    parameters=[
                        {"$ref": "#/parameters/Page"},
                        {"name": "csv", "in": "query", **names},
                        {"name": "multi", "in": "query", "collectionFormat": "multi", **names},
                        {"name": "tsv", "in": "query", "collectionFormat": "tsv", **names},
                        {"name": "X-Ssv", "in": "header", "collectionFormat": "ssv", **names},
                    ]
                ),
            }
        },
        parameters={"Page": {"name": "page", "in": "query", "type": "integer", "default": 1}},
    )
    about = {each.name: (each.location, each.style, each.explode) for each in only(found).parameters}
    assert about == {
        "id": ("path", "simple", False),
        "page": ("query", "form", True),
        "csv": ("query", "form", False),
        "multi": ("query", "form", True),
        "tsv": ("query", "tabDelimited", False),
        "X-Ssv": ("header", "spaceDelimited", False),
    }
    assert only(found).parameters[0].schema == {"type": "integer", "minimum": 1}


@pytest.mark.parametrize(
    ("consumes", "expected"),
    [
        (None, "application/json"),
        (["text/plain", "application/json"], "application/json"),
        (["application/vnd.api+json"], "application/vnd.api+json"),
        (["application/x-www-form-urlencoded"], "application/json"),
        (["text/plain"], "text/plain"),
    ],
)
def test_bodies(consumes: list[str] | None, expected: str) -> None:
    found = post({"name": "pet", "in": "body", "required": True, "schema": {"type": "string"}}, consumes=consumes)
    body = only(found).body
    assert body is not None
    assert (body.media_type, body.required) == (expected, True)


@pytest.mark.parametrize(
    ("consumes", "kind", "expected"),
    [
        (None, "string", "application/x-www-form-urlencoded"),
        (None, "file", "multipart/form-data"),
        (["application/json"], "string", "application/x-www-form-urlencoded"),
        (["multipart/form-data"], "string", "multipart/form-data"),
        (["application/x-www-form-urlencoded", "multipart/form-data"], "string", "application/x-www-form-urlencoded"),
    ],
)
def test_forms(consumes: list[str] | None, kind: str, expected: str) -> None:
    found = post({"name": "a", "in": "formData", "type": kind, "required": True}, consumes=consumes)
    body = only(found).body
    assert body is not None
    assert (body.media_type, body.required, body.schema["required"]) == (expected, True, ["a"])


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ({"type": "basic"}, ("basic", "header", "Authorization")),
        ({"type": "apiKey", "in": "query", "name": "key"}, ("apiKey", "query", "key")),
        (
            {"type": "oauth2", "flow": "accessCode", "tokenUrl": "https://a.example"},
            ("bearer", "header", "Authorization"),
        ),
    ],
)
def test_security_definitions(scheme: dict[str, Any], expected: tuple[str, str, str]) -> None:
    way = loaded(securityDefinitions={"one": scheme}).authentication[0]
    assert (way.type, way.location, way.name) == expected


def test_answers_and_definitions_stay_reachable() -> None:
    pet = {"type": "object", "properties": {"parent": {"$ref": "#/definitions/Pet"}, "x": {"x-nullable": True}}}
    found = loaded(
        {"/pets": {"get": {"responses": {"200": {"description": "", "schema": {"$ref": "#/definitions/Pet"}}}}}},
        definitions={"Pet": pet},
        produces=["application/hal+json"],
    )
    answer = found.document["paths"]["/pets"]["get"]["responses"]["200"]
    assert answer["content"] == {"application/hal+json": {"schema": {"$ref": "#/definitions/Pet"}}}


def test_an_operation_is_asked_for_what_it_produces() -> None:
    node = operation(produces=["image/png", "image/webp"])
    assert only(loaded({"/image": {"get": node}})).accept == "image/png, image/webp, application/json;q=0.9, */*;q=0.8"
    assert only(loaded(produces=["image/png"])).accept is None


NO_NAME = {"in": "formData", "type": "string"}
ELSEWHERE = {"name": "a", "in": "body", "schema": {"$ref": "other.json#/A"}}


@pytest.mark.parametrize(
    ("document", "place", "words"),
    [
        (swagger(host="a:b@pets.example.com"), "#/host", "user or a password"),
        (swagger(host=5), "#/host", "name of a host"),
        (swagger(host=None), "#/host", "give a base URL"),
        (swagger(consumes="application/json"), "#/consumes", "must be a list"),
        (swagger({"/a": {"post": operation(parameters=[NO_NAME])}}), "#/paths/~1a/post/parameters/0/name", "a name"),
        (
            swagger({"/a": {"post": operation(parameters=[ELSEWHERE])}}),
            "#/paths/~1a/post/parameters/0/schema",
            "another document",
        ),
        (
            swagger({"/a": {"parameters": [{"in": "query"}], "get": operation()}}),
            "#/paths/~1a/parameters/0/name",
            "a name",
        ),
        (swagger(securityDefinitions={"k": {"type": "apiKey", "in": "path", "name": "k"}}),
         "#/securityDefinitions/k/in", "one of header"),
        (swagger(definitions={"A": {"$ref": "#/definitions/B"}},
                 paths={"/a": {"get": {"responses": {"200": {"schema": {"$ref": "#/definitions/A"}}}}}}),
         "#/definitions/A", "does not hold"),
    ],
)  # fmt: skip
def test_refusals_name_the_place_in_the_document_that_was_brought(
    document: dict[str, Any], place: str, words: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        load(document, connector_id="pets")
    assert caught.value.place == place
    assert words in caught.value.message


def test_a_schema_outside_of_a_body_is_understood() -> None:
    found = post(
        {"name": "a", "in": "query", "schema": {"type": "integer"}},
        {"name": "b", "in": "formData", "schema": {"type": "string"}},
        {"name": "c", "in": "query", "schema": "none"},
    )
    action = only(found)
    assert [dict(each.schema) for each in action.parameters] == [{"type": "integer"}, {}]
    assert action.body is not None
    assert action.body.schema["properties"]["b"]["type"] == "string"


def test_its_version_may_be_a_number() -> None:
    assert load({**swagger(), "swagger": 2.0}, connector_id="pets").actions
