"""What goes into an operation: its parameters and its body (OpenAPI 3.0.3, Parameter and Request Body Object)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from gateway.catalog.documents.pointers import expect_list, expect_object, follow, followed, join, text
from gateway.catalog.documents.problems import DocumentError, NotServed
from gateway.catalog.model import Body, Location, Parameter, Schema
from gateway.catalog.schemas.dialect import is_binary

_LOCATIONS = ("path", "query", "header", "cookie")
_STYLES: Mapping[str, tuple[str, ...]] = {
    # The delimited ones outside a query, and `tabDelimited`, are Swagger 2.0's (gateway.catalog.documents.swagger).
    "path": ("simple", "label", "matrix", "spaceDelimited", "pipeDelimited", "tabDelimited"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject", "tabDelimited"),
    "header": ("simple", "spaceDelimited", "pipeDelimited", "tabDelimited"),
    "cookie": ("form", "cookie"),
}
# Media types of one JSON value after another, and what stands before and after each.
SEQUENCES: Mapping[str, tuple[bytes, bytes]] = {
    **dict.fromkeys(("application/jsonl", "application/jsonlines", "application/x-jsonlines"), (b"", b"\n")),
    **dict.fromkeys(("application/ndjson", "application/x-ndjson"), (b"", b"\n")),
    # RFC 7464, section 2.
    "application/json-seq": (b"\x1e", b"\n"),
}
_OF_RANGE = "application/json"
# Events go from a server to its clients.
_NOT_WRITTEN = frozenset({"text/event-stream"})
# Where a whole query is one value (OpenAPI 3.2): a parameter of the query, with a style of its own.
_WHOLE_QUERY = "querystring"
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
    if location not in (*_LOCATIONS, _WHOLE_QUERY):
        raise DocumentError(join(place, "in"), "enum", f"it must be one of {', '.join(_LOCATIONS)}.")
    schema, media_type = node.get("schema"), None
    if "content" in node:
        media_type, media, _ = _media(document, node["content"], join(place, "content"))
        schema = media.get("schema")
    style = node.get("style")
    if location == _WHOLE_QUERY:
        if media_type is None:
            raise DocumentError(join(place, "content"), "required", "a parameter in querystring must have content.")
        location, style = "query", _WHOLE_QUERY
    elif style not in _STYLES[location]:
        style = _STYLES[location][0]
    explode = node.get("explode")
    return Parameter(
        name=name,
        location=cast("Location", location),
        required=location == "path" or node.get("required") is True,
        schema=_schema(schema, join(place, "schema")),
        description=text(node, "description"),
        style=style,
        explode=explode if isinstance(explode, bool) else style in ("form", "cookie"),
        allow_reserved=node.get("allowReserved") is True,
        media_type=media_type,
        multi_segment=node.get("x-multi-segment") is True,
        examples=tuple(_examples(document, node, place)),
    )


def body(
    document: Mapping[str, Any],
    node: Any,
    place: str,
    *,
    method: str,
    hidden: frozenset[str],
    hides: Callable[[str, str], bool] = lambda _name, _description: False,
) -> Body | None:
    """The body in the one media type that is sent, None where there is none to send. Raises DocumentError.

    JSON is preferred, then a URL-encoded form, then a multipart form, then whatever the document lists first. A body
    of GET or HEAD that holds nothing is dropped: converters of Swagger 2.0 leave such behind. Of a form, fields that
    `hides` (name and description) are left out.
    """
    if node is None:
        return None
    node, place = follow(document, node, place)
    if not node.get("content"):
        return None
    media_type, media, place_of_media = _media(document, node["content"], join(place, "content"))
    if "itemSchema" in media and "schema" not in media:
        # A stream of items is given as their list (OpenAPI 3.2.0, "Sequential Media Types").
        items = _schema(media["itemSchema"], join(place_of_media, "itemSchema"))
        schema: Schema = {"type": "array", "items": items}
    else:
        schema = _schema(media.get("schema"), join(place_of_media, "schema"))
    if "*" in media_type:
        media_type = _of_range(essence(media_type), is_file=is_binary(followed(document, schema)))
    name = essence(media_type)
    if name in _NOT_WRITTEN or (name.startswith("multipart/") and name != "multipart/form-data"):
        raise NotServed(place_of_media, "mediaType", f"a body of {media_type} is not written.")
    if not schema and not _is_textual(media_type):
        schema = {"type": "string", "format": "binary"}
    required = node.get("required") is True
    if name in ("application/x-www-form-urlencoded", "multipart/form-data"):
        fields = follow(document, schema, join(place_of_media, "schema"))[0].get("properties")
        described = fields.items() if isinstance(fields, Mapping) else ()
        secret = {
            field
            for field, about in described
            if isinstance(about, Mapping) and hides(field, text(about, "description"))
        }
        if secret:
            schema = _without(document, schema, frozenset(secret), join(place_of_media, "schema"))
            required = required and bool(schema["required"])
            if not schema["properties"] and not schema.get("additionalProperties"):
                # It was all credentials.
                return None
    if hidden:
        schema = _without(document, schema, hidden, join(place_of_media, "schema"))
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


def _media(document: Mapping[str, Any], content: Any, place: str) -> tuple[str, Mapping[str, Any], str]:
    """The media type to send, its object and its place."""
    content = expect_object(content, place)
    if not content:
        raise DocumentError(place, "required", "it must hold a media type.")
    chosen = min(content, key=_rank)
    place = join(place, chosen)
    return chosen.strip() or _OF_RANGE, *follow(document, content[chosen], place)


def _of_range(name: str, *, is_file: bool) -> str:
    """What is sent where a range leaves the choice to the sender; a caller may say the type of a file beside it."""
    if name.startswith("text/"):
        return "text/plain"
    return _OF_RANGE if name in ("*/*", "application/*") and not is_file else "application/octet-stream"


def essence(media_type: str) -> str:
    """A media type without its parameters, in lower case (RFC 9110, section 8.3.1)."""
    return media_type.partition(";")[0].strip().lower()


def is_json(name: str) -> bool:
    """Whether a media type, without its parameters, is JSON or a sequence of JSON values."""
    return name.endswith("json") or name in SEQUENCES


def is_xml(name: str) -> bool:
    """Whether a media type, without its parameters, is XML."""
    return name in ("application/xml", "text/xml") or name.endswith("+xml")


def _is_textual(media_type: str) -> bool:
    """Whether a body of this type is text or data, rather than the bytes of a file."""
    name = essence(media_type)
    words = ("json", "xml", "yaml", "form", "graphql", "javascript", "csv")
    return name.startswith(("text/", "multipart/")) or any(word in name for word in words)


def _rank(media_type: str) -> int:
    name = essence(media_type)
    if name == "application/json":
        return 0
    if name == "application/json-patch+json":
        # A list of steps; where objects are taken too (Kubernetes), the schema is theirs.
        return 2
    if name.endswith("+json") or name == "text/json":
        return 1
    return {"application/x-www-form-urlencoded": 3, "multipart/form-data": 4}.get(name, 5)


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
