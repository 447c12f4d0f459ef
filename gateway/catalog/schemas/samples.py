"""Arguments that show what an action takes, made from its schemas' examples, defaults and types."""

import re
from collections.abc import Mapping
from typing import Any

_BY_FORMAT = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T09:30:00Z",
    "time": "09:30:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "ipv4": "192.0.2.1",
    "hostname": "example.com",
}
_DEEPEST = 6
# A pattern that only lists words, with or without anchors and a group: some documents write an enum so.
_WORDS = re.compile(r"\^?(?:\((?:\?:)?)?([\w -]+)(?:\|[\w -]+)+\)?\$?")


def sample(schema: Any, *, examples: bool = True, depth: int = 0) -> Any:
    """A value for a self-contained schema, as `schemas.resolve` gives it.

    Of an object, the required properties and, at its top, those with an example of their own; of a choice, its first
    branch. It is a guess to start from: of patterns, only lists of words are understood. Without `examples`,
    by types alone.
    """
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return {}
    if examples:
        if schema.get("examples"):
            return schema["examples"][0]
        if "default" in schema:
            return schema["default"]
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for name in ("anyOf", "allOf"):
        branches = schema.get(name)
        if branches and "properties" not in schema:
            chosen = branches[:1] if name == "anyOf" else branches
            found = [sample(branch, examples=examples, depth=depth + 1) for branch in chosen]
            return {key: value for part in found for key, value in part.items()} if _objects(found) else found[0]
    return _by_type(schema, examples, depth)


def _objects(found: list[Any]) -> bool:
    return all(isinstance(value, dict) for value in found)


def _by_type(schema: Mapping[str, Any], examples: bool, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if kind == "object" or (kind is None and "properties" in schema):
        return _object(schema, examples, depth)
    if kind == "array":
        count = max(1, min(schema.get("minItems", 1), 3))
        return [sample(schema.get("items", {}), examples=examples, depth=depth + 1) for _ in range(count)]
    if kind in ("integer", "number"):
        return _number(schema)
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    return _text(schema)


def _object(schema: Mapping[str, Any], examples: bool, depth: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    required = schema.get("required", ())
    return {
        name: sample(child, examples=examples, depth=depth + 1)
        for name, child in properties.items()
        if name in required or (depth == 0 and examples and isinstance(child, Mapping) and "examples" in child)
    }


def _number(schema: Mapping[str, Any]) -> Any:
    if "minimum" in schema:
        return schema["minimum"]
    if "exclusiveMinimum" in schema:
        return schema["exclusiveMinimum"] + 1
    return min(1, schema.get("maximum", 1))


def _text(schema: Mapping[str, Any]) -> str:
    words = _WORDS.fullmatch(str(schema.get("pattern", "")))
    if words:
        return words[1]
    text = "ZmlsZQ==" if schema.get("contentEncoding") == "base64" else _BY_FORMAT.get(schema.get("format", ""), "text")
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 1000)]
