"""The outermost layer: how many requests at once, and what an exception becomes."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access.tokens import redact
from gateway.errors import Unavailable
from gateway.http.errors import send_error, to_toolgate_error

access_log = logging.getLogger("toolgate.access")


class Edge:
    """Replaces Connexion's ServerErrorMiddleware and ExceptionMiddleware (problem+json, a thread per error)."""

    def __init__(self, app: ASGIApp, *, max_concurrency: int, log_requests: bool) -> None:
        self.app = app
        self._free = max_concurrency
        self._log_requests = log_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self._log_requests:
            await self._logged(scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        if self._free <= 0:
            await send_error(Unavailable("Too many requests at once; try again"), send)
            return
        self._free -= 1
        try:
            await self.app(scope, receive, watch)
        except Exception as error:
            answer = to_toolgate_error(error)
            if started:
                raise
            await send_error(answer, send)
        finally:
            self._free += 1

    async def _logged(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._answer(scope, receive, watch)
        finally:
            # The path as it came, escaped: a log line must not be forged by a path with a line break in it.
            path = redact(scope["raw_path"].decode("ascii", "backslashreplace"))
            spent = (time.perf_counter() - begun) * 1000
            access_log.info("%s %s %d %.1fms", scope["method"], path, status, spent)
