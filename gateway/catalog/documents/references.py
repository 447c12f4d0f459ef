"""Every reference that an operation can reach must lead somewhere inside the document: nothing is ever fetched."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.catalog.documents.pointers import join, resolve

# A child is one node of a kind, a list of them, or an object of them by name.
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_MEDIA = {"schema": ("one", "schema"), "itemSchema": ("one", "schema")}
_CHILDREN: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "path": {
        "parameters": ("list", "parameter"),
        "additionalOperations": ("map", "operation"),
        **dict.fromkeys(_METHODS, ("one", "operation")),
    },
    "operation": {
        "parameters": ("list", "parameter"),
        "requestBody": ("one", "content"),
        "responses": ("map", "content"),
    },
    "parameter": {"schema": ("one", "schema"), "content": ("map", "media")},
    # A request body, or a response.
    "content": {"content": ("map", "media")},
    "media": _MEDIA,
    "schema": {
        **dict.fromkeys(
            (
                "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
                "unevaluatedItems", "unevaluatedProperties",
            ),
            ("one", "schema"),
        ),
        **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), ("list", "schema")),
        **dict.fromkeys(("properties", "patternProperties", "dependentSchemas"), ("map", "schema")),
    },
}  # fmt: skip

# A node with its kind and how it was reached: from which node, by which tokens.
_Trail = tuple[Any, str, Any, tuple[str | int, ...]]


def check_references(document: Mapping[str, Any]) -> None:
    """Raise DocumentError that names the place of the first `$ref` that leads out of the document, or nowhere."""
    paths = document.get("paths")
    if not isinstance(paths, Mapping):
        return
    seen: set[tuple[str, str]] = set()
    stack: list[_Trail] = [(item, "path", None, ("paths", name)) for name, item in reversed(list(paths.items()))]
    while stack:
        trail = stack.pop()
        node, kind = trail[0], trail[1]
        if not isinstance(node, Mapping):
            continue
        if "$ref" in node:
            reference = node["$ref"]
            target = resolve(document, reference, _place(trail))
            if (kind, reference) not in seen:
                seen.add((kind, reference))
                stack.append((target, kind, None, (reference,)))
        stack.extend(_children(node, _CHILDREN[kind], trail))


def _children(node: Mapping[str, Any], known: Mapping[str, tuple[str, str]], trail: _Trail) -> Iterator[_Trail]:
    for name, child in node.items():
        if name not in known:
            continue
        shape, kind = known[name]
        if shape == "one":
            yield child, kind, trail, (name,)
        elif shape == "list" and isinstance(child, list):
            yield from ((item, kind, trail, (name, index)) for index, item in enumerate(child))
        elif shape == "map" and isinstance(child, Mapping):
            yield from ((item, kind, trail, (name, key)) for key, item in child.items())


def _place(trail: _Trail) -> str:
    tokens: list[str | int] = []
    while trail[2] is not None:
        tokens[:0] = trail[3]
        trail = trail[2]
    start = trail[3]
    return join(str(start[0]), *tokens) if len(start) == 1 else join("#", *start, *tokens)
