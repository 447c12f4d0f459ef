"""Documents that are meant to hurt, or went wrong badly: tamed, or refused in a sentence that names the place."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from openapi_samples import connector, document, json_body, operation

from gateway.catalog.actions.describing import details, input_schema
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.documents.reading import parse
from gateway.catalog.lint import lint
from gateway.catalog.loader import load
from gateway.catalog.model import Connector
from gateway.catalog.schemas.resolving import BUDGET
from gateway.execution.arguments import split

LONG = 10_000
REF = "#/components/schemas/"
FIRST = {"requestBody": json_body({"$ref": f"{REF}S0"})}


@contextmanager
def quickly() -> Iterator[None]:
    """Within seconds of processor time: an attack takes minutes, or all memory."""
    begun = time.process_time()
    yield
    assert time.process_time() - begun < 10


def of_schemas(schemas: dict[str, Any]) -> Connector:
    return connector({"/a": {"post": operation(operationId="a", **FIRST)}}, components={"schemas": schemas})


def used(loaded: Connector) -> None:
    """Everything that is ever done with an action, but for sending it."""
    for action in loaded.actions.values():
        assert len(orjson.dumps(input_schema(loaded, action))) < 2 * BUDGET
        orjson.dumps(details(loaded, action))
        split(action, loaded.document, {"requestBody": {"x": {"x": {}}}} if action.body is not None else {})
    lint(loaded.document)


def chain(link: Any) -> dict[str, Any]:
    """S0 leads to S1 and so on, thousands of schemas far; `link` makes a schema of the reference to the next."""
    links = {f"S{number}": link({"$ref": f"{REF}S{number + 1}"}) for number in range(LONG)}
    return {**links, f"S{LONG}": {"type": "object"}}


@pytest.mark.parametrize(
    "link",
    [
        lambda next_one: {"type": "object", "properties": {"x": next_one}},
        lambda next_one: {"allOf": [next_one]},
        lambda next_one: {"anyOf": [next_one, {"type": "null"}]},
        lambda next_one: next_one,
    ],
    ids=["properties", "allOf", "anyOf", "references"],
)
def test_ten_thousand_schemas_in_a_row(link: Any) -> None:
    with quickly():
        used(of_schemas(chain(link)))


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf", "not", "items", "additionalProperties", "$ref"])
def test_a_schema_that_is_itself(keyword: str) -> None:
    itself: Any = f"{REF}S0" if keyword == "$ref" else {"$ref": f"{REF}S0"}
    loaded = of_schemas({"S0": {keyword: [itself] if keyword.endswith("Of") else itself}})
    with quickly():
        for action in loaded.actions.values():
            orjson.dumps(details(loaded, action))
            orjson.dumps(input_schema(loaded, action))


def doubling(keyword: str) -> dict[str, Any]:
    def both(number: int) -> dict[str, Any]:
        next_one = {"$ref": f"{REF}S{number + 1}"}
        return {keyword: {"a": next_one, "b": next_one} if keyword == "properties" else [next_one, next_one]}

    return {**{f"S{number}": both(number) for number in range(60)}, "S60": {"type": "object"}}


def test_schemas_that_double_sixty_times() -> None:
    with quickly():
        used(of_schemas(doubling("properties")))
        with pytest.raises(DocumentError, match="refers to itself by too many ways"):
            used(of_schemas(doubling("allOf")))


def test_references_to_anything() -> None:
    for reference in ("#", "#/paths", "#/info", "#/paths/~1a/post"):
        with quickly():
            used(connector({"/a": {"post": operation(requestBody=json_body({"$ref": reference}))}}))


ITSELF = {"x": {"$ref": "#/components/x/x"}}
SELF = {"$ref": "#/components/x/x"}
MEDIA = {"application/json": {"$ref": "#/paths/~1a/post/requestBody/content/application~1json"}}


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (document({"/a": {"$ref": "#/paths/~1a"}}), "#/paths/~1a"),
        (document({"/a": {"get": operation(parameters=[SELF])}}, components={"x": ITSELF}),
         "#/paths/~1a/get/parameters/0"),
        (document({"/a": {"post": operation(requestBody=SELF)}}, components={"x": ITSELF}),
         "#/paths/~1a/post/requestBody"),
        (document({"/a": {"post": operation(requestBody={"content": MEDIA})}}),
         "#/paths/~1a/post/requestBody/content/application~1json"),
        (document(components={"securitySchemes": {"a": {"$ref": "#/components/securitySchemes/a"}}}),
         "#/components/securitySchemes/a"),
        ({"swagger": "2.0", "host": "a.example.com", "paths": {"/a": {"$ref": "#/paths/~1a"}}}, "#/paths/~1a"),
        ({"swagger": "2.0", "host": "a.example.com", "parameters": {"p": {"$ref": "#/parameters/p"}},
          "paths": {"/a": {"get": operation(parameters=[{"$ref": "#/parameters/p"}])}}},
         "#/paths/~1a/get/parameters/0"),
    ],
)  # fmt: skip
def test_circles_that_mean_nothing(given: dict[str, Any], place: str) -> None:
    with pytest.raises(DocumentError, match="in a circle") as caught:
        load(given, connector_id="a")
    assert caught.value.place == place


def test_circles_in_what_is_only_shown_are_passed_over() -> None:
    example = {"$ref": "#/paths/~1a/get/parameters/0/examples/x"}
    parameter = {"name": "a", "in": "query", "schema": {}, "examples": {"x": example}}
    responses = {"200": {"$ref": "#/components/responses/a"}}
    used(
        connector(
            {"/a": {"get": {"parameters": [parameter], "responses": responses}}},
            components={"responses": {"a": {"$ref": "#/components/responses/a"}}},
        )
    )


def test_deep_nesting_is_named() -> None:
    deep: dict[str, Any] = {}
    for _ in range(LONG):
        deep = {"properties": {"x": deep}}
    with pytest.raises(DocumentError) as caught:
        connector({"/a": {"post": operation(requestBody=json_body(deep))}})
    assert (caught.value.rule, caught.value.place) == (
        "depth",
        "#/paths/~1a/post/requestBody/content/application~1json/...",
    )
    json = '{"openapi": "3.0.0",\n "paths": ' + '{"a": ' * LONG + "1" + "}" * LONG + "}"
    with pytest.raises(DocumentError) as caught:
        parse(json)
    assert (caught.value.rule, caught.value.place) == ("depth", "line 2")


def test_operations_of_one_name_and_without_answers() -> None:
    node = {"operationId": "same"}
    found = connector({"/a": {"get": node, "post": node}, "/b": {"get": node}})
    assert len(found.actions) == 3
    assert found.find("same") is None


@pytest.mark.parametrize("node", ["servers", "path", "operation"])
def test_a_user_in_any_address_is_named(node: str) -> None:
    bad = [{"url": "https://user:secret@a.example.com"}]
    get = operation(**({"servers": bad} if node == "operation" else {}))
    item = {"get": get, **({"servers": bad} if node == "path" else {})}
    places = {
        "servers": "#/servers/0/url",
        "path": "#/paths/~1a/servers/0/url",
        "operation": "#/paths/~1a/get/servers/0/url",
    }
    with pytest.raises(DocumentError, match="must not hold a user") as caught:
        connector({"/a": item}, **({"servers": bad} if node == "servers" else {}))
    assert caught.value.place == places[node]
    assert "secret" not in caught.value.message
