"""The schema of a platform that speaks MCP is shown as it was written; every other one is made flat."""

from typing import Any

import pytest
from openapi_samples import action, json_body, query

from gateway.catalog.actions.describing import input_schema
from gateway.catalog.schemas.resolving import BUDGET, Validator

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PLACE = "#/components/schemas/Person"
PERSON = {
    "$schema": DIALECT,
    "type": "object",
    "$defs": {"address": {"$anchor": "addressDef", "type": "object", "properties": {"city": {"type": "string"}}}},
    "properties": {
        "name": {"type": "string", "default": {"$ref": "this is data"}},
        "address": {"$ref": f"{PLACE}/$defs/address"},
        "friends": {"type": "array", "items": {"$ref": PLACE}},
        "phone": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["address"]}]}],
    "if": {"required": ["friends"]},
    "then": {"required": ["name"]},
    "else": {"minProperties": 1},
    "additionalProperties": False,
}


def shown(person: dict[str, Any], *, node: dict[str, Any] | None = None, **schemas: Any) -> dict[str, Any]:
    """The input schema of an operation with this body, by reference."""
    operation = {"operationId": "add", "x-mcp-result": True, "requestBody": json_body({"$ref": PLACE}), **(node or {})}
    return input_schema(*action(operation, openapi="3.1.0", components={"schemas": {"Person": person, **schemas}}))


def test_every_keyword_stays_where_it_was() -> None:
    found = shown(PERSON)
    within = {"address": {"$ref": "#/$defs/address"}, "friends": {"type": "array", "items": {"$ref": "#"}}}
    assert found == {**PERSON, "properties": {**PERSON["properties"], **within}}
    check = Validator(found, offline=True)
    assert check.is_valid({"name": "Ann", "phone": "1", "friends": [{"address": {"city": "Rome"}}]})
    assert not check.is_valid({"name": "Ann", "phone": "1", "friends": [{"address": {"city": 5}}]})
    assert not check.is_valid({"name": "Ann"})


def test_what_is_elsewhere_becomes_a_definition() -> None:
    pet = {"type": "object", "properties": {"owner": {"$ref": PLACE}, "next": {"$ref": "#/components/schemas/address"}}}
    properties = {"pet": {"$ref": "#/components/schemas/Pet"}, "address": {"$ref": f"{PLACE}/$defs/address"}}
    found = shown({**PERSON, "properties": properties}, Pet=pet, address={"$ref": "#/components/schemas/Pet"})
    assert found["properties"] == {"pet": {"$ref": "#/$defs/Pet"}, "address": {"$ref": "#/$defs/address"}}
    assert found["$defs"] == {
        **PERSON["$defs"],
        "Pet": {"type": "object", "properties": {"owner": {"$ref": "#"}, "next": {"$ref": "#/$defs/address_2"}}},
        "address_2": {"$ref": "#/$defs/Pet"},
    }


def test_a_header_stays_on_an_argument_only() -> None:
    deep = {"type": "object", "properties": {"x-mcp-header": {"type": "string"}, "in": {"x-mcp-header": "Deep"}}}
    found = shown({**PERSON, "properties": {"deep": deep}})
    assert found["properties"]["deep"]["properties"] == {"x-mcp-header": {"type": "string"}, "in": {}}


FLAT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no dialect": ({"$schema": None}, {}),
    "another dialect": ({"$schema": "http://json-schema.org/draft-07/schema#"}, {}),
    "no MCP": ({}, {"x-mcp-result": False}),
    "a parameter": ({}, {"parameters": [query("limit", {"type": "integer"})]}),
    "the name of a group": ({"properties": {"requestBody": {"type": "string"}}}, {}),
    "a name that is refused": ({"properties": {"page[size]": {"type": "string"}}}, {}),
    "too large": ({"properties": {"name": {"type": "string", "description": "a" * BUDGET}}}, {}),
    "a header behind a reference": ({"properties": {"region": {"$ref": "#/components/schemas/Region"}}}, {}),
}


@pytest.mark.parametrize("case", FLAT)
def test_others_are_made_flat(case: str) -> None:
    changed, node = FLAT[case]
    region = {"type": "string", "x-mcp-header": "Region"}
    found = shown({**PERSON, **changed}, node=node, Region=region)
    assert not {"$schema", "$defs", "allOf", "if"} & found.keys()
