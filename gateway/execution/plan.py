"""What is worked out once per action: names, validators, the pieces of its path."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gateway.catalog.actions.answers import structured
from gateway.catalog.actions.inputs import essence
from gateway.catalog.actions.layout import Layout, layout, takes_files
from gateway.catalog.model import Action, Parameter
from gateway.catalog.schemas.patterns import Validator
from gateway.catalog.schemas.resolving import validator

# Plans that are kept, those used last: each holds compiled validators, some tens of kilobytes.
_KEPT = 1024
_PLACEHOLDER = re.compile(r"\{([^{}/]+)\}")
# What may stand in a path as it is (RFC 3986, section 3.3), and the percent sign of what is encoded already.
_PATH_SAFE = "/:@!$&'()*+,;=~-._%"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A name in a path that a field of the credential fills."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to take an action's arguments and make a request of them."""

    layout: Layout
    # By location, then by name (headers also by their name in lower case, see `header_names`).
    parameters: Mapping[str, Mapping[str, Parameter]]
    header_names: Mapping[str, str]
    # Of `{"path": {...}, "query": {...}, "header": {...}, "cookie": {...}}`; None where nothing is taken.
    check_parameters: Validator | None
    check_body: Validator | None
    # Of an action that speaks MCP, where the document demands structured content of each result.
    check_structured: Validator | None
    # Literal text, encoded, and the names that stand between.
    path: tuple[str | Parameter | Placeholder, ...]
    # A query that the document writes into the path itself.
    query: str
    media: str


_plans: OrderedDict[int, tuple[Action, Plan]] = OrderedDict()


def plan_of(action: Action, document: Mapping[str, Any]) -> Plan:
    """The plan of an action, made at its first use and kept while it is used. `document` is its connector's.

    The action itself is kept with its plan, so its identity cannot pass to another one.
    """
    key = id(action)
    kept = _plans.get(key)
    if kept is not None:
        # Another thread may have made room just now; the plan is as good as before.
        try:  # noqa: SIM105 (suppress costs more than all the rest here)
            _plans.move_to_end(key)
        except KeyError:
            pass
        return kept[1]
    made = _make(action, document)
    _plans[key] = (action, made)
    while len(_plans) > _KEPT:
        _plans.popitem(last=False)
    return made


def _make(action: Action, document: Mapping[str, Any]) -> Plan:
    places: dict[str, dict[str, Parameter]] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
    for parameter in action.parameters:
        places[parameter.location][parameter.name] = parameter
    body = action.body
    # A fragment tells two operations on one path apart and is never sent.
    inner = structured(document, action.answer) if action.speaks_mcp else None
    template, _, query = action.path.partition("#")[0].partition("?")
    return Plan(
        layout=layout(document, action),
        parameters=places,
        header_names={name.lower(): name for name in places["header"]},
        check_parameters=validator(document, groups(places)) if action.parameters else None,
        check_body=None if body is None else validator(document, body.schema, files=takes_files(body)),
        check_structured=None if inner is None else validator(document, inner, answer=True),
        path=tuple(_pieces(template, places["path"])),
        # What is still a placeholder there is described as a query parameter, and sent as one.
        query="&".join(quote(pair, safe=_PATH_SAFE + "?") for pair in query.split("&") if pair and "{" not in pair),
        media="" if body is None else essence(body.media_type),
    )


def groups(places: Mapping[str, Mapping[str, Parameter]]) -> dict[str, Any]:
    """The schema of all parameters together, by location."""
    return {
        "type": "object",
        "properties": {
            location: {
                "type": "object",
                "properties": {name: parameter.schema for name, parameter in found.items()},
                "required": [name for name, parameter in found.items() if parameter.required],
            }
            for location, found in places.items()
            if found
        },
    }


def _pieces(template: str, parameters: Mapping[str, Parameter]) -> list[str | Parameter | Placeholder]:
    pieces: list[str | Parameter | Placeholder] = []
    for index, part in enumerate(_PLACEHOLDER.split(template)):
        if index % 2:
            pieces.append(parameters.get(part) or Placeholder(part))
        elif part:
            pieces.append(quote(part, safe=_PATH_SAFE))
    return pieces
