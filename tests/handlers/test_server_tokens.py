"""Rotation of a server's token over real HTTP, and bodies that may be left out."""

import time
from datetime import datetime
from typing import Any

import pytest

from support.owners import Owner, path, ping, refusal
from support.raw import request
from support.service import Service


@pytest.fixture(scope="module")
def owner(service: Service) -> Owner:
    return Owner(service)


@pytest.fixture
def server(owner: Owner) -> dict[str, Any]:
    return owner.create(f"server {time.monotonic_ns()}")


def seconds_from_now(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() - time.time()


def test_the_old_url_is_refused_and_the_new_one_works(owner: Owner, server: dict[str, Any]) -> None:
    assert ping(server).status_code == 200
    answer = owner.http.post(path(server, "token"))
    rotated = answer.json()
    assert (answer.status_code, set(rotated)) == (200, {"serverId", "url", "accessUrl", "accessToken"})
    assert rotated["accessToken"] != server["accessToken"]
    assert (rotated["serverId"], rotated["url"]) == (server["serverId"], server["url"])
    assert rotated["accessUrl"] == f"{server['url']}/{rotated['accessToken']}"
    assert ping(server).status_code == 401
    assert ping(rotated).status_code == 200
    now = owner.http.get(path(server)).json()
    assert now["accessUrl"] == rotated["accessUrl"]
    assert {**server, "accessUrl": now["accessUrl"], "updatedAt": now["updatedAt"]} == {
        **now,
        "accessToken": server["accessToken"],
    }
    again = owner.http.post(path(server, "token")).json()
    assert (ping(rotated).status_code, ping(again).status_code) == (401, 200)


def test_the_expiry_is_set_kept_and_taken_away(owner: Owner) -> None:
    server = owner.create("expiring", tokenExpiresInDays=2)
    kept = owner.http.post(path(server, "token"), json={}).json()
    assert 86_400 < seconds_from_now(kept["tokenExpiresAt"]) <= 2 * 86_400
    longer = owner.http.post(path(server, "token"), json={"tokenExpiresInDays": 90}).json()
    assert 89 * 86_400 < seconds_from_now(longer["tokenExpiresAt"]) <= 90 * 86_400
    never = owner.http.post(path(server, "token"), json={"tokenExpiresInDays": None}).json()
    assert "tokenExpiresAt" not in never
    assert "tokenExpiresAt" not in owner.http.post(path(server, "token")).json()


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({"tokenExpiresInDays": 0}, "tokenExpiresInDays", "minimum"),
        ({"tokenExpiresInDays": 366}, "tokenExpiresInDays", "maximum"),
        ({"tokenExpiresInDays": 1.5}, "tokenExpiresInDays", "type"),
        ({"tokenExpiresInDays": "90"}, "tokenExpiresInDays", "type"),
        ({"days": 1}, "days", "additionalProperties"),
        ([], "body", "type"),
        (None, "body", "type"),
    ],
)
def test_a_bad_body_rotates_nothing(owner: Owner, server: dict[str, Any], body: Any, field: str, rule: str) -> None:
    headers = {"content-type": "application/json"}
    answer = owner.http.post(
        path(server, "token"), content=b"null" if body is None else None, json=body, headers=headers
    )
    assert refusal(answer) == (400, "INVALID_REQUEST", (field, rule))
    assert ping(server).status_code == 200


def test_who_may_not(service: Service, owner: Owner, server: dict[str, Any]) -> None:
    assert refusal(service.client().post(path(server, "token")))[:2] == (404, "NOT_FOUND")
    assert service.client(Authorization="").post(path(server, "token")).status_code == 401
    key = service.run("keys", "create", "--user", owner.user, "--scope", "use").stdout.strip()
    assert service.client(Authorization=f"Bearer {key}").post(path(server, "token")).status_code == 403
    assert owner.http.post("/api/servers/no-such-server/token").status_code == 404
    assert ping(server).status_code == 200


BODIES: dict[str, tuple[bytes | None, bytes | None, tuple[bytes, ...], int]] = {
    "nothing at all": (None, None, (), 200),
    "an empty body": (b"", None, (), 200),
    "an empty body that is JSON": (b"", b"application/json", (), 200),
    "chunks of nothing": (b"0\r\n\r\n", None, (b"transfer-encoding: chunked",), 200),
    "a body without a type": (b"{}", None, (), 415),
    "chunks without a type": (b"2\r\n{}\r\n0\r\n\r\n", None, (b"transfer-encoding: chunked",), 415),
    "nothing, but of another type": (b"", b"text/plain", (), 415),
    "a body": (b'{"tokenExpiresInDays":1}', b"application/json", (), 200),
    "no JSON": (b"{", b"application/json", (), 400),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_not_required(service: Service, name: str) -> None:
    body, content_type, headers, status = BODIES[name]
    server = service.client().post("/api/servers", json={"name": f"bodies {time.monotonic_ns()}"}).json()
    target = path(server, "token").encode()
    assert request(service, b"POST", target, body, headers, content_type=content_type).status == status
    # Before a word is said about the body, the caller is known.
    assert request(service, b"POST", target, body, headers, content_type=content_type, auth=None).status == 401


def test_a_required_body_is_still_required(service: Service) -> None:
    answer = request(service, b"POST", b"/api/servers", b"")
    assert (answer.status, answer.json()["error"]["details"]) == (400, {"field": "body", "rule": "required"})
    assert request(service, b"POST", b"/api/servers").status == 415
