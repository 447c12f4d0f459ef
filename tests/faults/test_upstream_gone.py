"""A platform fails in every way there is: bounded, told apart, kept from the others, and over when it is over."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from support.service import Service, free_port, serving
from support.silent import silence
from support.upstream import running

BREAKER_SECONDS = 15.0
LIMIT_SECONDS = 2


def reset(connection: socket.socket) -> None:
    """Break off with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextmanager
def breaking_off(port: int) -> Iterator[None]:
    """A platform that resets its connections in the middle of each answer."""
    listener = socket.create_server(("127.0.0.1", port))
    done = threading.Event()

    def serve() -> None:
        while not done.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{")
                time.sleep(0.02)
                reset(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        done.set()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            pass
        listener.close()
        thread.join()


class Caller:
    """Calls one connector's action through the API, with a credential."""

    def __init__(self, service: Service, connector: str, document: dict[str, object]) -> None:
        self.http = service.client()
        made = self.http.post("/connectors", json={"id": connector, "document": document})
        assert made.status_code == 201, made.text
        body = {"userId": "me", "authenticationType": "bearer", "data": {"token": "t"}}
        credential = self.http.post(f"/connectors/{connector}/credentials", json=body).json()["credentialId"]
        self.path = f"/connectors/{connector}/actions/listTasks/execute"
        self.body = {"credentialId": credential, "timeout": LIMIT_SECONDS * 1000}

    def call(self) -> tuple[httpx.Response, float]:
        begun = time.monotonic()
        answer = self.http.post(self.path, json=self.body)
        return answer, time.monotonic() - begun


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serving(tmp_path) as started:
        yield started


@pytest.mark.parametrize("fault", ["refused", "reset"])
def test_refused_or_broken_off_and_back(service: Service, fault: str, figures: Callable[[str], None]) -> None:
    with running() as good:
        port = free_port()
        document = {**good.document(), "servers": [{"url": f"http://127.0.0.1:{port}"}]}
        broken, other = Caller(service, "broken", document), Caller(service, "other", good.document())
        gone = breaking_off(port) if fault == "reset" else contextlib.nullcontext()
        codes: list[str] = []
        spent: list[float] = []
        with gone:
            while "UNAVAILABLE" not in codes:
                answer, seconds = broken.call()
                error = answer.json()["error"]
                assert (answer.status_code, error["code"]) in ((502, "UPSTREAM_ERROR"), (503, "UNAVAILABLE"))
                assert "127.0.0.1" in error["message"]
                codes.append(error["code"])
                spent.append(seconds)
                assert len(codes) < 30
                answer, _ = other.call()
                # Only that host is held back, though it is the same address.
                assert answer.status_code == 200
            held, held_seconds = broken.call()
            assert held.status_code == 503
            assert held_seconds < 2
            assert 1 <= int(held.headers["retry-after"]) <= BREAKER_SECONDS
        with healed_at(port):
            begun = time.monotonic()
            while (answer := broken.call()[0]).status_code != 200:
                assert answer.status_code == 503
                assert time.monotonic() - begun < BREAKER_SECONDS + 5
                time.sleep(0.25)
            back = time.monotonic() - begun
            assert [broken.call()[0].status_code for _ in range(3)] == [200] * 3
    figures(
        f"{fault}: {len(codes) - 1} calls answered 502 within {max(spent):.1f} s each, then held back at once with 503 "
        f"and Retry-After; the other connector never failed; calls again {back:.1f} s after the platform was back"
    )


@contextmanager
def healed_at(port: int) -> Iterator[None]:
    """A good platform on this very port."""
    with running(port):
        yield


def test_a_black_hole(service: Service, figures: Callable[[str], None]) -> None:
    with silence() as hole, running() as good:
        document = {**good.document(), "servers": [{"url": hole.url}]}
        stuck, other = Caller(service, "stuck", document), Caller(service, "other", good.document())
        results: list[tuple[httpx.Response, float]] = []
        threads = [threading.Thread(target=lambda: results.append(stuck.call())) for _ in range(8)]
        for thread in threads:
            thread.start()
        others = [other.call() for _ in range(20)]
        for thread in threads:
            thread.join()
        assert {(answer.status_code, answer.json()["error"]["code"]) for answer, _ in results} == {
            (504, "UPSTREAM_TIMEOUT")
        }
        longest = max(seconds for _, seconds in results)
        assert LIMIT_SECONDS * 0.9 < longest < LIMIT_SECONDS + 4
        assert {answer.status_code for answer, _ in others} == {200}
        # Nothing is left open towards it.
        assert hole.waits_for(open_=0, seconds=5)
    figures(
        f"black hole: 8 calls with a limit of {LIMIT_SECONDS} s answered 504, the longest after {longest:.1f} s, and "
        f"their connections closed; 20 calls of another connector meanwhile, the slowest in "
        f"{max(seconds for _, seconds in others) * 1000:.0f} ms"
    )


def test_a_name_that_is_gone(service: Service, figures: Callable[[str], None]) -> None:
    with running() as good:
        document = {**good.document(), "servers": [{"url": "http://nowhere.invalid"}]}
        lost, other = Caller(service, "lost", document), Caller(service, "other", good.document())
        results = [lost.call() for _ in range(3)]
        assert other.call()[0].status_code == 200
    longest = max(seconds for _, seconds in results)
    for answer, _ in results:
        error = answer.json()["error"]
        # A resolver that does not answer at all takes the time that the call has.
        assert (answer.status_code, error["code"]) in ((502, "UPSTREAM_ERROR"), (504, "UPSTREAM_TIMEOUT"))
        assert "nowhere.invalid" in error["message"]
    assert longest < LIMIT_SECONDS + 4
    figures(f"no such name: {results[0][0].status_code} within {longest:.1f} s")
