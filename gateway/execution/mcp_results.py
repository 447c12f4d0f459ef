"""Results of MCP that a platform made: their form proved, and nothing kept but what MCP names (schema 2026-07-28)."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from gateway.catalog.blocks import BLOCK, CONTENTS, KINDS
from gateway.catalog.schemas.complaints import complain
from gateway.catalog.schemas.patterns import Validator

Kind = Literal["tool", "prompt", "resource"]
MOST_BLOCKS = 200
LARGEST = 5 * 1024 * 1024
_LONGEST_STATE = 16 * 1024
_MOST_REQUESTS = 20
_LARGEST_REQUESTS = 64 * 1024
# Levels of JSON that may come around what is passed on: the encoder takes 254 in all.
_ENVELOPE = 14
_ASKING = ("elicitation/create", "sampling/createMessage", "roots/list")
_REQUESTS = {
    "type": "object",
    "maxProperties": _MOST_REQUESTS,
    "propertyNames": {"maxLength": 200},
    "additionalProperties": {
        "type": "object",
        "properties": {"method": {"enum": list(_ASKING)}, "params": {"type": "object"}},
        "required": ["method"],
        "allOf": [
            {
                "if": {"properties": {"method": {"const": "elicitation/create"}}},
                "then": {
                    "required": ["params"],
                    "properties": {
                        "params": {
                            "properties": {"message": {"type": "string"}, "mode": {"enum": ["form", "url"]}},
                            "required": ["message"],
                            "if": {"properties": {"mode": {"const": "url"}}, "required": ["mode"]},
                            "then": {
                                "properties": {"url": {"type": "string", "pattern": "^https?://"}},
                                "required": ["url"],
                            },
                            "else": {
                                "properties": {
                                    "requestedSchema": {
                                        "type": "object",
                                        "properties": {"type": {"const": "object"}, "properties": {"type": "object"}},
                                        "required": ["type", "properties"],
                                    }
                                },
                                "required": ["requestedSchema"],
                            },
                        }
                    },
                },
            },
            {
                "if": {"properties": {"method": {"const": "sampling/createMessage"}}},
                "then": {
                    "required": ["params"],
                    "properties": {
                        "params": {
                            "properties": {
                                "messages": {"type": "array"},
                                "maxTokens": {"type": "integer", "minimum": 1},
                            },
                            "required": ["messages", "maxTokens"],
                        }
                    },
                },
            },
        ],
    },
}
_RESULTS: Mapping[str, Any] = {
    "tool": {
        "properties": {
            "content": {"type": "array", "items": BLOCK, "maxItems": MOST_BLOCKS},
            "isError": {"type": "boolean"},
        },
        "required": ["content"],
    },
    "prompt": {
        "properties": {
            "description": {"type": "string"},
            "messages": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_BLOCKS,
                "items": {
                    "type": "object",
                    "properties": {"role": {"enum": ["user", "assistant"]}, "content": BLOCK},
                    "required": ["role", "content"],
                },
            },
        },
        "required": ["messages"],
    },
    "resource": {
        "properties": {"contents": {"type": "array", "items": CONTENTS, "minItems": 1, "maxItems": MOST_BLOCKS}},
        "required": ["contents"],
    },
    "input_required": {
        "properties": {
            "inputRequests": _REQUESTS,
            "requestState": {"type": "string", "maxLength": _LONGEST_STATE},
        },
        "anyOf": [{"required": ["inputRequests"]}, {"required": ["requestState"]}],
    },
}
_VALIDATORS = {
    kind: Validator({"type": "object", **schema}, validate_formats=False, offline=True)
    for kind, schema in _RESULTS.items()
}


class BadResult(Exception):
    """It is no result of MCP; the text says what it is instead, to stand after "answered with"."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The platform wants to know more before it answers: its questions by key, and what it wants back with them."""

    requests: Mapping[str, Mapping[str, Any]]
    state: str | None


def read(value: Any, kind: Kind) -> dict[str, Any] | Needs:
    """The result that the JSON of an answer is. Raises BadResult, also for more than LARGEST bytes."""
    size = size_of(value)
    if size is None:
        raise BadResult("values that are nested too deeply")
    if size > LARGEST:
        raise BadResult(f"more than {LARGEST} bytes")
    form = "input_required" if isinstance(value, dict) and value.get("resultType") == "input_required" else kind
    error = next(iter(_VALIDATORS[form].iter_errors(value)), None)
    if error is not None:
        complaint = complain(error)
        place = ".".join(map(str, complaint.path)) or "the answer"
        raise BadResult(f"no result of MCP for a {kind}: {place} {complaint.sentence}")
    if form == "input_required":
        requests = {key: _request(one) for key, one in value.get("inputRequests", {}).items()}
        if (size_of(requests) or 0) > _LARGEST_REQUESTS:
            raise BadResult(f"questions of more than {_LARGEST_REQUESTS} bytes")
        return Needs(requests, value.get("requestState"))
    kept = _KEPT[form](value)
    _check_base64(kept)
    return kept


def check_structured(result: Mapping[str, Any], check: Validator) -> None:
    """Raise BadResult where a result has not the structured content that its document promises."""
    if "structuredContent" not in result:
        raise BadResult("a result without the structuredContent that its document promises")
    error = next(iter(check.iter_errors(result["structuredContent"])), None)
    if error is not None:
        complaint = complain(error)
        place = ".".join(map(str, ("structuredContent", *complaint.path)))
        raise BadResult(f"structured content that is not as documented: {place} {complaint.sentence}")


def size_of(value: Any) -> int | None:
    """Bytes of the value as JSON; None where it is nested too deeply to be passed on within a message."""
    for _ in range(_ENVELOPE):
        value = [value]
    try:
        return len(orjson.dumps(value)) - 2 * _ENVELOPE
    except TypeError:
        return None


def _check_base64(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _check_base64(item)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in ("data", "blob") and isinstance(value, str):
                try:
                    base64.b64decode(value, validate=True)
                except (binascii.Error, ValueError):
                    raise BadResult(f"{name} that is not valid base64") from None
            elif name != "structuredContent":
                _check_base64(value)


def _request(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in ("method", "params") if name in one}


def _tool(value: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"content": [_named(block) for block in value["content"]]}
    if "structuredContent" in value:
        found["structuredContent"] = value["structuredContent"]
    if value.get("isError"):
        found["isError"] = True
    return found


def _prompt(value: Mapping[str, Any]) -> dict[str, Any]:
    messages = [{"role": said["role"], "content": _named(said["content"])} for said in value["messages"]]
    about = {"description": value["description"]} if "description" in value else {}
    return {**about, "messages": messages}


def _resource(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"contents": [_only(CONTENTS, one) for one in value["contents"]]}


def _named(block: Mapping[str, Any]) -> dict[str, Any]:
    return _only(KINDS[block["type"]], block)


def _only(schema: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """The members that the schema names, down to those of its members."""
    known = schema["properties"]
    return {
        name: _only(known[name], child) if isinstance(child, dict) and "properties" in known[name] else child
        for name, child in value.items()
        if name in known
    }


_KEPT: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "tool": _tool,
    "prompt": _prompt,
    "resource": _resource,
}
