"""SIGTERM under load: what was heard is answered, what was answered is kept, and the end comes when it was promised."""

import json
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest
from writers import names_there, writing

from gateway.settings import Settings
from support.listening import Wire, meta
from support.service import Service, serving
from support.silent import Silent, silence
from support.upstream import running

DOCKER_KILLS_AFTER = 10.0


class Calls:
    """MCP calls of one action, each in a thread; what they were answered, and after how long."""

    def __init__(self, service: Service, url: str, connector: str, action: str, number: int) -> None:
        self.answers: list[tuple[float, dict[str, Any]]] = []
        arguments = {"connectorId": connector, "actionId": action, "parameters": {}}
        params = {"name": "execute_action_alloy", "arguments": arguments}
        self._message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        self._url = url
        self._threads = [threading.Thread(target=self._call) for _ in range(number)]
        for thread in self._threads:
            thread.start()

    def _call(self) -> None:
        begun = time.monotonic()
        answer = httpx.post(self._url, json=self._message, timeout=60, trust_env=False)
        self.answers.append((time.monotonic() - begun, answer.json()))

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


@contextmanager
def silent_service(folder: Path, **settings: str) -> Iterator[tuple[Service, Silent, str]]:
    """A service with a connector whose platform never answers, and the token URL of a server."""
    with silence() as platform, serving(folder, **settings) as service:
        client = service.client()
        made = client.post("/connectors", json={"id": "silent", "document": platform.document()})
        assert made.status_code == 201, made.text
        yield service, platform, client.post("/api/servers", json={"name": "s"}).json()["accessUrl"]


def stopped(service: Service, number: int = signal.SIGTERM) -> float:
    """Send the signal, and say how long it took to the end."""
    begun = time.monotonic()
    service.process.send_signal(number)
    assert service.process.wait(30) == 0, service.log()
    return time.monotonic() - begun


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_what_was_heard_is_answered(tmp_path: Path, http: str, figures: Callable[[str], None]) -> None:
    with running() as platform, serving(tmp_path, TOOLGATE_HTTP=http) as service:
        client = service.client()
        document = platform.document()
        del document["security"], document["components"]
        assert client.post("/connectors", json={"id": "tasks", "document": document}).status_code == 201
        url = client.post("/api/servers", json={"name": "s"}).json()["accessUrl"]
        with writing(service, writers=8, pause=0) as writers:
            # The platform takes five seconds.
            calls = Calls(service, url, "tasks", "slow", 4)
            time.sleep(1)
            seconds = stopped(service)
            calls.join()
        assert seconds < DOCKER_KILLS_AFTER
        assert len(calls.answers) == 4
        for _, answer in calls.answers:
            assert "isError" not in answer["result"] or answer["result"]["isError"] is False
    statuses = writers.statuses()
    # 0: the connection was closed or refused before the request was read.
    assert set(statuses) <= {201, 0}
    with serving(tmp_path) as service:
        there = names_there(service) - {"s"}
    # Not one more, either: whatever was done was answered.
    assert there == writers.made()
    figures(
        f"SIGTERM under load of 8 writing clients: {statuses[201]} writes answered and kept, 0 lost, 0 kept "
        f"without an answer; 4 of 4 calls under way (5 s each) finished; exit status 0 after {seconds:.1f} s"
    )


def test_what_cannot_end_in_time_is_told(tmp_path: Path, figures: Callable[[str], None]) -> None:
    with silent_service(tmp_path) as (service, platform, url):
        calls = Calls(service, url, "silent", "wait", 3)
        assert platform.waits_for(came=3)
        # A request whose body never comes.
        half = HTTPConnection("127.0.0.1", service.port, timeout=30)
        half.putrequest("POST", "/api/servers")
        for name, value in (("Authorization", f"Bearer {service.key}"), ("Content-Type", "application/json")):
            half.putheader(name, value)
        half.putheader("Content-Length", "100")
        half.endheaders(b"{")
        listen = {"jsonrpc": "2.0", "id": 7, "method": "subscriptions/listen"}
        listen["params"] = {"_meta": meta(), "notifications": {"toolsListChanged": True}}  # type: ignore[assignment]
        with Wire(service, url, listen, timeout=30) as wire:
            assert wire.event()["method"] == "notifications/subscriptions/acknowledged"
            seconds = stopped(service)
            (last,) = wire.events()
        assert (last["id"], last["result"]["resultType"]) == (7, "complete")
        refused = half.getresponse()
        error = json.loads(refused.read())["error"]
        half.close()
        assert (refused.status, error["code"], error["message"]) == (503, "UNAVAILABLE", "The service is stopping")
        calls.join()
        texts = [json.dumps(answer) for _, answer in calls.answers]
        assert len(texts) == 3
        assert all("the service is stopping" in text for text in texts), texts
        with closing(sqlite3.connect(service.data_dir / "toolgate.db")) as connection:
            rows = connection.execute("SELECT outcome FROM audit WHERE event = 'action.execute'").fetchall()
        assert rows == [("UNAVAILABLE",)] * 3
    assert Settings(data_dir=tmp_path).shutdown_seconds <= seconds < DOCKER_KILLS_AFTER
    figures(
        f"SIGTERM with 3 calls that never end, a body that never comes and a stream: calls and body answered 503, the "
        f"stream ended with its last message, the calls on record; exit status 0 after {seconds:.1f} s"
    )


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_hurries(tmp_path: Path, second: signal.Signals, figures: Callable[[str], None]) -> None:
    with silent_service(tmp_path, TOOLGATE_SHUTDOWN_SECONDS="60") as (service, platform, url):
        calls = Calls(service, url, "silent", "wait", 2)
        assert platform.waits_for(came=2)
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert service.process.poll() is None
        seconds = stopped(service, second)
        calls.join()
        assert seconds < 6
        with closing(sqlite3.connect(service.data_dir / "toolgate.db")) as connection:
            rows = connection.execute("SELECT outcome FROM audit WHERE event = 'action.execute'").fetchall()
    assert all("the service is stopping" in json.dumps(answer) for _, answer in calls.answers), calls.answers
    assert rows == [("UNAVAILABLE",)] * 2
    figures(f"a second {second.name} after SIGTERM, of 60 s of grace: calls answered 503, end after {seconds:.1f} s")


def test_nothing_new_is_accepted(tmp_path: Path) -> None:
    with silent_service(tmp_path, TOOLGATE_SHUTDOWN_SECONDS="4") as (service, platform, url):
        idle = socket.create_connection(("127.0.0.1", service.port), timeout=5)
        calls = Calls(service, url, "silent", "wait", 1)
        assert platform.waits_for(came=1)
        service.process.send_signal(signal.SIGTERM)
        # Idle connections are closed, and there are no new ones, while the call goes on.
        assert idle.recv(1) == b""
        idle.close()
        time.sleep(0.3)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", service.port), timeout=5)
        assert service.process.poll() is None
        calls.join()
        assert service.process.wait(10) == 0
