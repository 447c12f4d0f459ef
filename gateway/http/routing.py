"""Routes from the spec: one dictionary for literal paths, one regular expression per templated path.

A templated path is looked for among those that have as many segments and the same first one.

Replaces Connexion's RoutingMiddleware, which answers 405 with the wrong `Allow` (each of its operations is a route of
its own), redirects a trailing slash with an undocumented 307, and adds HEAD to every GET.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from connexion.http_facts import METHODS
from connexion.middleware.abstract import ROUTING_CONTEXT, SpecMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import Forbidden, MethodNotAllowed, NotFound
from gateway.http.cors import ANY, Cors
from gateway.http.doors import Doors
from gateway.http.headers import answer_headers, request_headers

# Methods of one path, the value of its Allow header, and whether pages of every origin may read it.
_Found = tuple[dict[str, dict[str, str]], str, bool]

# For what is said to everybody, whatever TOOLGATE_CORS_ORIGINS says.
_FOR_ALL = Cors([ANY])


class FastRouting(SpecMiddleware):  # type: ignore[misc]  # Connexion has no type information
    """Puts `path_params` and Connexion's routing context into the scope, and answers preflights where CORS is on.

    Raises NotFound for an unknown path and MethodNotAllowed for an unknown method of a known one.
    """

    def __init__(self, app: ASGIApp, *, cors: Cors, doors: Doors) -> None:
        self.app = app
        self._cors = cors
        self._doors = doors
        self._literal: dict[str, _Found] = {}
        self._templated: dict[tuple[str, int], list[tuple[re.Pattern[str], _Found]]] = {}

    def add_api(self, specification: Any, base_path: str | None = None, **_: Any) -> None:
        base = specification.base_path if base_path is None else base_path
        for path, item in specification["paths"].items():
            operations = {
                method.upper(): {"api_base_path": base, "operation_id": item[method]["operationId"]}
                for method in item
                if method in METHODS
            }
            found = (operations, ", ".join(sorted(operations)), item.get("x-cors") == ANY)
            if "{" in path:
                if "{" in _shape(base + path)[0]:
                    raise ValueError(f"{path}: the first segment of a path must not be a template")
                self._templated.setdefault(_shape(base + path), []).append((_pattern(base + path), found))
            else:
                self._literal[base + path] = found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        (operations, allow, for_all), scope["path_params"] = self._find(scope)
        cors = self._cors
        if for_all:
            cors = _FOR_ALL
            carried = answer_headers(scope)
            carried[:] = [header for header in carried if not header[0].startswith(b"access-control-")]
            carried += cors.answer(request_headers(scope).get(b"origin"))
        context = operations.get(scope["method"])
        if context is None:
            if scope["method"] == "OPTIONS" and cors.is_preflight(request_headers(scope)):
                await self._preflight(request_headers(scope), allow, send, for_all=for_all)
                return
            raise MethodNotAllowed(scope["method"], allow)
        scope.setdefault("extensions", {})[ROUTING_CONTEXT] = context
        await self.app(scope, receive, send)

    async def _preflight(self, headers: Mapping[bytes, bytes], allow: str, send: Send, *, for_all: bool) -> None:
        refusal = self._doors.refusal(headers.get(b"host"), headers[b"origin"])
        if refusal is not None and not for_all:
            raise Forbidden(refusal)
        await send({"type": "http.response.start", "status": 204, "headers": self._cors.preflight(headers, allow)})
        await send({"type": "http.response.body", "body": b""})

    def _find(self, scope: Scope) -> tuple[_Found, dict[str, str]]:
        path: str = scope["path"]
        literal = self._literal.get(path)
        if literal is not None:
            return literal, {}
        # A slash that came percent-encoded is part of an id (RFC 3986, section 2.2), and parts no segments.
        encoded = b"%2f" in scope["raw_path"].lower()
        if encoded:
            path = scope["raw_path"].decode("ascii", "replace")
        for pattern, found in self._templated.get(_shape(path), ()):
            if match := pattern.fullmatch(path):
                values = match.groupdict()
                return found, {name: unquote(value) for name, value in values.items()} if encoded else values
        raise NotFound("There is nothing at this path")


def _shape(path: str) -> tuple[str, int]:
    """The first segment, which is never a template, and the number of segments."""
    slashes = path.count("/")
    return path.split("/", 2)[1] if slashes else path, slashes


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]+\})", path)
    return re.compile("".join(f"(?P<{part[1:-1]}>[^/]+)" if part[:1] == "{" else re.escape(part) for part in parts))
