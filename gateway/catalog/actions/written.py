"""A schema of arguments as its document has it: for platforms that speak MCP, and wrote it for MCP's clients."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.catalog.actions.layout import GROUPS, Layout
from gateway.catalog.actions.mirrored import KEY
from gateway.catalog.documents.pointers import MOST_HOPS, join, target
from gateway.catalog.model import Action
from gateway.catalog.schemas.objects import Shape
from gateway.catalog.schemas.resolving import BUDGET

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MOST_DEFINITIONS = 200
# What stands under these is data, whatever it looks like.
_DATA = frozenset({"enum", "const", "default", "example", "examples"})


def as_written(document: Mapping[str, Any], action: Action, plan: Layout) -> dict[str, Any] | None:
    """The schema of the action's body, self-contained, with every keyword of JSON Schema 2020-12 where it was.

    That is for an operation with `x-mcp-result: true` whose body's schema says so by `$schema`, and that takes nothing
    but this body, by names as they are. None for all others, and where the schema is too large to be shown whole.
    References to what stands in the schema stay; what they lead to elsewhere in the document becomes one of its
    `$defs`.
    """
    if not action.speaks_mcp or action.body is None or action.parameters or plan.body is None or plan.safe:
        return None
    schema, place = _root(document, action.body.schema)
    if schema.get("$schema") != _DIALECT or schema.get("type") != "object" or _needs_care(schema, action, plan.body):
        return None
    found = _Copy(document, place, schema.get("$defs")).whole(schema)
    return found if found is not None and len(orjson.dumps(found)) <= BUDGET else None


def _needs_care(schema: Mapping[str, Any], action: Action, body: Shape) -> bool:
    """Whether a name at the top is that of a group, or a header's argument does not say its type on the spot."""
    properties = schema.get("properties", {})
    behind = any("type" not in properties.get(name, {}) for _, name in action.mirrored)
    return behind or not body.properties.keys().isdisjoint(GROUPS.values())


def _root(document: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], str | None]:
    """The schema, and its place where a reference names it: only then can something refer to what stands in it."""
    place: str | None = None
    for _ in range(MOST_HOPS):
        if not isinstance(schema.get("$ref"), str):
            return schema, place
        place = schema["$ref"]
        found = target(document, place)
        schema = found if isinstance(found, Mapping) else {}
    return {}, None


class _Copy:
    def __init__(self, document: Mapping[str, Any], place: str | None, own: Any) -> None:
        self._document = document
        self._place = place
        self._taken = set(own) if isinstance(own, Mapping) else set()
        # Reference -> its name in `$defs`; a name is given when the first reference is met.
        self._names: dict[str, str] = {}

    def whole(self, schema: Mapping[str, Any]) -> dict[str, Any] | None:
        found: dict[str, Any] = self._copy(schema)
        definitions: dict[str, Any] = {}
        # What is copied may refer to more.
        while len(definitions) < len(self._names):
            if len(self._names) > _MOST_DEFINITIONS:
                return None
            reference = next(known for known, name in self._names.items() if name not in definitions)
            definitions[self._names[reference]] = self._copy(target(self._document, reference))
        return {**found, "$defs": {**found.get("$defs", {}), **definitions}} if definitions else found

    def _copy(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._copy(item) for item in node]
        if not isinstance(node, Mapping):
            return node
        return {
            name: self._reference(value)
            if name == "$ref" and isinstance(value, str)
            else value
            if name in _DATA
            else self._copy(value)
            for name, value in node.items()
            # Clients refuse the whole tool where it stands in a wrong place: what counts is put back where it belongs.
            if name != KEY or isinstance(value, Mapping)
        }

    def _reference(self, reference: str) -> str:
        if self._place is not None and (reference == self._place or reference.startswith(f"{self._place}/")):
            return f"#{reference[len(self._place) :]}"
        if reference not in self._names:
            stem = reference.rpartition("/")[2] or "document"
            name, number = stem, 1
            while name in self._taken:
                number += 1
                name = f"{stem}_{number}"
            self._taken.add(name)
            self._names[reference] = name
        return join("#/$defs", self._names[reference])
