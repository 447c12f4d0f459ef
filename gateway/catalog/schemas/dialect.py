"""Schemas as people write them, turned into JSON Schema 2020-12 for what goes *into* an operation.

OpenAPI 3.0 has a dialect of its own (3.0.3, Schema Object), and documents of either version hold keywords of the other,
misspelt types and the like. So each keyword is taken only where its value can mean something; the platform stays the
judge of the rest. Deliberate differences from the letter:

- `oneOf` becomes `anyOf`: branches that overlap by carelessness would refuse what the platform takes.
- `additionalProperties: false` inside `allOf` is dropped, beside `allOf` it becomes `unevaluatedProperties: false`:
  taken by the letter, such schemas admit nothing.
- `format` is kept for the reader and not asserted: platforms take a UUID without dashes, a date with a time.
- Properties that are `readOnly` are left out, and are not required.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from gateway.catalog.documents.pointers import MOST_HOPS, followed, target
from gateway.catalog.schemas.keywords import (
    ANNOTATIONS,
    BY_NAME,
    ONE,
    PLAIN,
    is_filled_list,
    is_nullable,
    is_number,
    types_of,
)

Converted = dict[str, Any] | bool


class Converter(ABC):
    """Converts schemas of one document. What a reference becomes is up to the subclass (`reference`)."""

    # The mark of properties that do not belong here: `writeOnly`, where the schema is that of an answer.
    left_out = "readOnly"

    def __init__(self, document: Mapping[str, Any], *, files: bool = False) -> None:
        self.document = document
        # Whether binary strings are files that travel as base64 (bodies that are not JSON).
        self.files = files

    @abstractmethod
    def reference(self, node: Mapping[str, Any], *, opened: bool) -> Converted:
        """The schema of a node that has a `$ref`; `opened`: without `additionalProperties: false`."""

    def schema(self, node: Any, *, opened: bool = False) -> Converted:
        """A converted schema. What is no schema admits anything."""
        if isinstance(node, bool):
            return node
        if not isinstance(node, Mapping):
            return {}
        if isinstance(node.get("$ref"), str):
            return self.reference(node, opened=opened)
        return self.plain(node, opened=opened)

    def plain(self, node: Mapping[str, Any], *, opened: bool = False) -> dict[str, Any]:
        """A schema object without looking at its `$ref`."""
        if self.files and is_binary(node):
            return _file(node)
        if self.files and is_address(node):
            text = {name: value for name, value in node.items() if name not in ("format", "description")}
            return _address_or_file(node, self.plain(text, opened=opened))
        converted: dict[str, Any] = {}
        if types := types_of(node.get("type")):
            converted["type"] = types
        for name, value in node.items():
            if name in PLAIN:
                if PLAIN[name](value):
                    converted[name] = value
            elif name in ONE and isinstance(value, (bool, Mapping)):
                converted[name] = self.negated(value) if name == "not" else self.schema(value)
            elif name in BY_NAME and isinstance(value, Mapping):
                converted[name] = self._by_name(name, value)
        self._lists(node, converted)
        _required(node, converted, lambda: self._read_only_names(node))
        _bounds(node, converted)
        _examples(node, converted)
        _enum(converted)
        if converted.get("additionalProperties") is False and (opened or "allOf" in converted):
            del converted["additionalProperties"]
            if not opened:
                converted["unevaluatedProperties"] = False
        return _nullable(converted) if is_nullable(node) else converted

    def choice(self, branches: list[Any]) -> list[Converted]:
        """The branches of an `anyOf` or a `oneOf`."""
        return [self.schema(branch) for branch in branches]

    def negated(self, node: Any) -> Converted:
        """The schema that stands under `not`."""
        return self.schema(node)

    def annotations(self, node: Mapping[str, Any]) -> dict[str, Any]:
        """What stands beside a `$ref` for the reader. OpenAPI 3.0 has it ignored; writers mean it all the same."""
        found = {name: node[name] for name in ANNOTATIONS if name in node and PLAIN[name](node[name])}
        _examples(node, found)
        return found

    def beside(self, node: Mapping[str, Any]) -> dict[str, Any]:
        """What stands beside a `$ref` and counts: everything in 3.1, only what is for the reader in 3.0."""
        if str(self.document.get("openapi")).startswith("3.0"):
            return self.annotations(node)
        return self.plain(
            {name: value for name, value in node.items() if name not in ("$ref", "nullable", "x-nullable")}
        )

    def _by_name(self, name: str, value: Mapping[str, Any]) -> dict[str, Converted]:
        if name == "properties":
            value = {key: child for key, child in value.items() if not is_marked(self.document, child, self.left_out)}
        return {key: self.schema(child) for key, child in value.items()}

    def _lists(self, node: Mapping[str, Any], converted: dict[str, Any]) -> None:
        items = node.get("items")
        if isinstance(items, list):
            # Tuples, as JSON Schema wrote them before 2020-12.
            converted["prefixItems"] = [self.schema(item) for item in items] or [{}]
        elif isinstance(items, (bool, Mapping)):
            converted["items"] = self.schema(items)
        if is_filled_list(node.get("prefixItems")):
            converted["prefixItems"] = [self.schema(item) for item in node["prefixItems"]]
        if is_filled_list(node.get("allOf")):
            opened = len(node["allOf"]) > 1 or "properties" in node
            converted["allOf"] = [self.schema(member, opened=opened) for member in node["allOf"]]
        choices = [self.choice(node[name]) for name in ("anyOf", "oneOf") if is_filled_list(node.get(name))]
        if len(choices) == 1:
            converted["anyOf"] = choices[0]
        elif choices:
            converted["allOf"] = [*converted.get("allOf", ()), *({"anyOf": branches} for branches in choices)]

    def _read_only_names(self, node: Any) -> set[str]:
        """Names of read-only properties of an object and of what it is put together from."""
        found: set[str] = set()
        seen: set[int] = set()
        members = [node]
        # The list grows while it is gone through.
        for member in members:
            node = followed(self.document, member)
            if not isinstance(node, Mapping) or id(node) in seen:
                continue
            seen.add(id(node))
            properties = node.get("properties")
            for name, child in (properties if isinstance(properties, Mapping) else {}).items():
                if is_marked(self.document, child, self.left_out):
                    found.add(name)
            if isinstance(node.get("allOf"), list):
                members.extend(node["allOf"])
        return found


def is_read_only(document: Mapping[str, Any], node: Any) -> bool:
    """Whether a property is for answers only; its `$ref` is followed."""
    return is_marked(document, node, "readOnly")


def is_marked(document: Mapping[str, Any], node: Any, mark: str) -> bool:
    """Whether a property is `readOnly` or `writeOnly`; its `$ref` is followed."""
    for _ in range(MOST_HOPS):
        if not isinstance(node, Mapping):
            return False
        if node.get(mark) is True:
            return True
        if not isinstance(node.get("$ref"), str):
            return False
        node = target(document, node["$ref"])
    return False


def is_binary(node: Mapping[str, Any]) -> bool:
    """Whether a schema means the bytes of a file (OpenAPI 3.0.3 and 3.1.0, "Considerations for File Uploads")."""
    if node.get("type", "string") not in ("string", "file") or "contentEncoding" in node:
        return False
    if node.get("format") in ("binary", "base64") or node.get("type") == "file":
        return True
    media_type = node.get("contentMediaType")
    return isinstance(media_type, str) and not media_type.startswith("text/") and "json" not in media_type


def is_address(node: Mapping[str, Any]) -> bool:
    """Whether a schema means an address, as which Django REST framework's documents describe files too."""
    return node.get("type") == "string" and node.get("format") == "uri"


# A file as an object: with its bytes, or as the contents of a resource that `resources/read` gives (MCP 2025-11-25,
# BlobResourceContents).
_FILE_OBJECTS: tuple[dict[str, Any], ...] = (
    {
        "type": "object",
        "properties": {
            "base64": {"type": "string", "contentEncoding": "base64"},
            "filename": {"type": "string", "minLength": 1, "maxLength": 255},
            "contentType": {"type": "string", "maxLength": 255},
        },
        "required": ["base64"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {
            "uri": {"type": "string", "maxLength": 2048},
            "mimeType": {"type": "string", "maxLength": 255},
            "blob": {"type": "string", "contentEncoding": "base64"},
            "text": {"type": "string"},
        },
        "required": ["uri"],
        "oneOf": [{"required": ["blob"]}, {"required": ["text"]}],
    },
)


def _file(node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": f"{_said(node)}The file's bytes in base64, alone or with a name and a media type, "
        "or an MCP resource.",
        "anyOf": [{"type": "string", "contentEncoding": "base64"}, *deepcopy(_FILE_OBJECTS)],
    }


def _address_or_file(node: Mapping[str, Any], text: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": f"{_said(node)}An address, or a file as an object with its bytes in base64, or an MCP resource.",
        "anyOf": [{**text, "format": "uri"}, *deepcopy(_FILE_OBJECTS)],
    }


def _said(node: Mapping[str, Any]) -> str:
    about = node.get("description")
    return f"{about.rstrip('. ')}. " if isinstance(about, str) and about.strip() else ""


def _required(node: Mapping[str, Any], converted: dict[str, Any], read_only: Callable[[], set[str]]) -> None:
    value = node.get("required")
    # `required: true` on a property is a slip from parameters: it says nothing here.
    if isinstance(value, list) and value:
        left_out = read_only()
        names = dict.fromkeys(name for name in value if isinstance(name, str) and name not in left_out)
        if names:
            converted["required"] = list(names)


def _bounds(node: Mapping[str, Any], converted: dict[str, Any]) -> None:
    """In OpenAPI 3.0 `exclusiveMinimum: true` belongs to `minimum`."""
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if node.get(exclusive) is True and bound in converted:
            converted[exclusive] = converted.pop(bound)


def _examples(node: Mapping[str, Any], converted: dict[str, Any]) -> None:
    # `example: null` is what generators write where there is none.
    if node.get("example") is not None and "examples" not in converted:
        converted["examples"] = [node["example"]]


def _enum(converted: dict[str, Any]) -> None:
    """YAML makes numbers of versions such as 1.0: where the type says string, they are strings."""
    if "enum" in converted and converted.get("type") == "string":
        converted["enum"] = [
            str(value).lower() if isinstance(value, bool) else str(value) if is_number(value) else value
            for value in converted["enum"]
        ]


def _nullable(converted: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0's `nullable`; without a type it has no effect there by the letter, and is meant all the same."""
    types = converted.get("type")
    plain = isinstance(types, str) and not {"const", "anyOf", "allOf", "not", "if"} & converted.keys()
    if plain:
        enum = {"enum": [*converted["enum"], None]} if None not in converted.get("enum", [None]) else {}
        return {**converted, "type": [types, "null"], **enum}
    if isinstance(types, list) and "null" in types:
        return converted
    annotations = {name: converted.pop(name) for name in ANNOTATIONS if name in converted}
    return {**annotations, "anyOf": [converted, {"type": "null"}]} if converted else annotations
