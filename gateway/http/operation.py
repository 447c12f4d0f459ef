"""One operation of the spec, compiled: everything that stock Connexion does again for each request is done once here.

Replaces Connexion's SecurityMiddleware, RequestValidationMiddleware, ResponseValidationMiddleware, ContextMiddleware
and AsyncApi, which build validators, decorators and URI parsers per request (630-846 us of CPU against 50-81 here) and
have faults that must not reach a user: #1860 (500 on invalid UTF-8), #2020 (chunked bodies refused), #1956 (mixed
content types), no limit on bodies, parameters repeated or spelt `+5`. What stays Connexion's: loading and checking the
spec, its Operation objects, the resolver, the lifespan.

The order of the checks is the contract's: Host and Origin (403), authentication (401), rate (429), Content-Type (415),
Accept (406), size (413), parameters and body (400), permission (403), `Idempotency-Key` (422, 409).
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from connexion.middleware.abstract import RoutedAPI, RoutedMiddleware
from starlette.types import Receive, Scope, Send

from gateway.access.caller import Caller
from gateway.access.limits import RateLimits
from gateway.errors import Forbidden, InternalError, NotAcceptable, Unauthorized, Unavailable
from gateway.http.accept import weights_of
from gateway.http.answers import JSON, Answer, Finished
from gateway.http.bodies import (
    MAX_BODY,
    check_content_type,
    check_length,
    names_no_body,
    parse_form,
    parse_json,
    read_body,
)
from gateway.http.counting import Counter
from gateway.http.deprecation import deprecation_headers
from gateway.http.doors import Doors
from gateway.http.errors import send_finished
from gateway.http.headers import JSON_ANSWER, Header, answer_headers, request_headers
from gateway.http.idempotency import HEADER, REPLAYED, Idempotency, Keyed
from gateway.http.lines import line_of
from gateway.http.parameters import Parameters
from gateway.http.streams import Places, Stream
from gateway.validation import check, compile_schema, explain

Headers = Mapping[bytes, bytes]
FORM = "application/x-www-form-urlencoded"

# How long, in seconds, it counts who somebody was found to be while their body arrives.
_BELIEVED_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Entry:
    """Who has come in, and (on a token URL) the server that the door belongs to."""

    caller: Caller
    server: Any = None


Authenticate = Callable[[Headers, Mapping[str, str]], Awaitable[Entry]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What every operation shares. `arguments` are given by name to the handlers that ask for them."""

    authenticators: Mapping[str, Authenticate]
    limits: RateLimits
    doors: Doors
    idempotency: Idempotency
    places: Places
    arguments: Mapping[str, Any]


class CompiledOperation:
    """An ASGI application for one operation. Raises ToolgateError; gateway.http.edge answers it."""

    def __init__(self, operation: Any, environment: Environment) -> None:
        self._spec: Mapping[str, Any] = operation._operation
        self._handler: Callable[..., Awaitable[Any]] = operation.function
        self._counter = Counter(environment.limits)
        self._doors = environment.doors
        wanted = set(inspect.signature(self._handler).parameters)
        self._given = {name: value for name, value in environment.arguments.items() if name in wanted}
        self._wants = {
            name: name in wanted for name in ("caller", "server", "headers", "raw_headers", "again", "stream")
        }
        self._parameters = Parameters(operation.parameters, wanted)
        self._authenticate = environment.authenticators.get(_kind(self._spec, operation.parameters))
        self._scope: str | None = self._spec.get("x-scope")
        self._key_only = self._spec.get("x-caller") == "apiKey"
        self._writes = operation.method.lower() not in ("get", "head") and not self._spec.get("x-reads")
        self._json_rpc = "406" in self._spec["responses"]
        self._body = _body_validator(self._spec)
        self._form = FORM in self._spec.get("requestBody", {}).get("content", {})
        self._most: int = self._spec.get("x-max-bytes", MAX_BODY)
        self._is_page = "OAuth" in self._spec.get("tags", ())
        self._body_required = self._spec.get("requestBody", {}).get("required", False)
        self._success, self._answers = _answers(self._spec)
        self._always = deprecation_headers(self._spec)
        self._idempotency = environment.idempotency if _declares(operation.parameters, HEADER) else None
        self._places = environment.places
        self._atomic = self._spec.get("x-atomic") is True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = request_headers(scope)
        carried = answer_headers(scope)
        carried += self._always
        refusal = self._doors.refusal(headers.get(b"host"), headers.get(b"origin"))
        if refusal is not None and (self._authenticate is not None or self._refuses_host(headers)):
            raise Forbidden(refusal)
        arguments: dict[str, Any] = dict(self._given)
        if self._authenticate is not None:
            entry = await self._enter(scope, headers, carried)
            caller = entry.caller
            if self._wants["caller"]:
                arguments["caller"] = caller
            if self._wants["server"]:
                arguments["server"] = entry.server
        self._give_headers(arguments, scope, headers)
        raw = b""
        if self._body is not None:
            begun = time.monotonic()
            arguments["body"] = raw = await self._read(headers, receive, self._most_of(arguments.get("caller")))
            if self._authenticate is not None and time.monotonic() - begun > _BELIEVED_SECONDS:
                # Whoever lets us wait for the body must not keep a key alive that is revoked meanwhile.
                caller = (await self._authenticate(headers, scope["path_params"])).caller
        arguments |= self._parameters.read(scope["path_params"], scope["query_string"], scope["headers"])
        if self._body is not None and not self._json_rpc:
            arguments["body"] = self._parse(raw)
        if self._authenticate is None:
            answer = self._finish(await self._handler(**arguments))
            await send_finished(answer, answer.headers, send)
            return
        self._permit(caller)
        sent = [(b"x-alloy-userid", caller.header)]
        if self._json_rpc:
            await self._converse(arguments, caller, sent, scope, send)
            return
        if self._idempotency is None or HEADER not in headers:
            answer = self._finish(await self._handler(**arguments))
        else:
            keyed = self._keyed(scope, headers, caller, raw)
            answer, replayed = await self._idempotency.once(keyed, lambda: self._run(arguments), atomic=self._atomic)
            if replayed:
                sent.append(REPLAYED)
        await send_finished(answer, [*answer.headers, *sent], send)

    def _refuses_host(self, headers: Headers) -> bool:
        """Of a page with a form: a page of another name that leads here must not press its button.

        Its Origin says nothing: of a form whose page sends no referrer, browsers say `null`. And what everybody may
        read is served by every name, as health checks ask for it.
        """
        return self._is_page and self._doors.refusal(headers.get(b"host"), None) is not None

    def _give_headers(self, arguments: dict[str, Any], scope: Scope, headers: Headers) -> None:
        if self._wants["headers"]:
            arguments["headers"] = headers
        if self._wants["raw_headers"]:
            arguments["raw_headers"] = scope["headers"]

    async def _converse(
        self, arguments: dict[str, Any], caller: Caller, sent: list[Header], scope: Scope, send: Send
    ) -> None:
        """Answer MCP: as a stream once an event is sent, and only as long as somebody is there to hear it."""
        line = line_of(scope)
        stream = Stream(send, sent, line, self._places, caller.rate_key, self._again, scope)
        arguments["stream"] = stream
        if not line.hold():
            return
        try:
            answer = self._finish(await self._handler(**arguments))
            if stream.opened:
                await stream.end(answer.body)
            else:
                await send_finished(answer, [*answer.headers, *sent], send)
        except asyncio.CancelledError:
            # Nobody is left to be answered. A cancellation for another reason is not ours to swallow.
            if not line.lost or _still_cancelled():
                raise
        finally:
            line.release()
            stream.close()

    async def _again(self, scope: Scope) -> Entry:
        """Whoever asked, judged anew by the same headers: for answers that last. Raises as the first time."""
        assert self._authenticate is not None
        entry = await self._authenticate(request_headers(scope), scope["path_params"])
        self._permit(entry.caller)
        return entry

    async def _run(self, arguments: dict[str, Any]) -> Finished:
        return self._finish(await self._handler(**arguments))

    def _keyed(self, scope: Scope, headers: Headers, caller: Caller, raw: bytes) -> Keyed:
        return Keyed.of(
            headers[HEADER],
            caller,
            self._spec["operationId"],
            scope["method"],
            scope["raw_path"],
            scope["query_string"],
            raw,
        )

    async def _enter(self, scope: Scope, headers: Headers, carried: list[Header]) -> Entry:
        assert self._authenticate is not None
        if len(headers) != len(scope["headers"]):
            _refuse_repeated(scope["headers"])
        try:
            entry = await self._authenticate(headers, scope["path_params"])
        except (Unauthorized, Unavailable):
            # Who cannot say who they are is counted by address, so that keys and tokens cannot be guessed at leisure.
            client = scope.get("client")
            self._counter.count_failure(client[0] if client else "", carried)
            raise
        self._counter.count(entry.caller, carried)
        return entry

    def _most_of(self, caller: Caller | None) -> int:
        """How large a body may be. What is more than usual is taken only of those who may do it at all."""
        if self._most > MAX_BODY and (caller is None or self._forbids(caller)):
            return MAX_BODY
        return self._most

    async def _read(self, headers: Headers, receive: Receive, most: int) -> bytes:
        if not self._body_required and names_no_body(headers):
            # Only a chunked body can still turn out to be one.
            if body := await read_body(receive, most):
                check_content_type(None)
            return body
        check_content_type(headers.get(b"content-type"), FORM if self._form else "application/json")
        if self._json_rpc:
            _check_accept(headers.get(b"accept"))
        check_length(headers.get(b"content-length"), most)
        return await read_body(receive, most)

    def _parse(self, body: bytes) -> Any:
        if not body and not self._body_required:
            return {}
        value = parse_form(body) if self._form else parse_json(body)
        if self._body is not None:
            check(self._body, value, "body")
        return value

    def _permit(self, caller: Caller) -> None:
        if refusal := self._forbids(caller):
            lacks = self._scope is not None and self._scope not in caller.scopes
            raise Forbidden(refusal, details={"scope": self._scope} if lacks else None)

    def _forbids(self, caller: Caller) -> str | None:
        """Why this caller may not do this."""
        if self._key_only and caller.door != "api_key":
            return "Only an API key may do this"
        if self._scope is not None and self._scope not in caller.scopes:
            return f"This API key lacks the scope {self._scope!r}"
        if not caller.known and self._writes and not self._json_rpc:
            return "x-alloy-userid names no known user; for anything but reading it must"
        return None

    def _finish(self, result: Any) -> Finished:
        """The answer as it is sent: checked against the contract, encoded. Raises InternalError."""
        body, status, headers = result, self._success, JSON_ANSWER
        if isinstance(result, Answer):
            body, status = result.body, result.status or self._success
            if result.content_type is not JSON:
                headers = ((b"content-type", result.content_type),)
            headers = (*headers, *result.headers)
        if body is None:
            # Nothing has no type; the rest stands.
            return Finished(status, b"", [header for header in headers if header[0] != b"content-type"])
        if isinstance(body, bytes):
            encoded = body
        else:
            validator = self._answers.get(status)
            if validator is not None and not validator.is_valid(body):
                problem = explain(next(iter(validator.iter_errors(body))), "answer")
                raise InternalError(
                    "The answer would have broken our own contract; the log says how",
                    internal=f"{self._spec['operationId']} {status}: {problem.message}",
                )
            encoded = orjson.dumps(body)
        return Finished(status, encoded, [*headers])


def _still_cancelled() -> bool:
    """Take one cancellation back; whether there was another."""
    task = asyncio.current_task()
    return task is not None and task.uncancel() > 0


def _declares(parameters: Any, name: bytes) -> bool:
    return any(item["in"] == "header" and item["name"].lower().encode() == name for item in parameters)


def _kind(spec: Mapping[str, Any], parameters: Any) -> str:
    """Which authenticator: `bearer`, `resource` (the same, where clients may have to find out how to sign in), `token`
    (the secret stands in the path), or `none`.
    """
    if spec.get("security"):
        return "resource" if spec.get("x-resource") else "bearer"
    return "token" if any(item["name"] == "accessToken" for item in parameters) else "none"


def _body_validator(spec: Mapping[str, Any]) -> Any:
    content = spec.get("requestBody", {}).get("content", {})
    return compile_schema(next(iter(content.values()))["schema"]) if content else None


def _answers(spec: Mapping[str, Any]) -> tuple[int, dict[int, Any]]:
    """The success status, and a validator per documented status."""
    validators = {}
    for status, response in spec["responses"].items():
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            validators[int(status)] = compile_schema(schema)
    # A form is answered by a redirect (RFC 9110, section 15.4.4).
    return min(int(status) for status in spec["responses"] if status[0] in "23"), validators


_ONCE = frozenset({b"authorization", b"x-alloy-userid", b"x-alloy-user-token", b"x-credential-id"})


def _refuse_repeated(headers: list[tuple[bytes, bytes]]) -> None:
    """Two values of what says who calls would leave it to chance which one counts."""
    seen = set()
    for name, _ in headers:
        if name in _ONCE:
            if name in seen:
                raise Unauthorized(f"The header {name.decode()} is given more than once")
            seen.add(name)


def _check_accept(value: bytes | None) -> None:
    """Raise NotAcceptable where Accept is given and leaves out `text/event-stream`, as documented."""
    if value is None or value in _USUAL_ACCEPT or not value.strip():
        return
    # The most specific range that fits says how welcome it is (RFC 9110, section 12.5.1).
    weights = weights_of(value)
    for fits in ("text/event-stream", "text/*", "*/*"):
        if fits in weights:
            if weights[fits] > 0:
                return
            break
    raise NotAcceptable("Accept must include text/event-stream")


_USUAL_ACCEPT = (b"application/json, text/event-stream", b"*/*", b"text/event-stream, application/json")


class _CompiledAPI(RoutedAPI[CompiledOperation]):  # type: ignore[misc]  # Connexion has no type information
    def __init__(self, *arguments: Any, environment: Environment, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._environment = environment
        self.add_paths()

    def make_operation(self, operation: Any) -> CompiledOperation:
        return CompiledOperation(operation, self._environment)


class CompiledOperations(RoutedMiddleware[_CompiledAPI]):  # type: ignore[misc]
    """The middleware that Connexion gives the spec to. It calls no next application: every path ends here."""

    api_cls = _CompiledAPI

    def __init__(self, app: Any, *, environment: Environment) -> None:
        super().__init__(app)
        self._environment = environment

    def add_api(self, specification: Any, **options: Any) -> Any:
        options = {key: options[key] for key in ("base_path", "resolver", "uri_parser_class") if key in options}
        return super().add_api(specification, environment=self._environment, **options)
