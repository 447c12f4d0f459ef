"""The properties that an object schema has at its top, through references and compositions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.catalog.dialect import Converter

_MOST_HOPS = 30


@dataclass(frozen=True, slots=True)
class Shape:
    """What an object may hold. `open`: names that are not listed are taken too, and the document says so."""

    properties: Mapping[str, Any]
    required: frozenset[str]
    open: bool


def shape(document: Mapping[str, Any], schema: Any) -> Shape | None:
    """The shape of an object schema, its properties as the document has them; None for what is or may be no object.

    Members of `allOf` add up; of the branches of `anyOf` and `oneOf` all properties are taken, and required is what
    all of them require. `open` where `additionalProperties` is true or a schema, or where no property is listed
    and none is forbidden: silence beside listed properties means that others are a slip.
    """
    return _shape(Converter(document), schema, _MOST_HOPS)


def _shape(converter: Converter, node: Any, hops: int) -> Shape | None:
    if not isinstance(node, Mapping) or hops <= 0:
        return None
    if isinstance(node.get("$ref"), str):
        return _shape(converter, converter.target(node["$ref"]), hops - 1)
    kind = node.get("type")
    if kind is not None and kind != "object" and not (isinstance(kind, list) and set(kind) <= {"object", "null"}):
        return None
    said = node.get("properties")
    own = {
        name: child
        for name, child in (said if isinstance(said, Mapping) else {}).items()
        if not converter.is_read_only(child)
    }
    parts = [Shape(own, _required(node), open=False)]
    more = node.get("additionalProperties")
    opened = more is True or isinstance(more, Mapping) or bool(node.get("patternProperties"))
    for member in _list(node, "allOf"):
        part = _shape(converter, member, hops // 2)
        # A member such as {"required": ["a"]} or {"description": ""} says nothing about the type.
        if part is None:
            if _says_other_type(converter, member):
                return None
            part = Shape({}, _required(member), open=False)
        parts.append(part)
    for keyword in ("anyOf", "oneOf"):
        branches = [branch for branch in _list(node, keyword) if not _only_null(branch)]
        if branches:
            choice = _choice(converter, branches, hops // 2)
            if choice is None:
                return None
            parts.append(choice)
    found = _added(parts)
    is_object = kind is not None or isinstance(said, Mapping) or len(parts) > 1 or opened
    if not is_object:
        return None
    opened = opened or any(part.open for part in parts) or (not found.properties and more is not False)
    return Shape(found.properties, found.required & found.properties.keys(), opened)


def _choice(converter: Converter, branches: list[Any], hops: int) -> Shape | None:
    found: list[Shape] = []
    for branch in branches:
        part = _shape(converter, branch, hops)
        if part is None:
            # Often the branches only say which properties are needed together.
            if not isinstance(branch, Mapping) or set(branch) - {"required", "title", "description", "not"}:
                return None
            part = Shape({}, _required(branch), open=False)
        found.append(part)
    properties: dict[str, Any] = {}
    for part in found:
        for name, child in part.properties.items():
            before = properties.get(name)
            properties[name] = child if before is None or before == child else _either(before, child)
    required = frozenset.intersection(*(part.required for part in found))
    return Shape(properties, required, any(part.open for part in found))


def _either(first: Any, second: Any) -> dict[str, Any]:
    branches = first["anyOf"] if isinstance(first, Mapping) and set(first) == {"anyOf"} else [first]
    return {"anyOf": branches if second in branches else [*branches, second]}


def _added(parts: list[Shape]) -> Shape:
    properties: dict[str, Any] = {}
    # The object's own words come first, and so does what they say of a name.
    for part in parts:
        for name, child in part.properties.items():
            properties.setdefault(name, child)
    return Shape(properties, frozenset().union(*(part.required for part in parts)), open=False)


def _required(node: Any) -> frozenset[str]:
    value = node.get("required") if isinstance(node, Mapping) else None
    return frozenset(name for name in value if isinstance(name, str)) if isinstance(value, list) else frozenset()


def _list(node: Mapping[str, Any], name: str) -> list[Any]:
    value = node.get(name)
    return value if isinstance(value, list) else []


def _only_null(node: Any) -> bool:
    return isinstance(node, Mapping) and node.get("type") == "null"


def _says_other_type(converter: Converter, node: Any) -> bool:
    for _ in range(_MOST_HOPS):
        if not isinstance(node, Mapping):
            return False
        if not isinstance(node.get("$ref"), str):
            return node.get("type", "object") not in ("object", ["object", "null"])
        node = converter.target(node["$ref"])
    return False
