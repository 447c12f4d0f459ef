"""Where each argument of an action goes, by the name under which it is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.catalog.inputs import essence
from gateway.catalog.model import Action, Body
from gateway.catalog.objects import Shape, shape

# Under these names arguments may be given in groups (the Connectivity API's split), beside flat names.
GROUPS: Mapping[str, str] = {
    "path": "pathParams",
    "query": "queryParameters",
    "header": "additionalHeaders",
    "cookie": "cookies",
    "body": "requestBody",
}
BODY = GROUPS["body"]
_STRUCTURED = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


@dataclass(frozen=True, slots=True)
class Layout:
    """`flat` maps a name to `(location, name)`, location being that of a parameter or `body`."""

    flat: Mapping[str, tuple[str, str]]
    # The properties of a body that may be given flat; None where there is none, or it is given whole.
    body: Shape | None


def layout(document: Mapping[str, Any], action: Action) -> Layout:
    """The flat names of an action.

    Where names collide, the path goes before the query, that before headers, cookies and the body; what loses its
    place, or has the name of a group, is given in its group only.
    """
    flat: dict[str, tuple[str, str]] = {}
    for location in ("path", "query", "header", "cookie"):
        for parameter in action.parameters:
            if parameter.location == location and parameter.name not in GROUPS.values():
                flat.setdefault(parameter.name, (location, parameter.name))
    found = None if action.body is None else body_shape(document, action.body)
    for name in found.properties if found else ():
        if name not in GROUPS.values():
            flat.setdefault(name, ("body", name))
    return Layout(flat, found)


def body_shape(document: Mapping[str, Any], body: Body) -> Shape | None:
    """The properties of a body that may be given flat; None where it is given whole."""
    name = essence(body.media_type)
    return shape(document, body.schema) if name.endswith("json") or name in _STRUCTURED else None


def takes_files(body: Body) -> bool:
    """Whether binary strings of a body are bytes on the wire, and so base64 in arguments."""
    name = essence(body.media_type)
    return not (name.endswith("json") or name == "application/x-www-form-urlencoded")
