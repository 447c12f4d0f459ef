"""JSON values as XML, by the `xml` objects of their schemas (OpenAPI 3.0.3 and 3.2.0, XML Object).

A property is an element of its name; `name`, `prefix`, `namespace`, `attribute` and `wrapped` say otherwise, and so
does OpenAPI 3.2's `nodeType`. A list is one element per item. Null is left out.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NoReturn
from xml.sax.saxutils import escape, quoteattr

from gateway.catalog.actions.layout import BODY
from gateway.catalog.documents.pointers import MOST_HOPS, target
from gateway.catalog.schemas.objects import shape
from gateway.errors import InvalidRequest
from gateway.execution.styles import text

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
# Names of elements and attributes (Namespaces in XML 1.0, section 3), by far the most of them.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# What XML 1.0, section 2.2, does not have, not even escaped.
_BAD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


class _Node(NamedTuple):
    """A schema after its references, what its `xml` says, and the name of the last reference."""

    schema: Mapping[str, Any]
    xml: Mapping[str, Any]
    referred: str


def written(document: Mapping[str, Any], schema: Any, value: Any) -> str:
    """A document of one element. Raises InvalidRequest where a name or a text cannot stand in XML."""
    node = _node(document, schema)
    name = _text(node.xml, "name") or node.referred or "root"
    return _DECLARATION + "".join(_element(document, node, name, value, f"parameters.{BODY}"))


def _node(document: Mapping[str, Any], schema: Any) -> _Node:
    referred, xml = "", None
    for _ in range(MOST_HOPS):
        if not isinstance(schema, Mapping):
            schema = {}
        # Beside a reference the nearest word counts (OpenAPI 3.1).
        if xml is None and isinstance(schema.get("xml"), Mapping):
            xml = schema["xml"]
        if not isinstance(schema.get("$ref"), str):
            break
        referred = schema["$ref"].rpartition("/")[2]
        schema = target(document, schema["$ref"])
    for member in schema.get("allOf", ()) if xml is None else ():
        if inherited := _node(document, member).xml:
            xml = inherited
            break
    return _Node(schema, xml or {}, referred if _NAME.fullmatch(referred) else "")


def _element(document: Mapping[str, Any], node: _Node, name: str, value: Any, field: str) -> Iterator[str]:
    if value is None:
        return
    if isinstance(value, list):
        yield from _list(document, node, name, value, field)
        return
    attributes, inner = _namespace(node.xml), []
    if isinstance(value, Mapping):
        found = shape(document, node.schema)
        properties = found.properties if found is not None else {}
        for key, item in value.items():
            child = _node(document, properties.get(key, {}))
            where = f"{field}.{key}"
            # The name of a list is that of what wraps it.
            unwrapped = isinstance(item, list) and not _wraps(child.xml)
            own = key if unwrapped else _text(child.xml, "name") or key
            kind = _kind(child.xml)
            if item is None:
                continue
            if kind == "attribute":
                attributes += f" {_qualified(child.xml, own, where)}={quoteattr(_content(item, where))}"
            elif kind in ("text", "cdata"):
                inner.append(escape(_content(item, where)))
            else:
                inner += _element(document, child, own, item, where)
    else:
        inner.append(escape(_content(value, field)))
    if _kind(node.xml) == "none":
        yield from inner
        return
    tag = _qualified(node.xml, name, field)
    yield f"<{tag}{attributes}>{''.join(inner)}</{tag}>"


def _list(document: Mapping[str, Any], node: _Node, name: str, items: list[Any], field: str) -> Iterator[str]:
    item = _node(document, node.schema.get("items", {}))
    each = _text(item.xml, "name") or name
    inner = [
        part for index, one in enumerate(items) for part in _element(document, item, each, one, f"{field}.{index}")
    ]
    if not _wraps(node.xml) and field != f"parameters.{BODY}":
        yield from inner
        return
    # A document has one root, so a list that is the whole body is wrapped whatever is said.
    tag = _qualified(node.xml, name, field)
    yield f"<{tag}{_namespace(node.xml)}>{''.join(inner)}</{tag}>"


def _wraps(xml: Mapping[str, Any]) -> bool:
    return xml.get("wrapped") is True or xml.get("nodeType") == "element"


def _kind(xml: Mapping[str, Any]) -> str:
    return "attribute" if xml.get("attribute") is True else str(xml.get("nodeType", "element"))


def _namespace(xml: Mapping[str, Any]) -> str:
    namespace, prefix = _text(xml, "namespace"), _text(xml, "prefix")
    if not namespace:
        return ""
    return f" xmlns{':' + prefix if _NAME.fullmatch(prefix) else ''}={quoteattr(_content(namespace, 'namespace'))}"


def _qualified(xml: Mapping[str, Any], name: str, field: str) -> str:
    prefix = _text(xml, "prefix")
    if not _NAME.fullmatch(name) or (prefix and not _NAME.fullmatch(prefix)):
        _refuse(field, "name", "has a name that XML does not allow")
    return f"{prefix}:{name}" if prefix else name


def _content(value: Any, field: str) -> str:
    written = text(value)
    if _BAD.search(written):
        _refuse(field, "characters", "has a character that XML does not allow")
    return written


def _text(xml: Mapping[str, Any], name: str) -> str:
    value = xml.get(name)
    return value if isinstance(value, str) else ""


def _refuse(field: str, rule: str, sentence: str) -> NoReturn:
    raise InvalidRequest.of(field[:200], rule, f"{field[:200]} {sentence}")
