"""From document to Connector: what is taken, what is refused, and how a refusal names its place."""

import random
import time
from typing import Any

import pytest
from openapi_samples import action, connector, document, json_body, operation, query

import spec
from gateway.catalog.actions.operations import MAX_ACTIONS
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.loader import load, load_shipped
from gateway.catalog.model import Connector
from gateway.errors import ConnectorNotFound, InvalidRequest

GET = {"get": operation()}


def refused(given: dict[str, Any], **more: Any) -> InvalidRequest:
    with pytest.raises(DocumentError) as caught:
        load(given, connector_id="pets", **more)
    return caught.value


# name, document, place, rule, words
REFUSALS: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("no OpenAPI", {"info": {}}, "#", "openapi", "no OpenAPI document"),
    ("Swagger 1.2", {"swagger": "1.2"}, "#/swagger", "version", "Swagger 1.2 is not taken"),
    ("OpenAPI 3.3", document(openapi="3.3.0"), "#/openapi", "version", "OpenAPI 3.3.0 is not taken"),
    ("a number for a version", document(openapi=4), "#/openapi", "version", "OpenAPI 4 is not taken"),
    ("no paths", {"openapi": "3.1.0", "servers": [{"url": "https://a.example"}]}, "#/paths", "required", "no operat"),
    ("empty paths", document({}), "#/paths", "required", "no operations"),
    ("paths without methods", document({"/a": {"summary": "x"}}), "#/paths", "required", "no operations"),
    ("a list of paths", document([]), "#/paths", "type", "must be an object"),  # type: ignore[arg-type]  # on purpose
    ("a path without slash", document({"pets": GET}), "#/paths/pets", "path", "begin with a slash"),
    ("a path that climbs", document({"/a/../b": GET}), "#/paths/~1a~1..~1b", "path", "segments . and .."),
    ("an operation that is none", document({"/a": {"get": 5}}), "#/paths/~1a/get", "type", "must be an object"),
    (
        "parameters that are none",
        document({"/a": {"get": operation(parameters={})}}),
        "#/paths/~1a/get/parameters",
        "type",
        "must be a list",
    ),
    (
        "a parameter without name",
        document({"/a": {"get": operation(parameters=[{"in": "query"}])}}),
        "#/paths/~1a/get/parameters/0/name",
        "required",
        "must have a name",
    ),
    (
        "a parameter of Swagger 2.0",
        document({"/a": {"parameters": [{"in": "body", "name": "b"}], "get": operation()}}),
        "#/paths/~1a/parameters/0/in",
        "enum",
        "one of path, query, header, cookie",
    ),
    (
        "a schema that is none",
        document({"/a": {"get": operation(parameters=[query("a", [])])}}),  # type: ignore[arg-type]  # on purpose
        "#/paths/~1a/get/parameters/0/schema",
        "type",
        "must be an object",
    ),
    (
        "a reference to a file",
        document({"/a": {"post": operation(requestBody=json_body({"properties": {"x": {"$ref": "pet.yaml#/Pet"}}}))}}),
        "#/paths/~1a/post/requestBody/content/application~1json/schema/properties/x",
        "$ref",
        "none is fetched",
    ),
    (
        "a reference to a network, in an answer",
        document(
            {
                "/a": {
                    "get": {
                        "responses": {
                            "200": {
                                "description": "",
                                "content": {
                                    "a/b": {"schema": {"allOf": [{}, {"items": {"$ref": "http://10.0.0.1/x"}}]}}
                                },
                            }
                        }
                    }
                }
            }
        ),
        "#/paths/~1a/get/responses/200/content/a~1b/schema/allOf/1/items",
        "$ref",
        "none is fetched",
    ),
    (
        "a reference to a file, behind another",
        document(
            {"/a": {"get": operation(parameters=[{"$ref": "#/components/parameters/p"}])}},
            components={
                "parameters": {"p": query("p", {"$ref": "#/components/schemas/s"})},
                "schemas": {"s": {"anyOf": [{"$ref": "./s.json"}]}},
            },
        ),
        "#/components/schemas/s/anyOf/0",
        "$ref",
        "none is fetched",
    ),
    (
        "a path from a file",
        document({"/a": {"$ref": "a.yaml"}}),
        "#/paths/~1a",
        "$ref",
        "none is fetched",
    ),
    (
        "a reference to nothing",
        document({"/a": {"get": operation(parameters=[{"$ref": "#/components/parameters/gone"}])}}),
        "#/paths/~1a/get/parameters/0",
        "$ref",
        "#/components/parameters/gone, which the document does not hold",
    ),
    (
        "an index that is none",
        document({"/a": {"get": operation(parameters=[{"$ref": f"#/servers/{'1' * 5000}"}])}}),
        "#/paths/~1a/get/parameters/0",
        "$ref",
        "which the document does not hold",
    ),
    (
        "a number for a reference",
        document({"/a": {"get": operation(parameters=[{"$ref": 5}])}}),
        "#/paths/~1a/get/parameters/0",
        "$ref",
        "must be a string",
    ),
    (
        "parameters that refer to each other",
        document(
            {"/a": {"get": operation(parameters=[{"$ref": "#/components/parameters/a"}])}},
            components={
                "parameters": {"a": {"$ref": "#/components/parameters/b"}, "b": {"$ref": "#/components/parameters/a"}}
            },
        ),
        "#/paths/~1a/get/parameters/0",
        "$ref",
        "in a circle",
    ),
    (
        "GraphQL that is no text",
        document({"/a": {"post": operation(**{"x-graphql": {"query": ""}})}}),
        "#/paths/~1a/post/x-graphql",
        "type",
        "GraphQL document",
    ),
    (
        "GraphQL on GET",
        document({"/a": {"get": operation(**{"x-graphql": "query { a }"})}}),
        "#/paths/~1a/get/x-graphql",
        "type",
        "on a POST",
    ),
    ("an extension that is none", document(**{"x-connector": []}), "#/x-connector", "type", "must be of type object"),
    (
        "an unknown word in the extension",
        document(**{"x-connector": {"categories": []}}),
        "#/x-connector/categories",
        "additionalProperties",
        "is not known here",
    ),
    (
        "an unknown way to authenticate",
        document(**{"x-connector": {"authentication": [{"type": "digest"}]}}),
        "#/x-connector/authentication/0/type",
        "enum",
        "must be one of oauth2, apiKey, bearer, basic",
    ),
    (
        "an unknown word in a part of it",
        document(**{"x-connector": {"failure": {"field": "ok", "equals": False, "message": "e", "status": 1}}}),
        "#/x-connector/failure/status",
        "additionalProperties",
        "is not known here",
    ),
    (
        "a word that is left out",
        document(**{"x-connector": {"failure": {"field": "ok", "equals": False}}}),
        "#/x-connector/failure/message",
        "required",
        "is required",
    ),
    (
        "a name that is too long",
        document(**{"x-connector": {"name": "x" * 1001}}),
        "#/x-connector/name",
        "maxLength",
        "at most 1000 characters",
    ),
    (
        "a pattern without anchors",
        document(**{"x-connector": {"fields": {"shop": {"pattern": "[a-z]+"}}}}),
        "#/x-connector/fields/shop/pattern",
        "pattern",
        "must be anchored",
    ),
    (
        "a pattern that is none",
        document(**{"x-connector": {"fields": {"shop": {"pattern": "^([a-z]+$"}}}}),
        "#/x-connector/fields/shop/pattern",
        "pattern",
        "not a regular expression",
    ),
    (
        "a default that its pattern refuses",
        document(**{"x-connector": {"fields": {"shop": {"default": "a.b"}}}}),
        "#/x-connector/fields/shop/default",
        "pattern",
        "does not match the field's own pattern",
    ),
    (
        "a header that ends its line",
        document(**{"x-connector": {"headers": {"Version": "1\r\nHost: evil.example"}}}),
        "#/x-connector/headers/Version",
        "pattern",
        "must match",
    ),
    (
        "a header of the HTTP client",
        document(**{"x-connector": {"headers": {"Host": "evil.example"}}}),
        "#/x-connector/headers/Host",
        "header",
        "belongs to the HTTP client",
    ),
    (
        "a header of no field",
        document(**{"x-connector": {"headers": {"Tenant": "{tenant}"}}}),
        "#/x-connector/headers/Tenant",
        "fields",
        "{tenant} is not one of the fields",
    ),
    (
        "a hidden name in a path",
        document({"/{Sid}/a": {"get": operation()}}, **{"x-connector": {"hidden": ["Sid"]}}),
        "#/paths/~1{Sid}~1a/get",
        "hidden",
        "{Sid} is hidden, and no field",
    ),
    (
        "a parameter with empty content",
        document({"/a": {"get": operation(parameters=[{"in": "query", "name": "a", "content": {}}])}}),
        "#/paths/~1a/get/parameters/0/content",
        "required",
        "must hold a media type",
    ),
    (
        "a key without a name",
        document(components={"securitySchemes": {"k": {"type": "apiKey", "in": "header", "name": "a b"}}}),
        "#/components/securitySchemes/k/name",
        "pattern",
        "name of a header",
    ),
    (
        "an API key in the body",
        document(components={"securitySchemes": {"k": {"type": "apiKey", "in": "body", "name": "k"}}}),
        "#/components/securitySchemes/k/in",
        "enum",
        "one of header, query, cookie",
    ),
]


@pytest.mark.parametrize(
    ("given", "place", "rule", "words"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS]
)
def test_refusals_name_their_place(given: dict[str, Any], place: str, rule: str, words: str) -> None:
    error = refused(given)
    assert error.details == {"field": "document", "rule": rule, "place": place}
    assert error.message.startswith(f"{place}: ")
    assert words in error.message
    assert error.message.endswith(".")


def test_nesting_is_bounded_for_documents_that_came_parsed() -> None:
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"not": deep}
    assert refused(document(components={"schemas": {"deep": deep}})).details["rule"] == "depth"


def test_what_no_operation_reaches_may_refer_anywhere() -> None:
    loaded = connector(components={"schemas": {"unused": {"$ref": "elsewhere.yaml"}}})
    assert len(loaded.actions) == 1


def test_examples_may_look_like_references() -> None:
    _, found = action({"requestBody": json_body({"example": {"$ref": "x.yaml"}, "enum": [{"$ref": "y.yaml"}]})})
    assert found.body is not None


def test_a_circle_of_schemas_is_fine() -> None:
    schemas = {"node": {"properties": {"next": {"$ref": "#/components/schemas/node"}}}}
    action({"requestBody": json_body({"$ref": "#/components/schemas/node"})}, components={"schemas": schemas})


def test_percent_encoded_and_escaped_references() -> None:
    schemas = {"a/b~c d": {"type": "string"}}
    for reference in ("#/components/schemas/a~1b~0c d", "#/components/schemas/a~1b~0c%20d"):
        action({"parameters": [query("q", {"$ref": reference})]}, components={"schemas": schemas})


def test_twenty_thousand_operations_load_quickly_and_one_more_is_refused() -> None:
    paths = {f"/things{n}": {"get": operation(operationId=f"op/{n}")} for n in range(MAX_ACTIONS)}
    begun = time.process_time()
    assert len(connector(paths).actions) == MAX_ACTIONS
    assert time.process_time() - begun < 8
    error = refused(document({**paths, "/one/more": GET}))
    assert error.details == {"field": "document", "rule": "maxItems", "place": "#/paths"}


def test_many_references_to_one_chain_cost_little() -> None:
    parameters = {f"p{n}": {"$ref": f"#/components/parameters/p{n + 1}"} for n in range(2000)}
    parameters["p2000"] = query("q", {})
    paths = {f"/a{n}": {"get": operation(parameters=[{"$ref": "#/components/parameters/p0"}])} for n in range(2000)}
    begun = time.process_time()
    assert refused(document(paths, components={"parameters": parameters})).details["rule"] == "$ref"
    assert time.process_time() - begun < 3


def test_the_order_of_operations_changes_nothing_about_them() -> None:
    paths = {f"/p{n}": {method: operation(operationId=f"x/{n % 7}") for method in ("get", "post")} for n in range(20)}
    shuffled = list(paths.items())
    random.Random(1).shuffle(shuffled)
    one, other = connector(paths), connector(dict(shuffled))
    assert dict(one.actions) == dict(other.actions)
    assert dict(one.aliases) == dict(other.aliases)


def test_aliases_find_and_doubled_ones_do_not() -> None:
    loaded = connector(
        {
            "/a": {"get": operation(operationId="issues/list"), "post": operation(operationId="twice")},
            "/b": {"get": operation(operationId="twice"), "post": operation(operationId="plain")},
        }
    )
    listed = loaded.find("issues/list")
    assert listed is not None
    assert listed.alias == "issues/list"
    assert loaded.find(listed.action_id) is listed
    assert loaded.find("twice") is None
    assert [each.alias for each in loaded.actions.values()].count("twice") == 2
    plain = loaded.find("plain")
    assert plain is not None
    assert plain.alias is None


def test_facts_of_an_operation() -> None:
    _, found = action(
        {
            "operationId": "addPet",
            "summary": "  Add a\n pet ",
            "description": "At length.\n",
            "tags": ["Pets", "More"],
            "deprecated": True,
            "externalDocs": {"url": "https://docs.example.com/pets"},
        },
        path="/v1/pets#add",
    )
    assert (found.action_id, found.method, found.path) == ("addPet", "POST", "/v1/pets#add")
    assert (found.title, found.description, found.resource) == ("Add a pet", "At length.", "Pets")
    assert (found.deprecated, found.documentation) == (True, "https://docs.example.com/pets")


def test_what_is_not_said_is_made_up() -> None:
    _, found = action({}, path="/{tenant}/pets/{id}")
    assert (found.resource, found.description, found.documentation) == ("pets", "", None)
    assert found.title == "POST /{tenant}/pets/{id}"


def test_links_that_are_no_web_addresses_are_dropped() -> None:
    loaded = connector(
        externalDocs={"url": "javascript:alert(1)"},
        info={"title": "P", "version": "1", "x-logo": {"url": "data:text/html,x"}},
    )
    assert (loaded.documentation, loaded.icon) == (None, None)


def test_the_extension_is_read() -> None:
    loaded = connector(
        servers=[{"url": "https://{shop}.pets.example.com"}],
        **{
            "x-connector": {
                "id": "pets",
                "name": "Pet shop",
                "category": ["e-commerce"],
                "documentation": "https://docs.example.com",
                "icon": "https://example.com/i.svg",
                "fields": {"shop": {"title": "Shop", "description": "Its name.", "example": "acme"}},
                "headers": {"Pets-Version": "3", "Tenant": "{shop}"},
                "hidden": ["secret"],
                "failure": {"field": "ok", "equals": False, "message": "error"},
                "x-more": 1,
            }
        },
    )
    assert (loaded.name, loaded.category) == ("Pet shop", ("e-commerce",))
    assert (loaded.documentation, loaded.icon) == ("https://docs.example.com", "https://example.com/i.svg")
    assert loaded.base_url == "https://{shop}.pets.example.com"
    assert [(field.name, field.title, field.example) for field in loaded.fields] == [("shop", "Shop", "acme")]
    assert loaded.headers == {"Pets-Version": "3", "Tenant": "{shop}"}
    assert loaded.failure is not None
    assert (loaded.failure.field, loaded.failure.equals, loaded.failure.message) == ("ok", False, "error")
    assert loaded.hidden == {"secret"}


def parameters(loaded: Connector) -> list[tuple[str, str]]:
    found = next(iter(loaded.actions.values()))
    return [(parameter.location, parameter.name) for parameter in found.parameters]


def test_parameters_of_path_and_operation_are_merged() -> None:
    shared = [
        query("limit", {"type": "integer"}),
        query("page", {"type": "integer"}),
        {"in": "header", "name": "X-Trace", "schema": {}},
    ]
    own = [
        {"$ref": "#/components/parameters/limit"},
        {"in": "header", "name": "x-trace", "schema": {}, "required": True},
    ]
    loaded = connector(
        {"/pets": {"parameters": shared, "get": operation(parameters=own)}},
        components={"parameters": {"limit": query("limit", {"type": "string"}, required=True)}},
    )
    assert parameters(loaded) == [("query", "limit"), ("query", "page"), ("header", "x-trace")]
    limit = next(iter(loaded.actions.values())).parameters[0]
    assert limit.required
    assert limit.schema == {"type": "string"}


def test_a_query_and_a_path_parameter_of_one_name_are_two() -> None:
    both = [query("id", {}), {"in": "path", "name": "id", "schema": {}, "required": True}]
    assert parameters(connector({"/pets/{id}": {"get": operation(parameters=both)}})) == [
        ("query", "id"),
        ("path", "id"),
    ]


def test_hidden_headers_are_hidden_in_any_case() -> None:
    given = [{"in": "header", "name": "TOKEN", "schema": {}}, query("TOKEN", {})]
    loaded = connector({"/pets": {"get": operation(parameters=given)}}, **{"x-connector": {"hidden": ["token"]}})
    assert parameters(loaded) == [("query", "TOKEN")]


def test_parameters_that_nobody_may_send_are_dropped() -> None:
    names = ["Accept", "content-type", "AUTHORIZATION", "Host", "Cookie", "X-Api-Key", "X-Fine"]
    headers = [{"in": "header", "name": name, "schema": {}, "required": True} for name in names]
    loaded = connector(
        {"/pets": {"get": operation(parameters=[*headers, query("token", {}), query("key", {}), query("q", {})])}},
        components={
            "securitySchemes": {
                "a": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "b": {"type": "apiKey", "in": "query", "name": "key"},
            }
        },
        **{"x-connector": {"hidden": ["token"]}},
    )
    assert parameters(loaded) == [("header", "X-Fine"), ("query", "q")]


def test_a_field_may_fill_a_hidden_name_in_a_path() -> None:
    extension = {"hidden": ["Sid"], "fields": {"Sid": {}}}
    assert parameters(connector({"/{Sid}/a": {"get": operation()}}, **{"x-connector": extension})) == []


def test_hidden_body_properties_are_dropped() -> None:
    schema = {"type": "object", "properties": {"token": {}, "text": {}}, "required": ["token", "text"]}
    for body in (schema, {"$ref": "#/components/schemas/body"}):
        _, found = action(
            {"requestBody": json_body(body)},
            components={"schemas": {"body": schema}},
            **{"x-connector": {"hidden": ["token"]}},
        )
        assert found.body is not None
        assert list(found.body.schema["properties"]) == ["text"]
        assert found.body.schema["required"] == ["text"]
    assert list(schema["properties"]) == ["token", "text"], "the document itself is not changed"


def test_path_parameters_follow_the_template() -> None:
    given = [
        {"in": "path", "name": "id", "schema": {"type": "integer"}},
        {"in": "path", "name": "stray", "schema": {}},
    ]
    loaded = connector({"/pets/{id}/{other}.json": {"get": operation(parameters=given)}})
    assert sorted(parameters(loaded)) == [("path", "id"), ("path", "other")]
    assert all(parameter.required for parameter in next(iter(loaded.actions.values())).parameters)


def test_a_field_fills_its_place_in_a_path() -> None:
    given = [{"in": "path", "name": "tenant", "schema": {}, "required": True}]
    loaded = connector(
        {"/{tenant}/pets": {"get": operation(parameters=given)}}, **{"x-connector": {"fields": {"tenant": {}}}}
    )
    assert parameters(loaded) == []


@pytest.mark.parametrize(
    ("parameter", "style", "explode"),
    [
        ({"in": "query"}, "form", True),
        ({"in": "query", "explode": False}, "form", False),
        ({"in": "query", "style": "deepObject"}, "deepObject", False),
        ({"in": "query", "style": "pipeDelimited", "explode": True}, "pipeDelimited", True),
        ({"in": "query", "style": "simple"}, "form", True),
        ({"in": "header"}, "simple", False),
        ({"in": "cookie"}, "form", True),
        ({"in": "path"}, "simple", False),
        ({"in": "path", "style": "matrix"}, "matrix", False),
        ({"in": "path", "style": "form"}, "simple", False),
    ],
)
def test_styles_and_their_defaults(parameter: dict[str, Any], style: str, explode: bool) -> None:
    _, found = action({"parameters": [{"name": "p", "schema": {}, **parameter}]}, path="/a/{p}")
    (made,) = [each for each in found.parameters if each.location == parameter["in"]]
    assert (made.style, made.explode) == (style, explode)


def test_a_parameter_described_by_content() -> None:
    given = {"in": "query", "name": "filter", "content": {"application/json": {"schema": {"type": "object"}}}}
    _, found = action({"parameters": [given]})
    assert found.parameters[0].media_type == "application/json"
    assert found.parameters[0].schema == {"type": "object"}


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["text/plain", "multipart/form-data", "application/json"], "application/json"),
        (["message/rfc822", "application/json; charset=utf-8"], "application/json; charset=utf-8"),
        (["multipart/form-data", "application/vnd.api+json"], "application/vnd.api+json"),
        (["application/vnd.api+json", "application/json"], "application/json"),
        (["multipart/form-data", "application/x-www-form-urlencoded"], "application/x-www-form-urlencoded"),
        (["application/xml", "multipart/form-data"], "multipart/form-data"),
        (["application/xml", "text/plain"], "application/xml"),
        (["*/*"], "application/json"),
    ],
)
def test_the_media_type_to_send(offered: list[str], chosen: str) -> None:
    _, found = action({"requestBody": {"content": {name: {"schema": {"type": "object"}} for name in offered}}})
    assert found.body is not None
    assert found.body.media_type == chosen


def test_bodies_that_are_none() -> None:
    assert action({"requestBody": {"required": True}})[1].body is None
    assert action({"requestBody": {"content": {}}})[1].body is None


def test_schemas_that_are_only_true_or_false() -> None:
    given = [query("a", True), query("b", False)]  # type: ignore[arg-type]  # OpenAPI 3.1 has these
    _, found = action({"parameters": given}, openapi="3.1.0")
    assert [each.schema for each in found.parameters] == [{}, {"not": {}}]


def test_examples_of_parameters() -> None:
    components = {"examples": {"e": {"value": 2}}}
    examples = {"one": {"$ref": "#/components/examples/e"}, "gone": {"$ref": "#/gone"}, "file": {"externalValue": "x"}}
    _, found = action({"parameters": [query("a", {}, example=1, examples=examples)]}, components=components)
    assert found.parameters[0].examples == (1, 2)


def test_a_path_that_is_an_extension_is_passed_over() -> None:
    assert len(connector({"/pets": GET, "x-note": {"get": 5}}).actions) == 1


def test_a_get_does_not_send_an_empty_form() -> None:
    empty = json_body({"type": "object", "properties": {}}, required=False)
    full = json_body({"type": "object", "properties": {"a": {}}}, required=False)
    assert action({"requestBody": empty}, method="get")[1].body is None
    assert action({"requestBody": full}, method="get")[1].body is not None
    assert action({"requestBody": empty}, method="delete")[1].body is not None


def test_a_file_without_a_schema_is_binary() -> None:
    for name, schema in (("image/png", {"type": "string", "format": "binary"}), ("application/xml", {})):
        _, found = action({"requestBody": {"content": {name: {}}}})
        assert found.body is not None
        assert found.body.schema == schema


def test_every_shipped_document_loads_once() -> None:
    for name in spec.connector_names():
        loaded = load_shipped(name)
        assert loaded is load_shipped(name)
        assert (loaded.connector_id, loaded.shipped, loaded.version) == (name, True, 0)
        assert loaded.actions
        assert loaded.authentication


def test_a_shipped_document_says_its_own_name() -> None:
    assert refused(document(), shipped=True).details["place"] == "#/x-connector/id"
    assert refused(document(**{"x-connector": {"id": "cats"}}), shipped=True).details["rule"] == "const"
    assert load(document(**{"x-connector": {"id": "pets"}}), connector_id="pets", shipped=True).shipped


@pytest.mark.parametrize(
    ("asked", "read_only"),
    [
        ("query { a }", True),
        ("{ a }", True),
        ("mutation { a }", False),
        ("  # about\n mutation M { a }", False),
        ("fragment F on T { x } mutation { a { ...F } }", False),
        ('query { a(text: "mutation") } # mutation', True),
        ('query { a(text: """mutation " x""") mutations }', True),
        ("subscription { a }", False),
    ],
)
def test_graphql_that_changes_something(asked: str, read_only: bool) -> None:
    assert action({"x-graphql": asked})[1].read_only is read_only


@pytest.mark.parametrize(
    ("method", "node", "destructive", "overwrites", "reads"),
    [
        ("get", {}, False, False, True),
        ("post", {}, False, False, False),
        ("put", {}, False, True, False),
        ("patch", {}, False, True, False),
        ("delete", {}, True, True, False),
        ("delete", {"x-destructive": False}, False, False, False),
        ("delete", {"x-read-only": True}, False, False, True),
        ("put", {"x-destructive": False}, False, False, False),
        ("put", {"x-read-only": True}, False, False, True),
        ("post", {"x-destructive": True}, True, True, False),
        ("get", {"x-destructive": True}, True, True, False),
        ("get", {"x-destructive": False}, False, False, True),
        ("post", {"x-destructive": True, "x-read-only": True}, True, True, False),
        ("post", {"x-graphql": "query { a }", "x-destructive": True}, True, True, False),
        ("post", {"x-graphql": "mutation { deleteIt }"}, False, False, False),
    ],
)
def test_what_is_destructive(
    method: str, node: dict[str, Any], destructive: bool, overwrites: bool, reads: bool
) -> None:
    found = load(document({"/pets": {method: operation(operationId="it", **node)}}), connector_id="c").actions["it"]
    assert (found.destructive, found.overwrites, found.read_only) == (destructive, overwrites, reads)


@pytest.mark.parametrize("word", ["true", 1, None, []])
def test_a_word_about_destruction_that_is_none(word: Any) -> None:
    given = document({"/pets": {"post": operation(operationId="it", **{"x-destructive": word})}})
    if word is None:
        assert load(given, connector_id="c").actions["it"].destructive is False
        return
    details = refused(given).details
    assert (details["place"], details["rule"]) == ("#/paths/~1pets/post/x-destructive", "type")


@pytest.mark.parametrize("name", ["nowhere", "../openapi", "", "slack.yaml"])
def test_no_shipped_connector_of_that_name(name: str) -> None:
    with pytest.raises(ConnectorNotFound, match="Connector not found"):
        load_shipped(name)
