"""What goes into an operation: its parameters and its body (OpenAPI 3.0.3, Parameter and Request Body Object)."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from gateway.catalog.model import Body, Location, Parameter, Schema
from gateway.catalog.pointers import expect_list, expect_object, follow, join, text
from gateway.catalog.problems import DocumentError

_LOCATIONS = ("path", "query", "header", "cookie")
_STYLES: Mapping[str, tuple[str, ...]] = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
# "If in is header and the name is Accept, Content-Type or Authorization, the parameter definition SHALL be ignored";
# the others frame the message, which is the HTTP client's business.
_IGNORED_HEADERS = frozenset(
    {"accept", "content-type", "authorization", "host", "content-length", "transfer-encoding", "connection", "cookie"}
)


def parameters(
    document: Mapping[str, Any],
    shared: tuple[Any, str],
    own: tuple[Any, str],
    *,
    credentials: frozenset[tuple[str, str]],
    hidden: frozenset[str],
) -> tuple[Parameter, ...]:
    """The parameters of an operation: those of its path, with its own in their place where names and places agree.

    `shared` and `own` are the two lists (None where absent) with their places. What carries a credential, is hidden,
    or belongs to the HTTP client is left out. Raises DocumentError.
    """
    found: dict[tuple[str, str], Parameter] = {}
    hidden_headers = {name.lower() for name in hidden} if hidden else hidden
    for nodes, place in (shared, own):
        for index, node in enumerate(expect_list([] if nodes is None else nodes, place)):
            parameter = _parameter(document, *follow(document, node, join(place, index)))
            name = parameter.name.lower() if parameter.location == "header" else parameter.name
            found[parameter.location, name] = parameter
    return tuple(
        parameter
        for (location, name), parameter in found.items()
        if (location, name) not in credentials
        and parameter.name not in hidden
        and not (location == "header" and name in hidden_headers)
        and not (location == "header" and name in _IGNORED_HEADERS)
    )


def _parameter(document: Mapping[str, Any], node: Mapping[str, Any], place: str) -> Parameter:
    name, location = node.get("name"), node.get("in")
    if not isinstance(name, str) or not name:
        raise DocumentError(join(place, "name"), "required", "a parameter must have a name.")
    if location not in _LOCATIONS:
        raise DocumentError(join(place, "in"), "enum", f"it must be one of {', '.join(_LOCATIONS)}.")
    schema, media_type = node.get("schema"), None
    if "content" in node:
        media_type, media, _ = _media(node["content"], join(place, "content"))
        schema = media.get("schema")
    style = node.get("style")
    if style not in _STYLES[location]:
        style = _STYLES[location][0]
    explode = node.get("explode")
    return Parameter(
        name=name,
        location=cast("Location", location),
        required=location == "path" or node.get("required") is True,
        schema=_schema(schema, join(place, "schema")),
        description=text(node, "description"),
        style=style,
        explode=explode if isinstance(explode, bool) else style == "form",
        allow_reserved=node.get("allowReserved") is True,
        media_type=media_type,
        multi_segment=node.get("x-multi-segment") is True,
        examples=tuple(_examples(document, node, place)),
    )


def body(document: Mapping[str, Any], node: Any, place: str, *, method: str, hidden: frozenset[str]) -> Body | None:
    """The body in the one media type that is sent, None where there is none to send. Raises DocumentError.

    JSON is preferred, then a URL-encoded form, then a multipart form, then whatever the document lists first. A body
    of GET or HEAD that holds nothing is dropped: converters of Swagger 2.0 leave such behind.
    """
    if node is None:
        return None
    node, place = follow(document, node, place)
    if not node.get("content"):
        return None
    media_type, media, place_of_media = _media(node["content"], join(place, "content"))
    schema = _schema(media.get("schema"), join(place_of_media, "schema"))
    if not schema and not _is_textual(media_type):
        schema = {"type": "string", "format": "binary"}
    if hidden:
        schema = _without(document, schema, hidden, join(place_of_media, "schema"))
    required = node.get("required") is True
    if method in ("GET", "HEAD") and not required and not _says_something(schema):
        return None
    encoding = media.get("encoding")
    return Body(
        media_type=media_type,
        required=required,
        schema=schema,
        encoding=encoding if isinstance(encoding, Mapping) else {},
        examples=tuple(_examples(document, media, place_of_media)),
        description=text(node, "description"),
    )


def _media(content: Any, place: str) -> tuple[str, Mapping[str, Any], str]:
    """The media type to send, its object and its place."""
    content = expect_object(content, place)
    if not content:
        raise DocumentError(place, "required", "it must hold a media type.")
    chosen = min(content, key=_rank)
    place = join(place, chosen)
    # A range such as */* leaves the choice to the sender.
    media_type = "application/json" if essence(chosen) in ("*/*", "application/*", "") else chosen.strip()
    return media_type, expect_object(content[chosen], place), place


def essence(media_type: str) -> str:
    """A media type without its parameters, in lower case (RFC 9110, section 8.3.1)."""
    return media_type.partition(";")[0].strip().lower()


def _is_textual(media_type: str) -> bool:
    """Whether a body of this type is text or data, rather than the bytes of a file."""
    name = essence(media_type)
    words = ("json", "xml", "yaml", "form", "graphql", "javascript", "csv")
    return name.startswith(("text/", "multipart/")) or any(word in name for word in words)


def _rank(media_type: str) -> int:
    name = essence(media_type)
    if name == "application/json":
        return 0
    if name.endswith("+json") or name == "text/json":
        return 1
    return {"application/x-www-form-urlencoded": 2, "multipart/form-data": 3}.get(name, 4)


def _schema(schema: Any, place: str) -> Schema:
    # `true` and `false` are schemas in 3.1; absent means anything.
    if schema is None or schema is True:
        return {}
    if schema is False:
        return {"not": {}}
    return expect_object(schema, place)


def _says_something(schema: Schema) -> bool:
    return any(schema.get(keyword) for keyword in ("$ref", "properties", "allOf", "anyOf", "oneOf", "items", "enum"))


def _without(document: Mapping[str, Any], schema: Schema, hidden: frozenset[str], place: str) -> Schema:
    """The schema without the hidden properties; itself where it has none of them."""
    target, _ = follow(document, schema, place)
    properties = target.get("properties")
    if not isinstance(properties, Mapping) or hidden.isdisjoint(properties):
        return schema
    kept = {name: about for name, about in properties.items() if name not in hidden}
    required = target.get("required")
    needed = [name for name in required if name not in hidden] if isinstance(required, list) else []
    return {**target, "properties": kept, "required": needed}


def _examples(document: Mapping[str, Any], node: Mapping[str, Any], place: str) -> Iterator[Any]:
    if "example" in node:
        yield node["example"]
    examples = node.get("examples")
    for name, example in (examples if isinstance(examples, Mapping) else {}).items():
        try:
            target, _ = follow(document, example, join(place, "examples", name))
        except DocumentError:
            # An example is help, not contract: one that leads nowhere is passed over.
            continue
        if "value" in target:
            yield target["value"]
