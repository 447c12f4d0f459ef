"""Codes that every operation can answer with, and that are nobody's own."""

import socket
from pathlib import Path

import httpx
import pytest

from support.service import Service, serving


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/api/servers"), ("POST", "/health/live"), ("GET", "/mcp/a/b")])
def test_a_method_that_a_path_does_not_have(service: Service, method: str, path: str) -> None:
    answer = service.client().request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.json()["error"]["details"]["allow"] == answer.headers["allow"].split(", ")


def test_a_body_that_is_not_json(service: Service) -> None:
    answer = service.client().post("/api/servers", content=b"name=x", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_more_requests_at_once_than_are_taken(tmp_path: Path) -> None:
    with serving(tmp_path, TOOLGATE_MAX_CONCURRENCY="1") as running, socket.socket() as slow:
        slow.connect(("127.0.0.1", running.port))
        head = (
            f"POST /api/servers HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\nAuthorization: Bearer {running.key}\r\n"
            "Content-Type: application/json\r\nContent-Length: 12\r\n\r\n"
        )
        slow.sendall(head.encode())
        answer = until_busy(running.client())
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "UNAVAILABLE")
        slow.sendall(b'{"name":"x"}')
        assert slow.recv(65536).startswith(b"HTTP/1.1 201")
        assert running.client().get("/api/servers").status_code == 200


def until_busy(client: httpx.Client) -> httpx.Response:
    """Ask until the slow request has been taken up; the kernel does not say when."""
    for _ in range(200):
        answer = client.get("/health/live")
        if answer.status_code != 200:
            break
    return answer
