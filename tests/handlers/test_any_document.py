"""A platform with a Swagger 2.0 document of its own, from its address to the bytes that it gets and answers."""

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from support.jwts import token
from support.service import Service

TOKEN = "tok-1234567890"
OK = {"200": {"description": "ok"}}
FILE = b"\x89PNG\r\n\x1a\n" + bytes(20)


@dataclass
class Platform:
    """Answers by path, and keeps what it received: method, target, headers in lower case, body."""

    port: int = 0
    elsewhere: str = ""
    received: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, target: str) -> tuple[int, dict[str, str], bytes]:
        path = target.partition("?")[0]
        if path == "/docs/swagger.json":
            return 200, {}, json.dumps(DOCUMENT).encode()
        if path == "/api/list":
            return 200, {"Link": f'<{self.url}/api/list?page=2&size=2>; rel="next"'}, b'[{"id": 1}, {"id": 2}]'
        if path == "/api/file":
            return 302, {"Location": f"{self.elsewhere}/signed/a.png?X-Signature=abc%2Fd&e=1"}, b""
        if path == "/signed/a.png":
            return 200, {"Content-Type": "image/png"}, FILE
        return 200, {}, b'{"ok": true}'


def operation(name: str, *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"operationId": name, "summary": name, "parameters": list(parameters), "responses": OK, **more}


# Neither host nor schemes: both come with the address.
DOCUMENT = {
    "swagger": "2.0",
    "info": {"title": "Old", "version": "1"},
    "basePath": "/api",
    "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-Token"}},
    "security": [{"key": []}],
    "paths": {
        "/form": {
            "post": operation(
                "sendForm",
                {"name": "name", "in": "formData", "type": "string", "required": True},
                {"name": "ids", "in": "formData", "type": "array", "items": {"type": "integer"}},
            )
        },
        "/upload": {"post": operation("upload", {"name": "f", "in": "formData", "type": "file", "required": True})},
        "/contents/{path}": {
            "get": operation("read", {"name": "path", "in": "path", "type": "string", "required": True})
        },
        "/public": {"get": operation("status", security=[])},
        "/list": {
            "get": operation(
                "listThings",
                {"name": "page", "in": "query", "type": "integer"},
                {"name": "size", "in": "query", "type": "integer"},
            )
        },
        "/file": {"get": operation("download")},
    },
}


def serving(platform: Platform) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            platform.received.append((self.command, self.path, headers, body))
            status, more, answer = platform.answer(self.path)
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(answer)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = _any  # noqa: N815 (the names that http.server looks for)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    platform.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Platform]:
    platform = Platform()
    server = serving(platform)
    yield platform
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def platform(elsewhere: Platform) -> Iterator[Platform]:
    platform = Platform(elsewhere=elsewhere.url)
    server = serving(platform)
    yield platform
    server.shutdown()
    server.server_close()


@dataclass
class Use:
    """The platform's connector, as a client runs its actions."""

    client: httpx.Client
    connector: str
    credential: str

    def run(self, action: str, **body: Any) -> httpx.Response:
        return self.client.post(f"/connectors/{self.connector}/actions/{action}/execute", json=body)

    def done(self, action: str, **body: Any) -> dict[str, Any]:
        answer = self.run(action, credentialId=self.credential, **body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="module")
def use(service: Service, platform: Platform) -> Iterator[Use]:
    client, connector = service.client(), f"old-{uuid.uuid4().hex[:8]}"
    made = client.post("/connectors", json={"id": connector, "url": f"{platform.url}/docs/swagger.json"})
    assert made.status_code == 201, made.text
    assert made.json()["baseUrl"] == f"{platform.url}/api"
    assert made.json()["authenticationTypes"] == ["apiKey"]
    body = {"userId": "me", "authenticationType": "apiKey", "data": {"apiKey": TOKEN}}
    credential = client.post(f"/connectors/{connector}/credentials", json=body).json()["credentialId"]
    yield Use(client, connector, credential)
    client.delete(f"/connectors/{connector}")


def test_a_form(use: Use, platform: Platform) -> None:
    use.done("sendForm", requestBody={"name": "a b", "ids": [1, 2]})
    method, target, headers, body = platform.received[-1]
    assert (method, target, body) == ("POST", "/api/form", b"name=a+b&ids=1%2C2")
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["x-token"] == TOKEN


def test_a_file(use: Use, platform: Platform) -> None:
    use.done("upload", requestBody={"f": {"base64": "aGVsbG8=", "filename": "a.txt"}})
    *_, headers, body = platform.received[-1]
    assert headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'filename="a.txt"' in body
    assert b"\r\n\r\nhello\r\n" in body


def test_slashes_in_a_value(use: Use, platform: Platform) -> None:
    use.done("read", pathParams={"path": "a/b c.txt"})
    assert platform.received[-1][1] == "/api/contents/a%2Fb%20c.txt"
    assert use.run("read", credentialId=use.credential, pathParams={"path": "../x"}).status_code == 400


def test_what_needs_no_credential(use: Use, platform: Platform, service: Service) -> None:
    nobody = service.client(Authorization=f"Bearer {token(f'user-{uuid.uuid4().hex}')}")
    stranger = Use(nobody, use.connector, "0" * 24)
    stranger.done("status")
    assert "x-token" not in platform.received[-1][2]
    assert (
        stranger.run("listThings", credentialId=stranger.credential).json()["error"]["code"] == "CREDENTIAL_NOT_FOUND"
    )
    # Not even where there is one.
    use.done("status")
    assert "x-token" not in platform.received[-1][2]


def test_the_next_page(use: Use) -> None:
    found = use.done("listThings", queryParameters={"size": 2})
    assert found["responseData"] == [{"id": 1}, {"id": 2}]
    assert found["nextPage"]["parameters"] == {"page": 2}


def test_a_redirect_to_a_signed_address_goes_without_the_credential(
    use: Use, platform: Platform, elsewhere: Platform
) -> None:
    found = use.done("download")["responseData"]
    assert (found["contentType"], found["size"]) == ("image/png", len(FILE))
    assert platform.received[-1][2]["x-token"] == TOKEN
    _, target, headers, _ = elsewhere.received[-1]
    assert target == "/signed/a.png?X-Signature=abc%2Fd&e=1"
    assert "x-token" not in headers
    assert TOKEN not in str(headers)
