"""Clients that are slow on purpose, or come in crowds: each is ended in time, and nobody else feels it."""

import contextlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from support.raw import exchange
from support.service import Service, free_port, serving

HEAD = b"GET /api/servers HTTP/1.1\r\nhost: localhost\r\n"
# The bounds are seconds to minutes: here they are shorter, and kept by the same code.
BOUNDS = {"HEAD_SECONDS": 2, "BODY_SECONDS": 3, "STUCK_SECONDS": 4, "ANSWER_SECONDS": 12}
SLACK = 6


def hasty(command: list[str]) -> list[str]:
    """The same service with shorter bounds."""
    shorter = "; ".join(f"sweeping.{name} = {seconds}" for name, seconds in BOUNDS.items())
    at = command.index("-c") + 1
    start = f"from gateway.http import sweeping; {shorter}; {command[at]}"
    return [*command[:at], start, *command[at + 1 :]]


@pytest.fixture(scope="module", params=["httptools", "h11"])
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp(request.param)
    with serving(folder, launch=hasty, TOOLGATE_HTTP=request.param, TOOLGATE_MAX_CONNECTIONS="40") as running:
        yield running


def lasts(service: Service, first: bytes, drip: bytes = b"", then: bytes = b"") -> float:
    """How many seconds the service keeps a connection that sends `first` and then `drip` every half second."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=0.5) as connection:
        connection.sendall(first)
        if then:
            # An answer first, and then the rest on the same connection.
            assert connection.recv(65536).startswith(b"HTTP/1.1 ")
            connection.sendall(then)
        begun = time.monotonic()
        while time.monotonic() - begun < 40:
            try:
                if drip:
                    connection.sendall(drip)
                if not connection.recv(65536):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        return time.monotonic() - begun


KEY = b"authorization: Bearer test-key-0123456789abcdef\r\ncontent-type: application/json\r\n"
POST = b"POST /api/servers HTTP/1.1\r\nhost: localhost\r\n" + KEY
ALIVE = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"

SLOW = {
    "nothing at all": (b"", b"", b"", "HEAD_SECONDS"),
    "half a request line": (b"GET /api", b"", b"", "HEAD_SECONDS"),
    "a header a moment": (HEAD, b"x: y\r\n", b"", "HEAD_SECONDS"),
    "empty lines": (b"\r\n", b"\r\n", b"", "HEAD_SECONDS"),
    "a second request that is slow": (ALIVE, b"x: y\r\n", HEAD, "HEAD_SECONDS"),
    "empty lines after an answer": (ALIVE, b"\r\n", b"\r\n", "HEAD_SECONDS"),
    "no body": (POST + b"content-length: 10\r\n\r\n", b"", b"", "BODY_SECONDS"),
    "a byte of the body a moment": (POST + b"content-length: 900\r\n\r\n", b" ", b"", "BODY_SECONDS"),
    "chunks without end": (POST + b"transfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n", b"", "BODY_SECONDS"),
    "a body after its answer": (
        POST.replace(b"test-key", b"wrong-key") + b"content-length: 900\r\n\r\n",
        b" ",
        b" ",
        "HEAD_SECONDS",
    ),
}


def test_slow_senders_are_ended(guarded: Service) -> None:
    with ThreadPoolExecutor(len(SLOW)) as pool:
        found = {name: pool.submit(lasts, guarded, first, drip, then) for name, (first, drip, then, _) in SLOW.items()}
        # Meanwhile others are served.
        for _ in range(10):
            assert httpx.get(f"{guarded.url}/health/live").status_code == 200
    for name, (*_, bound) in SLOW.items():
        seconds = found[name].result()
        print(f"{name}: ended after {seconds:.1f} s, of {BOUNDS[bound]}")
        assert seconds < BOUNDS[bound] + SLACK, name
        # h11 takes empty lines for what they are, and answers 400 at once.
        assert seconds > BOUNDS[bound] - 1 or name.startswith("empty lines"), name


def test_the_connections_are_bounded(guarded: Service) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(socket.create_connection(("127.0.0.1", guarded.port)))
        time.sleep(0.5)
        refused = exchange(guarded, ALIVE)
        assert (refused.status, refused.code) == (503, "UNAVAILABLE")
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["x-content-type-options"] == "nosniff"
        assert refused.headers["x-request-id"]
        # Who holds them and says nothing loses them.
        end = time.monotonic() + BOUNDS["HEAD_SECONDS"] + SLACK
        while (answer := exchange(guarded, ALIVE)).status == 503 and time.monotonic() < end:
            time.sleep(0.2)
        assert answer.status == 200


def unread(service: Service, drip: int) -> float:
    """How many seconds a reader lasts that takes `drip` bytes every half second of answers of several megabytes."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", service.port))
        connection.settimeout(0.5)
        connection.sendall(b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: localhost\r\n\r\n" * 8)
        begun = time.monotonic()
        while time.monotonic() - begun < 40:
            time.sleep(0.5)
            try:
                if drip and not connection.recv(drip):
                    break
                # The service's end of it is gone when it no longer takes anything.
                connection.sendall(b"\r\n")
            except TimeoutError:
                continue
            except OSError:
                break
        return time.monotonic() - begun


def test_readers_that_do_not_read_are_ended(guarded: Service) -> None:
    with ThreadPoolExecutor(2) as pool:
        nothing, little = pool.submit(unread, guarded, 0), pool.submit(unread, guarded, 8_192)
        for _ in range(5):
            assert httpx.get(f"{guarded.url}/openapi.json").status_code == 200
    print(f"took nothing: {nothing.result():.1f} s; took little: {little.result():.1f} s")
    assert nothing.result() < BOUNDS["STUCK_SECONDS"] + SLACK
    assert little.result() < BOUNDS["ANSWER_SECONDS"] + SLACK


def test_who_takes_their_time_within_bounds_is_served(guarded: Service) -> None:
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=10) as connection:
        body = b'{"name":"taken in pieces"}'
        for piece in (POST, b"content-length: %d\r\n\r\n" % len(body), body[:5], body[5:]):
            connection.sendall(piece)
            time.sleep(0.4)
        assert connection.recv(65536).startswith((b"HTTP/1.1 201 ", b"HTTP/1.1 409 "))
        # Kept for the next one, which comes at once.
        connection.sendall(ALIVE)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_requests_at_once_are_bounded(tmp_path: Path) -> None:
    with serving(tmp_path, TOOLGATE_MAX_CONCURRENCY="3") as running, contextlib.ExitStack() as stack:
        for _ in range(3):
            waiting = stack.enter_context(socket.create_connection(("127.0.0.1", running.port)))
            waiting.sendall(POST + b"content-length: 10\r\n\r\n")
        time.sleep(1)
        refused = exchange(running, HEAD + KEY + b"\r\n")
        assert (refused.status, refused.code, refused.headers["retry-after"]) == (503, "UNAVAILABLE", "1")
        stack.close()
        time.sleep(1)
        assert exchange(running, HEAD + KEY + b"\r\n").status == 200


def test_who_leaves_before_the_body_has_done_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, port=free_port(), TOOLGATE_ACCESS_LOG="on") as running:
        client = running.client()
        made = client.post("/api/servers", json={"name": "left alone"}).json()
        # Its body may be left out, and an empty one rotates the token.
        target = f"/api/servers/{made['serverId']}/token".encode()
        head = POST.replace(b"/api/servers", target) + b"content-length: 10\r\n\r\n"
        with socket.create_connection(("127.0.0.1", running.port)) as connection:
            connection.sendall(head)
            time.sleep(0.5)
        end = time.monotonic() + 10
        while f"POST {target.decode()} " not in running.log() and time.monotonic() < end:
            time.sleep(0.1)
        again = client.get(f"/api/servers/{made['serverId']}").json()
        assert again["accessUrl"] == made["accessUrl"]
