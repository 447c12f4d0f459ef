"""Values for schemas: the same each time, of every kind, with the characters that trip writers of URLs."""

import base64
import zlib
from collections.abc import Mapping
from typing import Any

_TEXTS = (
    "plain",
    "two words",
    "a/b?c=d&e#f",
    "grün €",
    "100%",
    "x+y",
    "it's (a) *star*!",
    "a,b;c|d:e@f$g~h",
    "[x]{y}",
)
_BY_FORMAT = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T09:30:00+02:00",
    "time": "09:30:00Z",
    "email": "ada+test@example.com",
    "uri": "https://example.com/a?b=c&d=e",
    "url": "https://example.com/a?b=c&d=e",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "ipv4": "192.0.2.1",
    "hostname": "example.com",
}
_DEEPEST = 5
_MOST_PROPERTIES = 12


def value(schema: Any, seed: str, *, whole: bool, depth: int = 0) -> Any:
    """A value for a self-contained schema. `whole`: with optional properties too. `seed` chooses among texts."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return _TEXTS[0]
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return next((each for each in schema["enum"] if each is not None), None)
    if schema.get("pattern") and schema.get("examples"):
        return schema["examples"][0]
    branches = schema.get("anyOf")
    if branches and "properties" not in schema:
        if _is_file(branches):
            return {"base64": _bytes(seed), "filename": "a.bin", "contentType": "application/octet-stream"}
        chosen = next((each for each in branches if each.get("type") != "null"), branches[0])
        beside = {name: each for name, each in schema.items() if name != "anyOf"}
        return value({**beside, **chosen}, seed, whole=whole, depth=depth + 1)
    found = _by_type(schema, seed, whole=whole, depth=depth)
    for member in schema.get("allOf", ()):
        part = value(member, seed, whole=whole, depth=depth + 1)
        if isinstance(part, dict):
            found = {**part, **found} if isinstance(found, dict) else part
        elif not isinstance(found, dict):
            found = part
    return found


def _is_file(branches: list[Any]) -> bool:
    return any(isinstance(each, Mapping) and each.get("contentEncoding") == "base64" for each in branches)


def _bytes(seed: str) -> str:
    return base64.b64encode(b"\x00\xff" + seed.encode()).decode()


def _by_type(schema: Mapping[str, Any], seed: str, *, whole: bool, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if kind == "object" or (kind is None and ("properties" in schema or "allOf" in schema)):
        return _object(schema, seed, whole=whole, depth=depth)
    if kind == "array":
        count = max(schema.get("minItems", 0), min(2, schema.get("maxItems", 2)))
        items = schema.get("items", {"type": "string"})
        return [value(items, f"{seed}.{index}", whole=whole, depth=depth + 1) for index in range(count)]
    if kind in ("integer", "number"):
        return _number(schema, kind, seed)
    if kind == "boolean":
        return zlib.crc32(seed.encode()) % 2 == 0
    if kind == "null":
        return None
    return _text(schema, seed)


def _object(schema: Mapping[str, Any], seed: str, *, whole: bool, depth: int) -> dict[str, Any]:
    properties, required = schema.get("properties", {}), schema.get("required", ())
    wanted = [name for name in properties if name in required]
    if whole and depth < _DEEPEST - 1:
        wanted += [name for name in properties if name not in required][:_MOST_PROPERTIES]
    return {name: value(properties[name], f"{seed}.{name}", whole=whole, depth=depth + 1) for name in wanted}


def _number(schema: Mapping[str, Any], kind: str, seed: str) -> Any:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + ("exclusiveMinimum" in schema))
    number = max(low, 1) + zlib.crc32(seed.encode()) % 7
    number = min(number, schema.get("maximum", number), schema.get("exclusiveMaximum", number + 1) - 1)
    step = schema.get("multipleOf")
    if step:
        return step * max(1, int(low / step))
    return int(number) if kind == "integer" or "maximum" in schema else number + 0.5


def _text(schema: Mapping[str, Any], seed: str) -> str:
    if schema.get("contentEncoding") == "base64":
        return _bytes(seed)
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    text = _TEXTS[zlib.crc32(seed.encode()) % len(_TEXTS)]
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 1000)]
