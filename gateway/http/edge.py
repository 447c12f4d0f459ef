"""The outermost layer: how many requests at once, what every answer carries, and what an exception becomes."""

import asyncio
import logging
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access.tokens import redact
from gateway.errors import Unavailable
from gateway.http import request_id
from gateway.http.cors import Cors
from gateway.http.errors import send_error, to_toolgate_error
from gateway.http.headers import ANSWER, EVERY_ANSWER, HTTPS_ONLY, REQUEST, Header, by_name
from gateway.redacting import without_secrets

access_log = logging.getLogger("toolgate.access")

# The shortest API key has as many characters, and every other secret has more.
_SHORTEST_SECRET = 16
_LONG_SEGMENT = re.compile(rf"[^/]{{{_SHORTEST_SECRET},}}")
# A platform's failures, to which the path was in order.
_OF_PLATFORMS = (502, 504)


class Edge:
    """Replaces Connexion's ServerErrorMiddleware and ExceptionMiddleware (problem+json, a thread per error)."""

    def __init__(
        self, app: ASGIApp, *, max_concurrency: int, log_requests: bool, cors: Cors, https: bool = False
    ) -> None:
        self.app = app
        self._every = (*EVERY_ANSWER, HTTPS_ONLY) if https else EVERY_ANSWER
        self._free = max_concurrency
        self._log_requests = log_requests
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        headers = by_name(scope["headers"])
        name = request_id.request_id(headers.get(b"x-request-id"))
        request_id.current.set(name)
        carried: list[Header] = [*self._every, (b"x-request-id", name)]
        if self._cors.enabled:
            carried += self._cors.answer(headers.get(b"origin"))
        scope[REQUEST] = headers
        scope[ANSWER] = carried
        status = 0

        async def carry(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *carried]
            await send(message)

        try:
            if self._free <= 0:
                await send_error(Unavailable("Too many requests at once; try again"), carry)
                return
            self._free -= 1
            try:
                await self.app(scope, receive, carry)
            except Exception as error:
                answer = to_toolgate_error(error)
                if status:
                    raise
                await send_error(answer, carry)
            except asyncio.CancelledError:
                # The service stops, and has waited for this request as long as it may.
                if status:
                    raise
                await send_error(Unavailable("The service is stopping"), carry)
            finally:
                self._free += 1
        finally:
            if self._log_requests:
                spent = (time.perf_counter() - begun) * 1000
                # 499, as nginx has it: the client went before it was answered.
                path = _logged(scope["raw_path"], status or 499)
                access_log.info("%s %s %d %.1fms", scope["method"], path, status or 499, spent)


def _logged(raw_path: bytes, status: int) -> str:
    """The path as the log may have it: no token, and of a path that was refused nothing that could be a secret.

    Whoever pastes a key or a token in a wrong place is answered 404, or 401, and what they pasted is still good.
    """
    # Escaped: a log line must not be forged by a path with a line break in it.
    path = redact(without_secrets(raw_path.decode("ascii", "backslashreplace")))
    if status < 400 or status in _OF_PLATFORMS:
        return path
    return _LONG_SEGMENT.sub(lambda found: f"[{len(found[0])} characters]", path)
