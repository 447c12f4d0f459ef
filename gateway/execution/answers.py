"""What a platform answered, as a value; and whether it means failure."""

import base64
import codecs
import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson

from gateway.catalog.actions.inputs import essence
from gateway.catalog.model import Action, Connector
from gateway.credentials.model import Secret
from gateway.errors import UpstreamError
from gateway.execution import credential
from gateway.execution.shape import shape
from gateway.large_json import is_dense, loads
from gateway.outbound.messages import Response
from gateway.outbound.retries import TURNED_AWAY, retry_after

# Of a file: more than this would fill an assistant's memory, and part of a file is of no use.
MAX_FILE = 1024 * 1024
_MAX_ERROR_BODY = 4 * 1024
_LONGEST_REASON = 500
# Seconds: a platform that asks for more than a day says nothing that could be planned with.
_LONGEST_WAIT = 86_400
# RFC 6838, section 4.2. Anything else is not passed on as a type.
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_TEXTUAL = ("text/", "application/xml", "application/javascript", "application/x-www-form-urlencoded")
_TEXTUAL_ENDS = ("+xml", "yaml", "csv", "ndjson", "jsonl", "jsonlines")
_REASONS = ("message", "error_description", "error_summary", "detail", "error", "errors", "title", "reason", "msg")
_SHORTEST_SECRET = 6


class Answer(NamedTuple):
    """The value of a body. The base64 of a file must not be cut as text is."""

    value: Any
    is_file: bool = False


def read(response: Response) -> Answer:
    """The body: JSON as its value, text as text, nothing as None, and anything else as a file.

    JSON of more than two million values is text: to make them all would take ten times its size, for an answer that is
    cut to a few KB.
    A file is `{"contentType", "size", "base64"}`, over MAX_FILE bytes `{"contentType", "size", "truncated": true}`.
    """
    body = response.body.removeprefix(codecs.BOM_UTF8)
    if not body:
        return Answer(None)
    content_type = response.headers.get("content-type", "")
    name = essence(content_type)
    if name.endswith("json") or (not name and body[:1] in b"{["):
        try:
            return Answer(body.decode(errors="replace") if is_dense(body) else loads(body))
        except orjson.JSONDecodeError:
            return Answer(body.decode(errors="replace"))
    if name.startswith(_TEXTUAL) or name.endswith(_TEXTUAL_ENDS):
        return Answer(body.decode(_charset(content_type), errors="replace"))
    if not name and _is_text(body):
        return Answer(body.decode())
    about = {"contentType": name if _MEDIA_TYPE.fullmatch(name) else "application/octet-stream", "size": len(body)}
    if len(body) > MAX_FILE:
        return Answer({**about, "truncated": True}, is_file=True)
    return Answer({**about, "base64": base64.b64encode(body).decode()}, is_file=True)


def check(connector: Connector, action: Action, response: Response, value: Any, secret: Secret | None) -> None:
    """Raise UpstreamError where the answer means failure.

    That is any status but 2xx, the connector's `failure` rule, a GraphQL answer with errors and no data, or one whose
    mutation names `userErrors` (Shopify's way to refuse, which others have taken up). `details` holds `status` and
    `body` (shaped, a few KB at most); the secret is blotted out of both body and message.
    """
    status = response.status
    if not 200 <= status < 300:
        value = _blotted(value, connector, secret)
        raise _failed(connector, status, value, response.headers, _blotted(_target(response), connector, secret))
    if not isinstance(value, dict):
        return
    rule = connector.failure
    if rule is not None and rule.field in value and _equal(value[rule.field], rule.equals):
        raise _refused(connector, status, _blotted(value, connector, secret), rule.message)
    errors = value.get("errors") if action.graphql is not None else None
    if errors and not _has_data(value.get("data")):
        raise _refused(connector, status, _blotted(value, connector, secret), "errors")
    if action.graphql is not None and (refusals := _user_errors(value.get("data"))):
        raise _refused(connector, status, _blotted({"userErrors": refusals}, connector, secret), "userErrors")


def _equal(value: Any, expected: Any) -> bool:
    # False is not 0 here, as in JSON.
    return type(value) is type(expected) and bool(value == expected)


def _has_data(data: Any) -> bool:
    return any(value is not None for value in data.values()) if isinstance(data, dict) else data is not None


def _user_errors(data: Any) -> list[Any]:
    """What the mutations of a GraphQL answer say that the user did wrong."""
    payloads = data.values() if isinstance(data, dict) else ()
    found = (payload.get("userErrors") for payload in payloads if isinstance(payload, dict))
    return [error for errors in found if isinstance(errors, list) for error in errors]


def _target(response: Response) -> str:
    """Where an answer redirects to, without the query, which may hold what is secret; else nothing."""
    location = response.headers.get("location", "") if 300 < response.status < 400 else ""
    return re.split(r"[?#]", location)[0][:_LONGEST_REASON]


def _failed(connector: Connector, status: int, value: Any, headers: Mapping[str, str], target: str) -> UpstreamError:
    try:
        phrase = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = str(status)
    said = _reason(value)
    message = f"{connector.name} answered {phrase}{f': {said}' if said else ''}"
    if target:
        # Repeated there without asking, a write might be done twice.
        message += f". It redirects to {target}, where only GET and HEAD follow"
    if status in (401, 403):
        message += ". The credential may be invalid, expired, or lack the permission"
    details = {"status": status, "body": _bounded(value)}
    if status in TURNED_AWAY and (wait := retry_after(headers.get("retry-after"))) is not None:
        details["retryAfter"] = min(_LONGEST_WAIT, math.ceil(wait))
    return UpstreamError(message, details=details)


def _refused(connector: Connector, status: int, value: dict[str, Any], where: str) -> UpstreamError:
    said = _reason(value.get(where)) or _reason(value) or "no reason given"
    return UpstreamError(f"{connector.name} refused: {said}", details={"status": status, "body": _bounded(value)})


def _reason(value: Any) -> str:
    """What a platform says went wrong, wherever it says it."""
    for _ in range(4):
        if isinstance(value, str):
            break
        if isinstance(value, list):
            value = value[0] if value else None
        elif isinstance(value, dict):
            value = next((value[name] for name in _REASONS if value.get(name)), None)
    text = " ".join(value.split()) if isinstance(value, str) else ""
    # A page of HTML is no reason.
    return "" if text.startswith("<") else text[:_LONGEST_REASON]


def _bounded(value: Any) -> Any:
    """A body of a few KB: as it is, or the beginning of its JSON."""
    raw = orjson.dumps(value)
    return value if len(raw) <= _MAX_ERROR_BODY else raw[:_MAX_ERROR_BODY].decode(errors="ignore") + "…"


def _blotted(value: Any, connector: Connector, secret: Secret | None) -> Any:
    """An answer as it may be passed on: shaped, and without the credential where the platform repeats it."""
    return blot(shape(value).value, connector, secret)


def blot(value: Any, connector: Connector, secret: Secret | None) -> Any:
    """The value without the credential, wherever it stands in it."""
    return _without(value, _long_enough(credential.spellings(connector, secret)))


def blot_key(value: Any, connector: Connector, secret: Secret | None) -> Any:
    """An answer of a platform that agreed, without the key by which it was asked: some repeat it in their addresses."""
    secrets = _long_enough(credential.spellings(connector, secret, keys_only=True))
    if not secrets:
        return value
    # Nearly none does, and this is faster than to go through the whole. Each spelling is there as JSON has it.
    raw = orjson.dumps(value)
    return _without(value, secrets) if any(text.encode() in raw for text in secrets) else value


def _long_enough(spellings: list[str]) -> list[str]:
    return [text for text in spellings if len(text) >= _SHORTEST_SECRET]


def _without(value: Any, secrets: list[str]) -> Any:
    if not secrets:
        return value

    def clean(node: Any) -> Any:
        if isinstance(node, str):
            for text in secrets:
                node = node.replace(text, "[credential]")
            return node
        if isinstance(node, list):
            return [clean(item) for item in node]
        return {name: clean(item) for name, item in node.items()} if isinstance(node, dict) else node

    return clean(value)


def _charset(content_type: str) -> str:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(' "').lower() in ("iso-8859-1", "latin1", "windows-1252"):
            return "cp1252"
    return "utf-8"


def _is_text(body: bytes) -> bool:
    try:
        return b"\x00" not in body and bool(body.decode())
    except UnicodeDecodeError:
        return False
