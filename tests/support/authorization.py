"""An authorization server for tests (RFC 6749, 7591, 7636, 8414, 8707): whoever comes is signed in as `jane`."""

import base64
import contextlib
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from support.issuer import Issuer


@dataclass
class AuthorizationServer(Issuer):
    """`gives` is the scope that tokens get; None: what was asked for. `asked` has the queries of the authorizations."""

    gives: str | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "registration_endpoint": f"{self.url}/register",
            "jwks_uri": self.jwks_url,
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent: back, with a code."""
        assert query["code_challenge_method"] == "S256"
        self.asked.append(query)
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def redeem(self, form: dict[str, str]) -> tuple[int, Any]:
        query = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if query is None or query["code_challenge"] != challenge or form["redirect_uri"] != query["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        scope = self.gives if self.gives is not None else query.get("scope", "")
        token = self.token("jane", aud=form["resource"], scope=scope)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": scope}


@contextlib.contextmanager
def authorizing() -> Iterator[AuthorizationServer]:
    served = AuthorizationServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            served.paths.append(parts.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            match parts.path:
                case "/.well-known/oauth-authorization-server":
                    self.reply(200, served.metadata())
                case "/jwks.json":
                    self.reply(200, json.loads(served.jwks()))
                case "/authorize":
                    self.reply(302, {}, location=served.authorize(query))
                case _:
                    self.reply(404, {})

        def do_POST(self) -> None:
            served.paths.append(self.path)
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            if self.path == "/register":
                self.reply(201, {**json.loads(body), "client_id": secrets.token_hex(8)})
            else:
                self.reply(*served.redeem({name: values[0] for name, values in parse_qs(body).items()}))

        def reply(self, status: int, body: Any, **headers: str) -> None:
            encoded = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(encoded)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
