"""What an assistant is told of an action: the documented shape, one flat schema, a sample to start from."""

from typing import Any

import jsonschema_rs
import orjson
import pytest
from openapi_samples import action, connector, json_body, operation, query

import spec
from gateway.catalog.actions.describing import details, input_schema, resources, sample_arguments
from gateway.catalog.actions.layout import layout
from gateway.catalog.loader import load_shipped
from gateway.catalog.model import Action, Connector
from gateway.catalog.schemas.objects import shape
from gateway.catalog.schemas.resolving import BUDGET

PET = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "example": "Rex"},
        "age": {"type": "integer", "nullable": True},
        "id": {"type": "string", "readOnly": True},
    },
    "required": ["name", "id"],
}


def test_details_have_the_documented_shape() -> None:
    loaded, found = action(
        {
            "operationId": "pets/add",
            "summary": "Add",
            "description": "Adds a pet.",
            "externalDocs": {"url": "https://docs.example.com"},
            "parameters": [
                {"in": "path", "name": "shop", "schema": {"type": "string"}, "required": True, "description": "Which."},
                query("limit", {"type": "integer"}, example=5),
            ],
            "requestBody": {**json_body(PET), "description": "The pet."},
        },
        path="/{shop}/pets",
        method="put",
    )
    assert details(loaded, found) == {
        "id": found.action_id,
        "displayName": "Add",
        "description": "Adds a pet.",
        "httpMethod": "put",
        "path": "/{shop}/pets",
        "parameters": [
            {"name": "shop", "in": "path", "description": "Which.", "required": True, "schema": {"type": "string"}},
            {
                "name": "limit",
                "in": "query",
                "description": "",
                "required": False,
                "schema": {"type": "integer", "examples": [5]},
            },
        ],
        "requestBody": {
            "description": "The pet.",
            "type": "object",
            "properties": {"name": {"type": "string", "examples": ["Rex"]}, "age": {"type": ["integer", "null"]}},
            "required": ["name"],
        },
        "documentation": "https://docs.example.com",
        "sample": {"shop": "text", "limit": 5, "name": "Rex"},
    }


def test_what_an_action_has_not_is_absent() -> None:
    found = details(*action({}, method="get"))
    assert {"requestBody", "documentation", "deprecated"}.isdisjoint(found)
    assert details(*action({"deprecated": True}))["deprecated"] is True


def test_the_action_that_the_reference_shows() -> None:
    slack = load_shipped("slack")
    found = details(slack, slack.actions["chat_postMessage"])
    assert (found["httpMethod"], found["path"]) == ("post", "/chat.postMessage")
    assert {"channel", "text", "blocks", "thread_ts"} <= found["requestBody"]["properties"].keys()
    assert "token" not in str(found["parameters"])


def test_resources_group_the_actions() -> None:
    loaded = connector(
        {
            "/a": {"get": operation(operationId="one", tags=["A"]), "post": operation(operationId="two", tags=["B"])},
            "/b": {"get": operation(operationId="three", tags=["A"], summary="Three", description="All three.")},
        }
    )
    assert [(group["name"], [each["id"] for each in group["actions"]]) for group in resources(loaded)] == [
        ("A", ["one", "three"]),
        ("B", ["two"]),
    ]
    assert resources(loaded)[0]["actions"][1] == {
        "id": "three",
        "displayName": "Three",
        "description": "All three.",
        "httpMethod": "get",
        "path": "/b",
    }


def flat(body: dict[str, Any] | None = None, *parameters: dict[str, Any], required: bool = True, **more: Any) -> Any:
    node: dict[str, Any] = {"parameters": list(parameters)}
    if body is not None:
        node["requestBody"] = json_body(body, required=required)
    return input_schema(*action(node, **more))


def test_one_flat_schema() -> None:
    found = flat(PET, query("limit", {"type": "integer"}, required=True, description="Most."))
    assert found == {
        "type": "object",
        "properties": {
            "limit": {"type": "integer", "description": "Most."},
            "name": {"type": "string", "examples": ["Rex"]},
            "age": {"type": ["integer", "null"]},
        },
        "required": ["limit", "name"],
        "additionalProperties": False,
    }


def test_nothing_is_taken_where_nothing_is_described() -> None:
    assert flat() == {"type": "object", "properties": {}, "additionalProperties": False}


def test_an_optional_body_requires_nothing() -> None:
    assert "required" not in flat(PET, required=False)


@pytest.mark.parametrize(
    "body", [{"type": "array", "items": {}}, {"type": "string"}, {}, {"oneOf": [PET, {"type": "array"}]}]
)
def test_a_body_that_is_no_object_is_given_whole(body: dict[str, Any]) -> None:
    found = flat(body)
    assert list(found["properties"]) == ["requestBody"]
    assert found["required"] == ["requestBody"]


def test_text_and_files_are_given_whole() -> None:
    for media_type in ("text/plain", "application/octet-stream"):
        found = input_schema(*action({"requestBody": {"content": {media_type: {"schema": PET}}}}))
        assert list(found["properties"]) == ["requestBody"]


def test_files_are_base64_where_the_body_is_bytes() -> None:
    schema = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
    for media_type, coded in (("multipart/form-data", True), ("application/json", False)):
        found = input_schema(*action({"requestBody": json_body(schema, media_type=media_type)}))
        assert ("base64" in str(found["properties"]["file"])) is coded


def test_names_that_collide() -> None:
    both = [
        query("id", {"type": "integer"}, required=True),
        {"in": "path", "name": "id", "schema": {"type": "string"}},
        {"in": "header", "name": "id", "schema": {"type": "boolean"}},
        {"in": "cookie", "name": "session", "schema": {}},
    ]
    found = flat(
        {"type": "object", "properties": {"id": {"type": "array"}, "x": {}}, "required": ["id"]}, *both, path="/{id}"
    )
    assert found["properties"] == {
        "queryParameters": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
        "id": {"type": "string"},
        "additionalHeaders": {"type": "object", "properties": {"id": {"type": "boolean"}}},
        "session": {},
        "requestBody": {"type": "object", "properties": {"id": {"type": "array"}}, "required": ["id"]},
        "x": {},
    }
    assert found["required"] == ["queryParameters", "id", "requestBody"]


def test_names_of_groups_are_never_flat() -> None:
    body = {"type": "object", "properties": {"pathParams": {"type": "integer"}, "headers": {}}}
    loaded, found = action({"requestBody": json_body(body), "parameters": [query("requestBody", {})]})
    assert layout(loaded.document, found).flat == {"headers": ("body", "headers")}
    assert input_schema(loaded, found)["properties"] == {
        "queryParameters": {"type": "object", "properties": {"requestBody": {}}},
        "requestBody": {"type": "object", "properties": {"pathParams": {"type": "integer"}}},
        "headers": {},
    }


def test_names_that_model_providers_refuse_have_safe_ones() -> None:
    names = ["page[cursor]", "page_cursor", "$top", "DateSent<", "<<", "é", "x" * 70]
    loaded, found = action({"parameters": [query(name, {"type": "string"}, description="D.") for name in names]})
    properties = input_schema(loaded, found)["properties"]
    assert list(properties) == ["page_cursor_2", "page_cursor", "top", "DateSent", "argument", "argument_2", "x" * 60]
    assert properties["page_cursor_2"]["description"] == "D. (Sent as page[cursor].)"
    assert properties["page_cursor"]["description"] == "D."
    assert [each["name"] for each in details(loaded, found)["parameters"]] == names


def test_samples_have_the_document_s_own_names() -> None:
    sample = sample_arguments(*action({"parameters": [query("page[size]", {"type": "integer"}, required=True)]}))
    assert sample == {"page[size]": 1}


@pytest.mark.parametrize(
    ("body", "opened"),
    [
        ({"type": "object", "properties": {"a": {}}}, False),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, True),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "string"}}, True),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, False),
        ({"type": "object", "patternProperties": {"^x": {}}}, True),
        ({"type": "object"}, True),
        ({"type": "object", "additionalProperties": False}, False),
        ({"allOf": [{"type": "object", "additionalProperties": True}, {"properties": {"a": {}}}]}, True),
    ],
)
def test_other_names(body: dict[str, Any], opened: bool) -> None:
    assert flat(body)["additionalProperties"] is opened


REFERRED = {"a": {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}, "b": {"$ref": "#/s/a"}}
SHAPES: list[tuple[dict[str, Any], list[str] | None, set[str]]] = [
    ({"$ref": "#/s/b"}, ["x"], {"x"}),
    ({"allOf": [{"$ref": "#/s/a"}, {"properties": {"y": {}}, "required": ["y", "gone"]}]}, ["x", "y"], {"x", "y"}),
    ({"properties": {"z": {}}, "allOf": [{"$ref": "#/s/a"}]}, ["z", "x"], {"x"}),
    ({"properties": {"z": {}}, "allOf": [{"required": ["z"]}, {"description": "d"}]}, ["z"], {"z"}),
    ({"oneOf": [{"$ref": "#/s/a"}, {"properties": {"x": {}, "y": {}}, "required": ["x", "y"]}]}, ["x", "y"], {"x"}),
    ({"anyOf": [{"$ref": "#/s/a"}, {"type": "null"}]}, ["x"], {"x"}),
    ({"properties": {"a": {}, "b": {}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, ["a", "b"], set()),
    ({"anyOf": [{"$ref": "#/s/a"}, {"type": "string"}]}, None, set()),
    ({"allOf": [{"$ref": "#/s/a"}, {"type": "array"}]}, None, set()),
    ({"type": ["object", "null"], "properties": {"a": {}}}, ["a"], set()),
    ({"type": ["object", "array"]}, None, set()),
    ({"$ref": "#/s/gone"}, None, set()),
    ({"description": "Anything."}, None, set()),
    ({"type": "object", "properties": {"a": {"readOnly": True}}, "required": ["a"]}, [], set()),
]


@pytest.mark.parametrize(("schema", "names", "required"), SHAPES)
def test_the_properties_of_a_body(schema: dict[str, Any], names: list[str] | None, required: set[str]) -> None:
    found = shape({"s": REFERRED}, schema)
    assert (None if found is None else list(found.properties)) == names
    assert found is None or found.required == required


def test_branches_that_differ_are_a_choice() -> None:
    one, two, three = ({"type": "object", "properties": {"kind": {"enum": [each]}}} for each in "abc")
    found = shape({}, {"oneOf": [one, two, three, one]})
    assert found is not None
    assert found.properties["kind"] == {"anyOf": [{"enum": ["a"]}, {"enum": ["b"]}, {"enum": ["c"]}]}


def test_compositions_that_go_on_and_on_are_no_object() -> None:
    schemas: dict[str, Any] = {f"a{n}": {"allOf": [{"$ref": f"#/s/a{n + 1}"}] * 50} for n in range(20)}
    assert shape({"s": schemas}, {"$ref": "#/s/a0"}) is None
    assert shape({"s": {"a": {"allOf": [{"$ref": "#/s/a"}]}}}, {"$ref": "#/s/a"}) is None


def sampled(body: dict[str, Any]) -> Any:
    return sample_arguments(*action({"requestBody": json_body(body)}))


def test_samples_are_made_of_examples_defaults_and_types() -> None:
    properties = {
        "example": {"type": "string", "example": "e"},
        "given": {"type": "string", "default": "d"},
        "choice": {"type": "string", "enum": ["c", "x"]},
        "day": {"type": "string", "format": "date"},
        "mail": {"type": "string", "format": "email"},
        "count": {"type": "integer", "minimum": 3},
        "share": {"type": "number", "maximum": 0.5},
        "flag": {"type": "boolean"},
        "list": {"type": "array", "items": {"type": "integer"}, "minItems": 2},
        "either": {"oneOf": [{"type": "boolean"}, {"type": "string"}]},
        "inner": {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]},
        "none": {"type": "string", "minLength": 6, "maxLength": 6},
        "anything": {},
    }
    body = {
        "type": "object",
        "properties": {**properties, "left out": {"type": "string"}},
        "required": list(properties),
    }
    assert sampled(body) == {
        "example": "e",
        "given": "d",
        "choice": "c",
        "day": "2026-01-31",
        "mail": "ada@example.com",
        "count": 3,
        "share": 0.5,
        "flag": True,
        "list": [1, 1],
        "either": True,
        "inner": {"a": "text"},
        "none": "textxx",
        "anything": "text",
    }


def test_a_body_s_own_example_counts() -> None:
    media = {"schema": PET, "examples": {"x": {"value": {"name": "Tom", "age": 3, "id": "1"}}}}
    assert sample_arguments(*action({"requestBody": {"content": {"application/json": media}}})) == {
        "name": "Tom",
        "age": 3,
    }
    media = {"schema": {"type": "array", "items": {}}, "example": [1, 2]}
    found = sample_arguments(*action({"requestBody": {"content": {"application/json": media}}}))
    assert found == {"requestBody": [1, 2]}


def test_an_optional_body_is_sampled_whole_or_not_at_all() -> None:
    example = {"type": "string", "example": "x"}
    schema = {"type": "object", "properties": {"a": example, "b": {"type": "integer"}, "c": {}}, "required": ["b"]}
    assert sample_arguments(*action({"requestBody": json_body(schema, required=False)})) == {"b": 1, "a": "x"}
    del schema["properties"]["a"]  # type: ignore[attr-defined]  # it is an object
    assert sample_arguments(*action({"requestBody": json_body(schema, required=False)})) == {}


def test_examples_that_are_not_valid_are_left_out() -> None:
    properties = {"a": {"type": "integer", "example": "1,2"}, "b": {"type": "array", "items": {}, "example": "1,2"}}
    assert sampled({"type": "object", "properties": properties, "required": ["a"]}) == {"a": 1}


def test_schemas_of_all_arguments_together_are_bounded() -> None:
    wide = {"type": "object", "properties": {f"p{n}": {"type": "string", "description": "d" * 400} for n in range(100)}}
    found = flat({"type": "object", "properties": {f"q{n}": wide for n in range(40)}})
    assert len(found["properties"]) == 40
    assert len(orjson.dumps(found)) < 2 * BUDGET


def every_action(loaded: Connector) -> list[Action]:
    return list(loaded.actions.values())


@pytest.mark.parametrize("name", spec.connector_names())
def test_shipped_samples_are_valid(name: str) -> None:
    loaded = load_shipped(name)
    for found in every_action(loaded):
        check = jsonschema_rs.Draft202012Validator(input_schema(loaded, found))
        plan = layout(loaded.document, found)
        # The schema has names such as `page[size]` in their safe spelling.
        safe = {slot: name for name, slot in plan.safe.items()}
        given = sample_arguments(loaded, found).items()
        sample = {safe.get(plan.flat.get(name, ("", "")), name): value for name, value in given}
        assert check.is_valid(sample), (found.action_id, sample)
