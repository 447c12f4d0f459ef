"""An action's arguments, sorted and checked before anything leaves."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import orjson

from gateway.catalog.actions.layout import BODY, GROUPS, takes_files
from gateway.catalog.model import Action
from gateway.catalog.schemas.complaints import Complaint
from gateway.catalog.schemas.resolving import explain
from gateway.errors import InvalidRequest
from gateway.execution import headers
from gateway.execution.plan import Plan, groups, plan_of

_MOST_NAMES = 40
_GROUP_OF = {name: location for location, name in GROUPS.items()} | {"headers": "header"}


class NoBody:
    """There is no body: `None` would be a body of `null`."""

    def __repr__(self) -> str:
        return "NO_BODY"


NO_BODY: Final = NoBody()


@dataclass(slots=True)
class Arguments:
    """Checked arguments by where they go. `additional_headers` are those that the document does not describe."""

    path: dict[str, Any]
    query: dict[str, Any]
    headers: dict[str, Any]
    cookies: dict[str, Any]
    body: Any
    additional_headers: dict[str, str]


def split(action: Action, document: Mapping[str, Any], parameters: Mapping[str, Any]) -> Arguments:
    """Sort `parameters` by where they go, and check them against the schemas of the document.

    They may be given flat, by the names of `catalog.describing.input_schema`, or in the groups `pathParams`,
    `queryParameters`, `additionalHeaders` (also `headers`), `cookies` and `requestBody`, or mixed; nothing may be given
    twice. Flat names that are not known are taken only where the document says that the body takes any; inside
    `requestBody` the body's own schema judges. Values are not converted.

    Raises InvalidRequest, which names the field (`parameters.limit`) and the rule, and never repeats a value.
    """
    _check_json(_object(parameters, "parameters"))
    plan = plan_of(action, document)
    sorter = _Sorter(plan)
    flat, safe = plan.layout.flat, plan.layout.safe
    for name, value in parameters.items():
        if (slot := flat.get(name)) is not None:
            sorter.put(slot[0], slot[1], value, name)
        elif (slot := safe.get(name)) is not None:
            sorter.put_as(slot[0], slot[1], value, name)
        elif (location := _GROUP_OF.get(name)) is not None:
            sorter.group(location, name, value)
        elif plan.layout.body is not None and plan.layout.body.open:
            sorter.put("body", name, value, name)
        else:
            # A body that is no object, or one of several kinds, is given whole.
            whole = action.body is not None and plan.layout.body is None
            raise unknown("parameters", name, {**flat, BODY: None} if whole else flat)
    found = sorter.finished(action)
    if plan.check_parameters is not None:
        values = {"path": found.path, "query": found.query, "header": found.headers, "cookie": found.cookies}
        if not plan.check_parameters.is_valid(values):
            complaint = explain(document, groups(plan.parameters), values)
            raise _refusal(sorter.field(complaint.path, body=False), complaint)
    body, check_body = action.body, plan.check_body
    if body is None or check_body is None or found.body is NO_BODY or check_body.is_valid(found.body):
        return found
    complaint = explain(document, body.schema, found.body, files=takes_files(body))
    raise _refusal(sorter.field(complaint.path, body=True), complaint)


def _check_json(parameters: Mapping[str, Any]) -> None:
    """Refuse what JSON does not have, and more than 254 levels: the validator, given 50,000, ends the process."""
    try:
        orjson.dumps(parameters)
    except TypeError:
        message = "parameters must be JSON, in valid Unicode and not nested deeper than 250 levels"
        raise InvalidRequest.of("parameters", "json", message) from None


class _Sorter:
    """Arguments on their way to their places, and under which names they came."""

    __slots__ = ("_body", "_extra", "_names", "_places", "_plan", "_whole")

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._places: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
        self._body: dict[str, Any] = {}
        self._whole: Any = NO_BODY
        self._extra: dict[str, str] = {}
        # Only of what came under another name or in a group; flat names are found in the plan.
        self._names: dict[tuple[str, str], str] = {}

    def put(self, location: str, name: str, value: Any, given: str) -> None:
        place = self._body if location == "body" else self._places[location]
        if name in place:
            raise InvalidRequest.of(f"parameters.{given}", "twice", f"parameters.{given} is given twice")
        place[name] = value

    def group(self, location: str, group: str, value: Any) -> None:
        """Take the arguments of one group."""
        if value is None:
            return
        if location == "body":
            self._whole = value
            return
        known = self._plan.parameters[location]
        for name, item in _object(value, f"parameters.{group}").items():
            given = f"{group}.{name}"
            if location == "header" and (described := self._plan.header_names.get(name.lower())) is not None:
                self.put_as(location, described, item, given)
            elif name in known:
                self.put_as(location, name, item, given)
            elif location == "header":
                self._extra[name] = headers.additional(name, item, f"parameters.{given}")
            else:
                raise unknown(f"parameters.{group}", name, known)

    def put_as(self, location: str, name: str, value: Any, given: str) -> None:
        """Take an argument that is given under another name than its own."""
        self.put(location, name, value, given)
        self._names[location, name] = given

    def finished(self, action: Action) -> Arguments:
        places = self._places
        return Arguments(
            places["path"],
            places["query"],
            places["header"],
            places["cookie"],
            self._finished_body(action),
            self._extra,
        )

    def _finished_body(self, action: Action) -> Any:
        whole, flat = self._whole, self._body
        if action.body is None:
            if whole is not NO_BODY and whole != {}:
                raise InvalidRequest.of(f"parameters.{BODY}", "unknown", "This action takes no body")
            return {} if action.graphql is not None else NO_BODY
        if whole is NO_BODY:
            if flat or action.graphql is not None:
                return flat
            if not action.body.required:
                return NO_BODY
            if self._plan.layout.body is None:
                raise InvalidRequest.of(f"parameters.{BODY}", "required", f"parameters.{BODY} is required")
            return flat
        if not flat:
            return whole
        for name in _object(whole, f"parameters.{BODY}"):
            if name in flat:
                raise InvalidRequest.of(f"parameters.{name}", "twice", f"parameters.{name} is given twice")
        return {**whole, **flat}

    def field(self, path: tuple[str | int, ...], *, body: bool) -> str:
        """What the caller calls the value at this path of the checked values."""
        steps = [str(step) for step in path]
        if body:
            if steps and ("body", steps[0]) in self._names:
                return ".".join(["parameters", self._names["body", steps[0]], *steps[1:]])
            if steps and (steps[0] in self._body or (self._whole is NO_BODY and self._is_flat("body", steps[0]))):
                return ".".join(["parameters", *steps])
            if not steps and self._whole is NO_BODY:
                return "parameters"
            return ".".join(["parameters", BODY, *steps])
        if len(steps) < 2:
            return "parameters"
        location, name = steps[0], steps[1]
        flat = name if self._is_flat(location, name) else f"{GROUPS[location]}.{name}"
        return ".".join(["parameters", self._names.get((location, name), flat), *steps[2:]])

    def _is_flat(self, location: str, name: str) -> bool:
        return self._plan.layout.flat.get(name) == (location, name)


def _refusal(field: str, complaint: Complaint) -> InvalidRequest:
    return InvalidRequest.of(field, complaint.rule, f"{field} {complaint.sentence}")


def unknown(where: str, name: str, known: Mapping[str, Any]) -> InvalidRequest:
    """A name that is not taken, with those that are, the likeliest first."""
    field = f"{where}.{name[:100]}"
    names = sorted(known)
    close = difflib.get_close_matches(name[:100], names, n=1)
    guess = f"; did you mean {close[0]}?" if close else "."
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    listed = f"{', '.join(names[:_MOST_NAMES])}{more}" if names else "none"
    return InvalidRequest.of(field, "unknown", f"{field} is not known{guess} Known: {listed}")


def _object(value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        _refuse(field, "type", "must be an object")
    return value


def _refuse(field: str, rule: str, sentence: str) -> NoReturn:
    raise InvalidRequest.of(field, rule, f"{field} {sentence}")
