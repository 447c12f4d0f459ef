"""A request that cannot be answered before its user is asked something (MCP 2026-07-28, Multi Round-Trip Requests).

Whoever needs to ask raises InputRequired. The client is told the questions and given a state; it sends the same request
again with its answers and that state, which `answered` proves and puts into the visit's exchange.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from gateway.access.states import BadState
from gateway.errors import Conflict, InvalidRequest
from gateway.tools.visit import Visit


class InputRequired(Conflict):
    """Raised by what needs answers first. `requests` are MCP's input requests by key, `state` what is wanted back.

    `own` is what we want back ourselves, beside the `state` of a platform, which cannot forge it. A Conflict to whoever
    cannot be asked: over REST, and to MCP clients of older revisions.
    """

    def __init__(
        self,
        requests: Mapping[str, Mapping[str, Any]],
        state: str | None = None,
        *,
        own: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            "Something has to be asked of you first, which only MCP clients of revision 2026-07-28 can pass on"
        )
        self.requests = requests
        self.state = state
        self.own = own


class MissingCapability(Exception):
    """The client has not declared what it would take to ask its user. `required` is MCP's ClientCapabilities."""

    def __init__(self, required: dict[str, Any]) -> None:
        super().__init__("Missing required client capability")
        self.required = required


def answered(visit: Visit, method: str, name: str, arguments: Any) -> Visit:
    """The visit with the answers that belong to what was asked, and the state of whoever asked.

    Without a state nothing was asked here: the answers are passed on as they are, proved to be objects and no more.
    Raises InvalidRequest for a state that is not ours, not this request's, or expired, and for answers of a wrong form.
    """
    exchange = visit.exchange
    responses: Any = exchange.input_responses
    if exchange.request_state is None and not responses:
        return visit
    if not isinstance(responses, Mapping):
        raise InvalidRequest.of("inputResponses", "type", "inputResponses must be of type object")
    for key, response in responses.items():
        if not isinstance(response, Mapping):
            field = f"inputResponses.{key[:100]}"
            raise InvalidRequest.of(field, "type", f"{field} must be of type object")
    if exchange.request_state is None:
        return visit
    if not isinstance(exchange.request_state, str):
        raise InvalidRequest.of("requestState", "type", "requestState must be of type string")
    try:
        opened = visit.gate.states.open(exchange.request_state, _bound(visit, method, name, arguments))
    except BadState:
        message = "requestState is not one that was given out for this request, or it has expired"
        raise InvalidRequest.of("requestState", "known", message) from None
    asked: dict[str, str] = opened["asked"]
    kept = {key: response for key, response in responses.items() if key in asked}
    for key, response in kept.items():
        _check(asked[key], response, f"inputResponses.{key[:100]}")
    exchange = replace(exchange, input_responses=kept, request_state=opened["state"], own=opened.get("own"))
    return replace(visit, exchange=exchange)


def question(visit: Visit, needed: InputRequired, method: str, name: str, arguments: Any) -> dict[str, Any]:
    """`{"inputRequests": {...}, "requestState"}`: of what is to be asked, that which the client can ask.

    Raises MissingCapability where it can ask none of it.
    """
    known = visit.exchange.capabilities
    missing = {key: _capability(one) for key, one in needed.requests.items() if not declares(known, one)}
    if missing and len(missing) == len(needed.requests):
        required: dict[str, Any] = {}
        for capability in missing.values():
            for group, parts in capability.items():
                required[group] = {**required.get(group, {}), **parts}
        raise MissingCapability(required)
    asked = {key: one for key, one in needed.requests.items() if key not in missing}
    sealed = {"asked": {key: one["method"] for key, one in asked.items()}, "state": needed.state}
    if needed.own is not None:
        sealed["own"] = dict(needed.own)
    state = visit.gate.states.seal(sealed, _bound(visit, method, name, arguments))
    return {**({"inputRequests": asked} if asked else {}), "requestState": state}


def _bound(visit: Visit, method: str, name: str, arguments: Any) -> list[str]:
    caller = visit.caller
    try:
        encoded = orjson.dumps(arguments or {}, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        raise InvalidRequest.of("arguments", "depth", "arguments is nested too deeply") from None
    digest = hashlib.sha256(encoded).hexdigest()
    return [caller.account_id, caller.user_id, visit.server.server_id, method, name, digest]


def _capability(request: Mapping[str, Any]) -> dict[str, Any]:
    params = request.get("params", {})
    match request["method"]:
        case "elicitation/create":
            return {"elicitation": {"url" if params.get("mode") == "url" else "form": {}}}
        case "sampling/createMessage":
            return {"sampling": {"tools": {}} if "tools" in params else {}}
        case _:
            return {"roots": {}}


def declares(known: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Whether a client with these capabilities can pass on this input request."""
    for group, parts in _capability(request).items():
        said = known.get(group)
        if not isinstance(said, Mapping):
            return False
        # A client that declares elicitation and no mode of it can show forms.
        if any(part not in said and not (part == "form" and not said) for part in parts):
            return False
    return True


def _check(method: str, response: Mapping[str, Any], field: str) -> None:
    """Refuse an answer that is none to its question (ElicitResult, CreateMessageResult, ListRootsResult)."""
    match method:
        case "elicitation/create":
            if response.get("action") not in ("accept", "decline", "cancel"):
                raise InvalidRequest.of(f"{field}.action", "enum", f"{field}.action must be accept, decline or cancel")
            if not isinstance(response.get("content", {}), Mapping):
                raise InvalidRequest.of(f"{field}.content", "type", f"{field}.content must be of type object")
        case "sampling/createMessage":
            for part, kind in (("role", str), ("content", dict | list), ("model", str)):
                if not isinstance(response.get(part), kind):
                    raise InvalidRequest.of(f"{field}.{part}", "type", f"{field}.{part} is missing or of a wrong type")
        case _:
            if not isinstance(response.get("roots"), list):
                raise InvalidRequest.of(f"{field}.roots", "type", f"{field}.roots must be of type array")
