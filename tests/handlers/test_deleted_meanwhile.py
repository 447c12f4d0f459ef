"""Whoever is deleted, or loses their key, while their request is under way gets nothing done by it."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from support.service import Service

LONG_ENOUGH = 0.6  # to be asked again who they are


@pytest.fixture
def operator(service: Service) -> httpx.Client:
    return service.client()


def new_account(operator: httpx.Client) -> tuple[str, str]:
    """An account and its key."""
    made = operator.post("/accounts", json={"name": "Short-lived"}).json()
    return made["accountId"], made["key"]


@contextmanager
def half_sent(service: Service, key: str, target: str, body: dict[str, Any]) -> Iterator[Any]:
    """A request whose body stays open until the returned function is called, which gives the status of its answer."""
    encoded = json.dumps(body).encode()
    head = (
        f"POST {target} HTTP/1.1\r\nhost: 127.0.0.1:{service.port}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\nconnection: close\r\ncontent-length: {len(encoded)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(head.encode() + encoded[:1])
        time.sleep(LONG_ENOUGH)

        def finish() -> int:
            connection.sendall(encoded[1:])
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
            return int(answer.split()[1])

        yield finish


SLOW = [
    ("/api/servers", {"name": "Of nobody"}),
    ("/keys", {"scopes": ["manage", "use"]}),
    ("/users", {"username": "of-nobody"}),
]


@pytest.mark.parametrize(("target", "body"), SLOW, ids=[target for target, _ in SLOW])
def test_a_deleted_account_does_not_come_back(
    service: Service, operator: httpx.Client, target: str, body: dict[str, Any]
) -> None:
    account, key = new_account(operator)
    with half_sent(service, key, target, body) as finish:
        assert operator.delete(f"/accounts/{account}").status_code == 200
        assert finish() == 401
    listed = operator.get("/accounts", params={"limit": 1000}).json()["accounts"]
    assert account not in [item["accountId"] for item in listed]


def test_a_revoked_key_does_nothing_any_more(service: Service, operator: httpx.Client) -> None:
    made = operator.post("/keys", json={"scopes": ["use", "manage"]}).json()
    with half_sent(service, made["key"], "/api/servers", {"name": "Too late"}) as finish:
        assert operator.delete(f"/keys/{made['keyId']}").status_code == 200
        assert finish() == 401
    assert operator.get("/api/servers", params={"limit": 1000}).text.count("Too late") == 0
