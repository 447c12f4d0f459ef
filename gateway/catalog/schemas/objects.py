"""The properties that an object schema has at its top, through references and compositions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.catalog.documents.pointers import followed
from gateway.catalog.schemas.dialect import is_read_only

# An object with more at its top is given whole.
_MOST_PROPERTIES = 1_000
# Schemas that are looked at for one shape, and how deep compositions nest in one another.
_MOST_SCHEMAS = 1_000
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Shape:
    """What an object may hold. `open`: names that are not listed are taken too, and the document says so."""

    properties: Mapping[str, Any]
    required: frozenset[str] = frozenset()
    open: bool = False


def shape(document: Mapping[str, Any], schema: Any) -> Shape | None:
    """The shape of an object schema, its properties as the document has them; None for what is or may be no object.

    Members of `allOf` add up; of the branches of `anyOf` and `oneOf` all properties are taken, and required is what
    all of them require. `open` where `additionalProperties` is true or a schema, or where no property is listed and
    none is forbidden: silence beside listed properties means that others are a slip.
    """
    return _Shaper(document).shape(schema, 0)


class _Shaper:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._left = _MOST_SCHEMAS

    def shape(self, node: Any, depth: int) -> Shape | None:
        self._left -= 1
        node = followed(self._document, node)
        if not isinstance(node, Mapping) or depth > _DEEPEST or self._left < 0 or not _may_be_object(node):
            return None
        parts = self._parts(node, depth)
        if parts is None:
            return None
        properties = node.get("properties")
        more = node.get("additionalProperties")
        opened = more is True or isinstance(more, Mapping) or bool(node.get("patternProperties"))
        if not (node.get("type") is not None or isinstance(properties, Mapping) or parts or opened):
            return None
        own = {name: child for name, child in _mapping(properties).items() if not is_read_only(self._document, child)}
        found = _added([Shape(own, _required(node)), *parts])
        if len(found.properties) > _MOST_PROPERTIES:
            return None
        opened = opened or any(part.open for part in parts) or (not found.properties and more is not False)
        return Shape(found.properties, found.required.intersection(found.properties), opened)

    def _parts(self, node: Mapping[str, Any], depth: int) -> list[Shape] | None:
        """The shapes of the compositions; None where one of them may be no object."""
        parts: list[Shape] = []
        for member in _list(node, "allOf"):
            part = self.shape(member, depth + 1) or self._constraint(member)
            if part is None:
                return None
            parts.append(part)
        for keyword in ("anyOf", "oneOf"):
            branches = [branch for branch in _list(node, keyword) if not _only_null(branch)]
            if not branches:
                continue
            found = [self.shape(branch, depth + 1) or self._constraint(branch) for branch in branches]
            known = [part for part in found if part is not None]
            if len(known) < len(found):
                return None
            parts.append(_either(known))
        return parts

    def _constraint(self, node: Any) -> Shape | None:
        """A part such as `{"required": ["a"]}`, which says nothing of the type."""
        node = followed(self._document, node)
        if not isinstance(node, Mapping) or set(node) - {"required", "title", "description", "not"}:
            return None
        return Shape({}, _required(node))


def _may_be_object(node: Mapping[str, Any]) -> bool:
    kind = node.get("type")
    return kind is None or kind == "object" or (isinstance(kind, list) and set(map(str, kind)) <= {"object", "null"})


def _either(branches: list[Shape]) -> Shape:
    properties: dict[str, Any] = {}
    for part in branches:
        for name, child in part.properties.items():
            before = properties.get(name)
            properties[name] = child if before is None or before == child else _choice(before, child)
    required = frozenset.intersection(*(part.required for part in branches))
    return Shape(properties, required, any(part.open for part in branches))


def _choice(first: Any, second: Any) -> dict[str, Any]:
    branches = first["anyOf"] if isinstance(first, Mapping) and set(first) == {"anyOf"} else [first]
    return {"anyOf": branches if second in branches else [*branches, second]}


def _added(parts: list[Shape]) -> Shape:
    properties: dict[str, Any] = {}
    # The object's own words come first, and so does what they say of a name.
    for part in parts:
        for name, child in part.properties.items():
            properties.setdefault(name, child)
    return Shape(properties, frozenset().union(*(part.required for part in parts)))


def _required(node: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in _list(node, "required") if isinstance(name, str))


def _list(node: Mapping[str, Any], name: str) -> list[Any]:
    value = node.get(name)
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _only_null(node: Any) -> bool:
    return isinstance(node, Mapping) and node.get("type") == "null"
