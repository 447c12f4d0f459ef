"""The platform behind fixtures/connector.yaml: small, and it answers in the results of MCP itself.

What each path answers is what a scenario of the official suite wants of the tool, prompt or resource of that name.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

Json = dict[str, Any]
# The id of the action that is to appear or disappear.
Toggle = Callable[[str], Awaitable[None]]

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQIAAACAgA=="
_PAUSE = 0.05


def text(said: str, **more: Any) -> Json:
    return {"content": [{"type": "text", "text": said}], **more}


def _embedded(uri: str, media_type: str, said: str) -> Json:
    return {"type": "resource", "resource": {"uri": uri, "mimeType": media_type, "text": said}}


STATIC: dict[str, Json] = {
    "about": text("Everything here is made for the official conformance suite."),
    "test_simple_text": text("This is a simple text response for testing."),
    "test_image_content": {"content": [{"type": "image", "data": PNG, "mimeType": "image/png"}]},
    "test_audio_content": {"content": [{"type": "audio", "data": WAV, "mimeType": "audio/wav"}]},
    "test_embedded_resource": {
        "content": [_embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]
    },
    "test_multiple_content_types": {
        "content": [
            {"type": "text", "text": "Multiple content types test:"},
            {"type": "image", "data": PNG, "mimeType": "image/png"},
            _embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
        ]
    },
    "test_error_handling": text("This tool intentionally returns an error for testing", isError=True),
    "test_reconnection": text("Answered on the stream that asked."),
    "test_changing_tool": text("Here for now."),
    "test_header_parameter": text("The header and the body agree."),
    "json_schema_2020_12_tool": text("A person who can be reached."),
    "make_changing_prompt": {"messages": [{"role": "user", "content": {"type": "text", "text": "Here for now."}}]},
    "read_watched_resource": {
        "contents": [{"uri": "test://watched-resource", "mimeType": "text/plain", "text": "Watched."}]
    },
}


def _form(message: str, **properties: Json) -> Json:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"method": "elicitation/create", "params": {"message": message, "requestedSchema": schema}}


def _sampling(said: str, most: int) -> Json:
    message = {"role": "user", "content": {"type": "text", "text": said}}
    return {"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": most}}


_STRING = {"type": "string"}
_NAME = _form("What is your name?", name=_STRING)
_CONFIRM = _form("Please confirm", ok={"type": "boolean"})
_ROOTS: Json = {"method": "roots/list", "params": {}}
_CHOICES = [{"const": f"value{number}", "title": f"Choice {number}"} for number in (1, 2, 3)]
_OPTIONS = ["option1", "option2", "option3"]
# Tool -> what it asks, in one round; where a state stands, it is sent back with the answers.
ASKING: dict[str, tuple[dict[str, Json], str | None]] = {
    "test_elicitation_sep1034_defaults": (
        {
            "person": _form(
                "Is this right?",
                name={"type": "string", "default": "John Doe"},
                age={"type": "integer", "default": 30},
                score={"type": "number", "default": 95.5},
                status={"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
                verified={"type": "boolean", "default": True},
            )
        },
        None,
    ),
    "test_elicitation_sep1330_enums": (
        {
            "choice": _form(
                "Choose",
                untitledSingle={"type": "string", "enum": _OPTIONS},
                titledSingle={"type": "string", "oneOf": _CHOICES},
                legacyEnum={"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]},
                untitledMulti={"type": "array", "items": {"type": "string", "enum": _OPTIONS}},
                titledMulti={"type": "array", "items": {"anyOf": _CHOICES}},
            )
        },
        None,
    ),
    "test_missing_capability": ({"opinion": _sampling("What do you think?", 50)}, None),
    "test_streaming_elicitation": ({"user_name": _NAME}, None),
    "test_input_required_result_elicitation": ({"user_name": _NAME}, None),
    "test_input_required_result_sampling": (
        {"capital_question": _sampling("What is the capital of France?", 100)},
        None,
    ),
    "test_input_required_result_list_roots": ({"client_roots": _ROOTS}, None),
    "test_input_required_result_request_state": ({"confirm": _CONFIRM}, "confirming"),
    "test_input_required_result_tampered_state": ({"confirm": _CONFIRM}, "confirming"),
    "test_input_required_result_multiple_inputs": (
        {"user_name": _NAME, "greeting": _sampling("Generate a greeting", 50), "client_roots": _ROOTS},
        "greeting",
    ),
    "make_input_required_prompt": (
        {"user_context": _form("What context should the prompt use?", context=_STRING)},
        None,
    ),
}
_ROUNDS = (
    {"step1": _form("Step 1: What is your name?", name=_STRING)},
    {"step2": _form("Step 2: What is your favorite color?", color=_STRING)},
)
_BY_CAPABILITY = {"sampling": _sampling("Say something", 50), "elicitation": _NAME, "roots": _ROOTS}


def _wanted(name: str, arguments: Json, meta: Json) -> tuple[dict[str, Json], str | None] | None:
    """What a tool asks before it answers, and its state; None for what asks nothing."""
    if name == "test_sampling":
        return {"answer": _sampling(arguments["prompt"], 100)}, None
    if name == "test_elicitation":
        return {"answer": _form(arguments["message"], username=_STRING, email=_STRING)}, None
    if name == "test_input_required_result_capabilities":
        return {key: asked for key, asked in _BY_CAPABILITY.items() if key in meta["clientCapabilities"]}, None
    if name == "test_input_required_result_multi_round":
        # The state is the number of the round; the next one begins when this one's answer is there.
        number = int(meta.get("requestState", "0"))
        number += number + 1 < len(_ROUNDS) and _ROUNDS[number].keys() <= meta.get("inputResponses", {}).keys()
        return _ROUNDS[number], str(number)
    return ASKING.get(name)


def _round(name: str, requests: dict[str, Json], state: str | None, meta: Json) -> Json:
    """One round of asking: the answers that are there are used, what is missing is asked for (again)."""
    answers = meta.get("inputResponses", {})
    if missing := {key: request for key, request in requests.items() if key not in answers}:
        asked = {"resultType": "input_required", "inputRequests": missing}
        return asked if state is None else {**asked, "requestState": state}
    said = json.dumps({key: answers[key] for key in requests})
    if name == "make_input_required_prompt":
        return {"messages": [{"role": "user", "content": {"type": "text", "text": f"Use this context: {said}"}}]}
    if state is not None and meta.get("requestState") != state:
        return text("These answers belong to another question.", isError=True)
    return text(f"Answered: {said}" if state is None else f"state-ok: {said}")


class Platform:
    """The ASGI application. `toggle` lets an action appear or disappear, by the management API of Toolgate."""

    def __init__(self) -> None:
        self.toggle: Toggle | None = None

    async def __call__(self, scope: Json, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        arguments = json.loads(body or b"{}")
        meta = arguments.pop("_meta", {})
        name = scope["path"].removeprefix("/")
        if name == "test_tool_with_progress":
            await self._stream(send, [_progress(done, meta) for done in (0, 50, 100)], "Done.")
        elif name in ("test_tool_with_logging", "test_logging_tool"):
            steps = ("Tool execution started", "Tool processing data", "Tool execution completed")
            await self._stream(send, [_log(step, meta) for step in steps], "Logged.")
        else:
            answer = await self._answer(name, arguments, meta)
            await _json(send, 404 if answer is None else 200, answer)

    async def _answer(self, name: str, arguments: Json, meta: Json) -> Json | None:
        if name.startswith("test_trigger_"):
            changing = "test_changing_tool" if name == "test_trigger_tool_change" else "make_changing_prompt"
            assert self.toggle is not None
            await self.toggle(changing)
            return text(f"{changing} is not what it was.")
        wanted = _wanted(name, arguments, meta)
        return STATIC.get(name) if wanted is None else _round(name, *wanted, meta)

    async def _stream(self, send: Any, notifications: list[Json | None], said: str) -> None:
        """Server-sent events: the notifications that are wanted, with a pause after each, and the result."""
        head = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        for notification in [*notifications, {"result": text(said)}]:
            if notification is not None:
                event = b"data: " + json.dumps(notification).encode() + b"\n\n"
                await send({"type": "http.response.body", "body": event, "more_body": True})
            await asyncio.sleep(_PAUSE)
        await send({"type": "http.response.body", "body": b""})


def _progress(done: int, meta: Json) -> Json | None:
    wanted = meta.get("progress")
    return {"method": "notifications/progress", "params": {"progress": done, "total": 100}} if wanted else None


def _log(said: str, meta: Json) -> Json | None:
    wanted = meta.get("logLevel")
    return {"method": "notifications/message", "params": {"level": "info", "data": said}} if wanted else None


async def _json(send: Any, status: int, answer: Any) -> None:
    body = json.dumps(answer).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
