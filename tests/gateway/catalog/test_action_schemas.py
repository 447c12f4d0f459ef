"""Schemas for the reader and for the validator: one dialect in, two forms out, the same values admitted."""

import time
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.schemas.resolving import resolve, validator

NULL = {"type": "null"}
KEYWORDS = [
    *("type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength"),
    *("minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains", "maxProperties"),
    *("minProperties", "required", "properties", "patternProperties", "additionalProperties", "items", "prefixItems"),
    *("contains", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependentRequired"),
    *("propertyNames", "unevaluatedItems", "unevaluatedProperties", "format", "nullable", "example", "examples"),
    *("default", "description", "title", "readOnly", "writeOnly", "deprecated", "discriminator", "xml", "$id"),
    *("$anchor", "$dynamicRef", "$schema", "$defs", "$comment", "contentEncoding", "contentMediaType", "x-junk"),
]
# OpenAPI's schema, and the JSON Schema it means.
CONVERSIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "string"}, {"type": "string"}),
    ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
    ({"type": "string", "enum": ["a"], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
    ({"type": "string", "enum": ["a", None], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
    ({"type": ["string", "null"], "nullable": True}, {"type": ["string", "null"]}),
    ({"nullable": True, "anyOf": [{"type": "string"}]}, {"anyOf": [{"anyOf": [{"type": "string"}]}, NULL]}),
    ({"nullable": True}, {}),
    ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
    ({"maximum": 1, "exclusiveMaximum": False}, {"maximum": 1}),
    ({"exclusiveMinimum": 3}, {"exclusiveMinimum": 3}),
    ({"type": "number", "multipleOf": 0.01}, {"type": "number", "multipleOf": 0.01}),
    ({"multipleOf": 0}, {}),
    (
        {"type": "object", "nullable": True, "anyOf": [{"required": ["a"]}], "description": "D."},
        {"anyOf": [{"type": "object", "anyOf": [{"required": ["a"]}]}, NULL], "description": "D."},
    ),
    ({"type": ["string", "integer"], "nullable": True}, {"anyOf": [{"type": ["string", "integer"]}, NULL]}),
    ({"type": "integer", "example": 5}, {"type": "integer", "examples": [5]}),
    ({"type": "integer", "example": 5, "examples": [6]}, {"type": "integer", "examples": [6]}),
    ({"oneOf": [{"type": "string"}, {}]}, {"anyOf": [{"type": "string"}, {}]}),
    (
        {"oneOf": [{"type": "string"}], "anyOf": [{"minLength": 1}]},
        {"allOf": [{"anyOf": [{"minLength": 1}]}, {"anyOf": [{"type": "string"}]}]},
    ),
    ({"type": "object", "discriminator": {"propertyName": "k"}, "xml": {}, "x-a": 1}, {"type": "object"}),
    (
        {"type": "object", "properties": {"id": {"readOnly": True}, "name": {}}, "required": ["id", "name"]},
        {"type": "object", "properties": {"name": {}}, "required": ["name"]},
    ),
    (
        {"allOf": [{"properties": {"id": {"readOnly": True}}}, {"required": ["id", "a"]}], "required": ["id"]},
        {"allOf": [{"properties": {}}, {"required": ["id", "a"]}]},
    ),
    # What is no JSON Schema says nothing.
    ({"type": "any", "required": True, "minimum": "3", "enum": [], "minLength": -1, "items": 5}, {}),
    ({"type": "file"}, {"type": "string"}),
    ({"required": ["a", "a", 5]}, {"required": ["a"]}),
    ({"items": [{"type": "string"}, {}]}, {"prefixItems": [{"type": "string"}, {}]}),
    ({"type": "string", "enum": [1.0, 2, True, "x"]}, {"type": "string", "enum": ["1.0", "2", "true", "x"]}),
    # Beside or inside allOf, closing an object by the letter would admit nothing.
    (
        {"allOf": [{"properties": {"a": {}}, "additionalProperties": False}, {"properties": {"b": {}}}]},
        {"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]},
    ),
    (
        {"allOf": [{"required": ["a"]}], "properties": {"b": {}}, "additionalProperties": False},
        {"allOf": [{"required": ["a"]}], "properties": {"b": {}}, "unevaluatedProperties": False},
    ),
    (
        {"properties": {"b": {}}, "additionalProperties": False},
        {"properties": {"b": {}}, "additionalProperties": False},
    ),
    (
        {"properties": {"enum": {"type": "string"}, "default": {}}},
        {"properties": {"enum": {"type": "string"}, "default": {}}},
    ),
    ({"default": {"nullable": True}, "const": {"x-a": 1}}, {"default": {"nullable": True}, "const": {"x-a": 1}}),
    ({"allOf": [{"type": "string"}], "description": "Said here."}, {"type": "string", "description": "Said here."}),
    (
        {"additionalProperties": {"type": "string", "nullable": True}},
        {"additionalProperties": {"type": ["string", "null"]}},
    ),
    (
        {"allOf": [{"properties": {"a": {}}, "additionalProperties": False}], "properties": {"b": {}}},
        {"allOf": [{"properties": {"a": {}}}], "properties": {"b": {}}},
    ),
    (
        {"allOf": [{"properties": {"a": {}}, "additionalProperties": False}]},
        {"properties": {"a": {}}, "additionalProperties": False},
    ),
    ({"not": {"required": ["a"]}}, {"not": {"required": ["a"]}}),
]


@pytest.mark.parametrize(("written", "meant"), CONVERSIONS)
def test_the_dialect(written: dict[str, Any], meant: dict[str, Any]) -> None:
    assert resolve({"openapi": "3.0.3"}, written) == meant
    validator({"openapi": "3.0.3"}, written)


def in_document(version: str = "3.0.3", **schemas: Any) -> dict[str, Any]:
    return {"openapi": version, "components": {"schemas": schemas}}


def ref(name: str, **beside: Any) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", **beside}


def test_references_are_written_out() -> None:
    document = in_document(pet={"type": "object", "properties": {"owner": ref("owner")}}, owner={"type": "string"})
    assert resolve(document, {"type": "array", "items": ref("pet")}) == {
        "type": "array",
        "items": {"type": "object", "properties": {"owner": {"type": "string"}}},
    }


@pytest.mark.parametrize(
    ("version", "beside", "meant"),
    [
        ("3.0.3", {"description": "Mine.", "minLength": 5}, {"type": "string", "description": "Mine."}),
        (
            "3.1.0",
            {"description": "Mine.", "minLength": 5},
            {"allOf": [{"type": "string"}], "description": "Mine.", "minLength": 5},
        ),
        ("3.1.0", {"description": "Mine."}, {"type": "string", "description": "Mine."}),
        ("3.0.3", {"nullable": True}, {"anyOf": [{"type": "string"}, NULL]}),
    ],
)
def test_what_stands_beside_a_reference(version: str, beside: dict[str, Any], meant: dict[str, Any]) -> None:
    document = in_document(version, name={"type": "string"})
    assert resolve(document, ref("name", **beside)) == meant
    check = validator(document, ref("name", **beside))
    assert check.is_valid("long enough")
    assert check.is_valid("abc") is ("minLength" not in meant)
    assert check.is_valid(None) is ("nullable" in beside)


def test_a_read_only_property_behind_a_reference() -> None:
    document = in_document(id={"type": "string", "readOnly": True}, alias=ref("id"))
    schema = {"type": "object", "properties": {"id": ref("alias"), "a": {}}, "required": ["id"]}
    assert resolve(document, schema) == {"type": "object", "properties": {"a": {}}}
    assert validator(document, schema).is_valid({})


TREE = in_document(
    tree={
        "type": "object",
        "properties": {"value": {"type": "integer"}, "left": ref("tree"), "right": ref("tree", nullable=True)},
        "required": ["value"],
        "additionalProperties": False,
    }
)


def test_recursion_ends_in_a_stub_for_the_reader() -> None:
    found = resolve(TREE, ref("tree"))
    assert found["properties"]["left"] == {"type": "object", "description": "(tree comes back to itself here.)"}
    assert jsonschema_rs.Draft202012Validator(found).is_valid({"value": 1, "left": {"value": "anything"}})


def test_recursion_goes_all_the_way_for_the_validator() -> None:
    check = validator(TREE, ref("tree"))
    value: dict[str, Any] = {"value": 1, "right": None}
    for _ in range(50):
        value = {"value": 1, "left": value}
    assert check.is_valid(value)
    deepest = value
    while "left" in deepest:
        deepest = deepest["left"]
    deepest["value"] = "one"
    assert not check.is_valid(value)


def test_references_that_only_go_in_a_circle() -> None:
    document = in_document(a=ref("b"), b=ref("a"))
    assert "comes back to itself" in resolve(document, ref("a"))["description"]
    assert validator(document, {"properties": {"x": {"type": "string"}}}).is_valid({"x": "y"})


def test_a_stub_under_not_forbids_nothing() -> None:
    document = in_document(a={"type": "object", "properties": {"x": {"not": ref("a")}}})
    found = resolve(document, ref("a"))
    assert found["properties"]["x"] == {"not": False}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"in": schema}}
    return schema


def depth(schema: dict[str, Any]) -> int:
    levels = 0
    while "properties" in schema:
        schema, levels = schema["properties"]["in"], levels + 1
    return levels


def test_depth_is_bounded_for_the_reader_and_not_for_the_validator() -> None:
    assert depth(resolve({}, nested(10))) == 10
    assert depth(resolve({}, nested(30))) == 11
    value: Any = 1
    for _ in range(30):
        value = {"in": value}
    assert validator({}, nested(30)).is_valid(value)
    assert not validator({}, nested(30)).is_valid({"in": {"in": "x"}})


def test_size_is_bounded_by_cutting_the_lower_levels() -> None:
    wide = {f"property{n}": {"type": "string", "description": "d" * 50} for n in range(20)}
    schema: dict[str, Any] = {"type": "object", "properties": wide}
    for _ in range(3):
        schema = {"type": "object", "properties": {f"property{n}": schema for n in range(20)}}
    found = resolve({}, schema, budget=20_000)
    assert len(str(found)) < 40_000
    assert list(found["properties"]) == [f"property{n}" for n in range(20)]
    assert "not shown deeper" in str(found)


def test_size_is_bounded_for_schemas_that_are_only_wide() -> None:
    wide = {f"property{n}": {"type": "string", "description": "d" * 5_000} for n in range(100)}
    found = resolve({}, {"type": "object", "properties": wide}, budget=10_000)
    assert len(found["properties"]) == 100
    assert len(str(found)) < 60_000


def test_a_bush_of_references_is_cut_in_time() -> None:
    schemas: dict[str, Any] = {
        f"s{n}": {
            "properties": {f"p{m}": ref(f"s{n + 1}") for m in range(20)},
            "allOf": [ref(f"s{n + 1}")] * 20,
            "required": ["p0"],
        }
        for n in range(12)
    }
    schemas["s12"] = {}
    document = in_document(**schemas)
    begun = time.process_time()
    resolve(document, ref("s0"))
    with pytest.raises(DocumentError):
        validator(document, ref("s0"))
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("pattern", ["(", r"(?<year>\d+)-\k<year>", r"[\w-.]+", "*"])
def test_patterns_that_cannot_be_compiled_are_left_out(pattern: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": pattern, "minLength": 2}}}
    check = validator({}, {**schema, "patternProperties": {pattern: {"type": "integer"}}})
    assert check.is_valid({"a": "anything"})
    assert not check.is_valid({"a": "x"}), "the rest of the schema still counts"


def test_a_pattern_as_a_value_is_left_alone() -> None:
    schema = {"properties": {"a": {"pattern": "("}, "b": {"enum": [{"pattern": "("}]}}}
    check = validator({}, schema)
    assert check.is_valid({"b": {"pattern": "("}})
    assert not check.is_valid({"b": {}})


def test_a_pattern_cannot_keep_the_process_busy() -> None:
    check = validator({}, {"type": "string", "pattern": "^(?=(a+)+$)(a|a)*b$"})
    begun = time.process_time()
    assert not check.is_valid("a" * 40 + "!")
    # It took minutes, or never ended; collecting the garbage of other tests may take a second.
    assert time.process_time() - begun < 5


def test_formats_are_for_the_reader() -> None:
    schema = {"type": "string", "format": "uuid"}
    assert resolve({}, schema) == schema
    assert validator({}, schema).is_valid("1234567890abcdef1234567890abcdef")


def test_nothing_is_fetched() -> None:
    for reference in ("https://127.0.0.1:1/schema.json", "file:///etc/passwd", "other.yaml#/a"):
        # Loading refuses such documents; even if one came through, the reference would only mean "anything".
        assert validator({}, {"properties": {"a": {"$ref": reference}}}).is_valid({"a": 1})
        assert resolve({}, {"$ref": reference}) == {}


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS) | st.text(max_size=3), inner),
    max_leaves=12,
)


@settings(max_examples=400)
@given(st.dictionaries(st.sampled_from(KEYWORDS), JUNK, max_size=6), st.booleans())
def test_any_junk_gives_a_schema(junk: dict[str, Any], files: bool) -> None:
    jsonschema_rs.Draft202012Validator(_without_patterns(resolve({}, junk, files=files)))
    validator({}, junk, files=files)


def _without_patterns(node: Any) -> Any:
    """The reader may see a pattern that this engine does not know."""
    if isinstance(node, list):
        return [_without_patterns(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {name: _without_patterns(value) for name, value in node.items() if "attern" not in name}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "format": "binary"},
        {"type": "file"},
        {"type": "string", "contentMediaType": "image/png"},
        {"contentMediaType": "application/octet-stream"},
    ],
)
def test_files_are_base64_where_bytes_are_sent(schema: dict[str, Any]) -> None:
    check = validator({}, schema, files=True)
    for value in ("aGk=", {"base64": "aGk="}, {"base64": "aGk=", "filename": "a.txt", "contentType": "text/plain"}):
        assert check.is_valid(value)
    for value in (5, {}, {"base64": "aGk=", "path": "/etc/passwd"}):
        assert not check.is_valid(value)
    assert "base64" in str(resolve({}, schema, files=True))
    assert "base64" not in str(resolve({}, schema))


def test_text_is_no_file() -> None:
    schema = {"type": "string", "contentMediaType": "application/json"}
    assert not validator({}, schema, files=True).is_valid({"base64": "aGk="})


LEAVES = st.sampled_from(
    [
        {"type": "string", "nullable": True},
        {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
        {"type": "boolean"},
        {"enum": ["a", 1, None]},
        {"$ref": "#/components/schemas/name"},
        {},
    ]
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda child: {"type": "array", "items": child}, inner),
        st.builds(lambda one, two: {"oneOf": [one, two]}, inner, inner),
        st.builds(lambda one, two: {"allOf": [one, two]}, inner, inner),
        st.builds(
            lambda children, closed: {
                "type": "object",
                "properties": children,
                "required": sorted(children)[:1],
                "additionalProperties": not closed,
            },
            st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            st.booleans(),
        ),
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["a", "bb"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=6,
)


@given(SCHEMAS, VALUES)
def test_what_the_reader_sees_is_what_the_validator_checks(schema: dict[str, Any], value: Any) -> None:
    document = in_document(name={"type": "string", "maxLength": 1})
    seen = jsonschema_rs.Draft202012Validator(resolve(document, schema))
    assert seen.is_valid(value) is validator(document, schema).is_valid(value)
