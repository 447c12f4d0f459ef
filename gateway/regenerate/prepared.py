"""The contract as type generators want it: a name for each request and response, and nothing that types cannot say.

Generators number what has no name (`Error1`), make aliases of constrained strings, and one of them drops a part of an
unnamed variant. So every request, query and response gets a component of its own, named for its operation.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.regenerate.operations import Operation, json_schema, success

# Limits are the validator's business; a type that carries them is a type more, and says nothing.
_LIMITS = {"pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "maxProperties"}
_COMPONENTS = "#/components/schemas/"


def with_named_variants(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the document in which each object within an `anyOf` or `oneOf` of a component is one by itself."""
    changed: dict[str, Any] = copy.deepcopy(dict(document))
    schemas = changed["components"]["schemas"]
    for name in list(schemas):
        for keyword in ("anyOf", "oneOf"):
            for number, variant in enumerate(schemas[name].get(keyword, ()), 1):
                if "properties" in variant:
                    schemas[f"{name}{number}"] = variant
                    schemas[name][keyword][number - 1] = {"$ref": f"{_COMPONENTS}{name}{number}"}
    return changed


def types_document(document: Mapping[str, Any], operations: Iterable[Operation]) -> dict[str, Any]:
    """An OpenAPI document with no paths and all the types: components, `...Request`, `...Query` and `...Response`."""
    schemas = dict(with_named_variants(document)["components"]["schemas"])
    for operation in operations:
        for kind, schema in _of(operation).items():
            schemas.setdefault(operation.stem + kind, schema)
    return {
        "openapi": document["openapi"],
        "info": {"title": "types", "version": "1"},
        "paths": {},
        "components": {
            "schemas": {
                name: _plain(schema if "$ref" in schema else _whole(schemas, schema))
                for name, schema in schemas.items()
            }
        },
    }


def _of(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    query = [parameter for parameter in operation.parameters if parameter["in"] == "query"]
    if query:
        found["Query"] = {
            "type": "object",
            "required": [parameter["name"] for parameter in query if parameter.get("required")],
            "properties": {parameter["name"]: parameter["schema"] for parameter in query},
        }
    if operation.body is not None and (schema := json_schema(operation.body)) is not None:
        found["Request"] = schema
    answers = [schema for _, entry in success(operation) if (schema := json_schema(entry)) is not None]
    if answers:
        found["Response"] = answers[0] if len(answers) == 1 else {"anyOf": answers}
    return found


def _whole(schemas: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """An `allOf` of objects as one object: a TypedDict cannot require a field that its base leaves open."""
    if "$ref" in schema and schema["$ref"].startswith(_COMPONENTS):
        return _whole(schemas, schemas[schema["$ref"].removeprefix(_COMPONENTS)])
    if "allOf" not in schema:
        return schema
    parts = [_whole(schemas, part) for part in schema["allOf"]]
    return {
        **{key: value for key, value in schema.items() if key != "allOf"},
        "type": "object",
        "required": sorted({name for part in (schema, *parts) for name in part.get("required", ())}),
        "properties": {name: field for part in (*parts, schema) for name, field in part.get("properties", {}).items()},
    }


def _plain(schema: Any) -> Any:
    """A schema without limits, examples and choices between required fields."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key not in _LIMITS | {"example"}}
    for keyword in ("anyOf", "oneOf"):
        if all(set(variant) <= {"required"} for variant in kept.get(keyword, ())):
            kept.pop(keyword, None)
    if kept.get("type") == "object" and not {"properties", "additionalProperties"} & set(kept):
        kept["additionalProperties"] = {}
    # The names within `properties` are the wire's, whatever they are called.
    return {
        key: {name: _plain(item) for name, item in value.items()} if key == "properties" else _plain(value)
        for key, value in kept.items()
    }
