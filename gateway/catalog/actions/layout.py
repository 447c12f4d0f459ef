"""Where each argument of an action goes, by the name under which it is given."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from gateway.catalog.actions.inputs import essence, is_json, is_xml
from gateway.catalog.model import Action, Body
from gateway.catalog.schemas.objects import Shape, shape

# Under these names arguments may be given in groups (the Connectivity API's split), beside flat names.
GROUPS: Mapping[str, str] = {
    "path": "pathParams",
    "query": "queryParameters",
    "header": "additionalHeaders",
    "cookie": "cookies",
    "body": "requestBody",
}
BODY = GROUPS["body"]
Slot = tuple[str, str]
# What the keys of a tool's input schema may be, by the strictest of the model providers.
_SAFE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_STRUCTURED = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


@dataclass(frozen=True, slots=True)
class Layout:
    """`flat` maps a name to its slot: `(location, name)`, location being that of a parameter or `body`."""

    flat: Mapping[str, Slot]
    # Of names such as `page[cursor]`, which model providers refuse in a tool's schema: what stands for them there.
    safe: Mapping[str, Slot]
    # The properties of a body that may be given flat; None where there is none, or it is given whole.
    body: Shape | None


def layout(document: Mapping[str, Any], action: Action) -> Layout:
    """The flat names of an action.

    Where names collide, the path goes before the query, that before headers, cookies and the body; what loses its
    place, or has the name of a group, is given in its group only.
    """
    flat: dict[str, Slot] = {}
    for location in ("path", "query", "header", "cookie"):
        for parameter in action.parameters:
            if parameter.location == location and parameter.name not in GROUPS.values():
                flat.setdefault(parameter.name, (location, parameter.name))
    found = None if action.body is None else body_shape(document, action.body)
    for name in found.properties if found else ():
        if name not in GROUPS.values():
            flat.setdefault(name, ("body", name))
    return Layout(flat, _safe(flat), found)


def _safe(flat: Mapping[str, Slot]) -> dict[str, Slot]:
    found: dict[str, Slot] = {}
    for name, slot in flat.items():
        if not _SAFE.fullmatch(name):
            stem = _UNSAFE.sub("_", name).strip("_.-")[:60] or "argument"
            numbered = (f"{stem}_{number}" for number in count(2))
            made = next(each for each in chain([stem], numbered) if each not in flat and each not in found)
            found[made] = slot
    return found


def body_shape(document: Mapping[str, Any], body: Body) -> Shape | None:
    """The properties of a body that may be given flat; None where it is given whole."""
    name = essence(body.media_type)
    return shape(document, body.schema) if is_json(name) or is_xml(name) or name in _STRUCTURED else None


def takes_files(body: Body) -> bool:
    """Whether binary strings of a body are bytes on the wire, and so base64 in arguments."""
    name = essence(body.media_type)
    return not (is_json(name) or is_xml(name) or name == "application/x-www-form-urlencoded")
