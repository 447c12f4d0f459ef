"""`x-mcp-header` on an argument: clients of MCP 2026-07-28 repeat its value in a header, `Mcp-Param-` and this name."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.catalog.actions.inputs import essence
from gateway.catalog.documents.pointers import followed, join
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.model import Body, Parameter

KEY = "x-mcp-header"
# RFC 9110, section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_TYPES = ("string", "integer", "boolean")


def mirrored(
    document: Mapping[str, Any], parameters: tuple[Parameter, ...], body: Body | None, place: str
) -> dict[tuple[str, str], str]:
    """(location, name) of an argument -> the header's name, without its prefix.

    What counts stands on the schema of a parameter, or of a property of an object body; elsewhere it says nothing.
    Raises DocumentError for what clients would refuse the whole tool for: no token, another type, a name used twice.
    """
    found: dict[tuple[str, str], str] = {}
    for location, name, schema in _arguments(document, parameters, body):
        if KEY not in schema:
            continue
        header, where = schema[KEY], join(join(place, name), KEY)
        if not isinstance(header, str) or not _TOKEN.fullmatch(header):
            raise DocumentError(where, "pattern", "it must be the name of a header: a token.")
        if schema.get("type") not in _TYPES or schema.get("nullable") is True:
            sentence = "the argument must be of type string, integer or boolean, and not nullable."
            raise DocumentError(where, "type", sentence)
        if header.lower() in (other.lower() for other in found.values()):
            raise DocumentError(where, "uniqueItems", "another argument of this operation has this header.")
        found[location, name] = header
    return found


def _arguments(
    document: Mapping[str, Any], parameters: tuple[Parameter, ...], body: Body | None
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for parameter in parameters:
        yield parameter.location, parameter.name, _object(followed(document, parameter.schema))
    if body is not None and essence(body.media_type).endswith("json"):
        properties = _object(followed(document, body.schema)).get("properties")
        for name, schema in _object(properties).items():
            yield "body", name, _object(followed(document, schema))


def _object(node: Any) -> Mapping[str, Any]:
    return node if isinstance(node, Mapping) else {}
