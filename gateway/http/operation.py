"""One operation of the spec, compiled: everything that stock Connexion does again for each request is done once here.

Replaces Connexion's SecurityMiddleware, RequestValidationMiddleware, ResponseValidationMiddleware, ContextMiddleware
and AsyncApi, which build validators, decorators and URI parsers per request (630-846 us of CPU against 50-81 here) and
have faults that must not reach a user: #1860 (500 on invalid UTF-8), #2020 (chunked bodies refused), #1956 (mixed
content types), no limit on bodies, parameters repeated or spelt `+5`. What stays Connexion's: loading the spec, the
schema it is checked by, its Operation objects, the resolver, the lifespan.

The order of the checks is the contract's: Host and Origin (403), authentication (401), rate (429), Content-Type (415),
Accept (406), size (413), parameters and body (400), permission (403), `Idempotency-Key` (422, 409).
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from gateway.access.caller import Caller
from gateway.access.limits import RateLimits
from gateway.errors import Forbidden, Unauthorized, Unavailable
from gateway.http.answers import Finished
from gateway.http.bodies import MAX_BODY
from gateway.http.counting import Counter
from gateway.http.deprecation import deprecation_headers
from gateway.http.doors import Doors
from gateway.http.entry import Authenticate, Entry, Headers, refuse_repeated
from gateway.http.errors import send_finished
from gateway.http.finishing import Finisher
from gateway.http.headers import Header, answer_headers, request_headers
from gateway.http.idempotency import HEADER, REPLAYED, Idempotency, Keyed
from gateway.http.lines import line_of
from gateway.http.parameters import Parameters
from gateway.http.reading import BodyReader
from gateway.http.streams import Places, Stream

# How long, in seconds, it counts who somebody was found to be while their body arrives.
_BELIEVED_SECONDS = 0.25


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
        self._body = BodyReader(self._spec, answers_events=self._json_rpc)
        self._is_page = "OAuth" in self._spec.get("tags", ())
        self._finish = Finisher(self._spec).finish
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
        if self._body.expected:
            begun = time.monotonic()
            arguments["body"] = raw = await self._body.read(headers, receive, self._most_of(arguments.get("caller")))
            if self._authenticate is not None and time.monotonic() - begun > _BELIEVED_SECONDS:
                # Whoever lets us wait for the body must not keep a key alive that is revoked meanwhile.
                caller = (await self._authenticate(headers, scope["path_params"])).caller
        arguments |= self._parameters.read(scope["path_params"], scope["query_string"], scope["headers"])
        if self._body.expected and not self._json_rpc:
            arguments["body"] = self._body.parse(raw)
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
            refuse_repeated(scope["headers"])
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
        if self._body.most > MAX_BODY and (caller is None or self._forbids(caller)):
            return MAX_BODY
        return self._body.most

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
