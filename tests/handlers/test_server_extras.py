"""Servers found by name, paused and resumed, and why somebody may or may not, over real HTTP."""

import time
from typing import Any

import pytest

from gateway.access.policy import compile_policy, decide, why_allowed
from support.jwts import token
from support.owners import Owner, path, ping, refusal
from support.service import Service


@pytest.fixture(scope="module")
def owner(service: Service) -> Owner:
    return Owner(service)


@pytest.fixture
def server(owner: Owner) -> dict[str, Any]:
    return owner.create(f"server {time.monotonic_ns()}", isPublic=True)


@pytest.fixture(scope="module")
def named(service: Service) -> Owner:
    """An owner of servers whose names are known."""
    owner = Owner(service)
    for name in ("Straße one", "STRASSE TWO", "under_score", "underXscore", "日本語", "plain"):
        owner.create(name)
    return owner


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("strasse", ["Straße one", "STRASSE TWO"]),
        ("STRAẞE", ["Straße one", "STRASSE TWO"]),
        ("\uff4f\uff4e\uff45", ["Straße one"]),
        (" two", ["STRASSE TWO"]),
        ("_", ["under_score"]),
        ("r_s", ["under_score"]),
        ("本", ["日本語"]),
        ("%", []),
        ("\\", []),
        ("'", []),
        ("nothing", []),
    ],
)
def test_servers_are_found_by_a_part_of_their_name(named: Owner, part: str, found: list[str]) -> None:
    answer = named.http.get("/api/servers", params={"name": part}).json()
    assert [server["name"] for server in answer["servers"]] == found
    assert (answer["count"], answer["total"], answer["hasMore"]) == (len(found), len(found), False)


def test_what_is_found_is_paged(named: Owner) -> None:
    page = named.http.get("/api/servers", params={"name": "score", "limit": 1, "offset": 1}).json()
    assert [server["name"] for server in page["servers"]] == ["underXscore"]
    assert (page["total"], page["hasMore"]) == (2, False)
    assert named.http.get("/api/servers", params={"name": "score", "limit": 1}).json()["hasMore"] is True


@pytest.mark.parametrize(("part", "rule"), [("", "minLength"), ("x" * 101, "maxLength"), ("a\0", "pattern")])
def test_parts_of_names_that_cannot_be(named: Owner, part: str, rule: str) -> None:
    answer = named.http.get("/api/servers", params={"name": part})
    assert refusal(answer) == (400, "INVALID_REQUEST", ("name", rule))


def test_a_paused_server_answers_nobody(service: Service, owner: Owner, server: dict[str, Any]) -> None:
    proof = {"Authorization": f"Bearer {service.key}", "x-alloy-userid": owner.user}
    stranger = {"Authorization": f"Bearer {token('stranger')}"}
    doors = [("accessUrl", {}), ("url", proof), ("url", stranger)]
    assert [ping(server, url, **headers).status_code for url, headers in doors] == [200, 200, 200]
    paused = owner.http.post(path(server, "pause"))
    assert (paused.status_code, paused.json()["paused"]) == (200, True)
    for url, headers in doors:
        for body in (b'{"jsonrpc":"2.0","method":"tools/list","id":1}', b"no JSON", b"[]", b""):
            answer = service.client(Authorization="").post(
                server[url], content=body, headers={"content-type": "application/json", **headers}
            )
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")
            assert answer.json()["error"]["message"] == "Server is paused"
    resumed = owner.http.post(path(server, "resume"))
    assert (resumed.status_code, resumed.json()["paused"]) == (200, False)
    assert [ping(server, url, **headers).status_code for url, headers in doors] == [200, 200, 200]


def test_whoever_may_not_know_of_it_does_not_hear_that_it_is_paused(service: Service, owner: Owner) -> None:
    server = owner.create(f"private {time.monotonic_ns()}")
    owner.http.post(path(server, "pause"))
    assert ping({"accessUrl": server["accessUrl"] + "x"}).status_code == 401
    assert ping(server, "url").status_code == 401
    assert ping(server, "url", Authorization=f"Bearer {token('stranger')}").status_code == 404
    rotated = owner.http.post(path(server, "token")).json()
    assert (ping(server).status_code, ping(rotated).status_code) == (401, 403)


def test_pausing_is_idempotent_and_leaves_the_rest(owner: Owner, server: dict[str, Any]) -> None:
    assert server["paused"] is False
    first, second = (owner.http.post(path(server, "pause")) for _ in range(2))
    assert first.json() == second.json() == owner.http.get(path(server)).json()
    assert first.headers["etag"] == second.headers["etag"]
    changed = {"paused": True, "updatedAt": first.json()["updatedAt"]}
    assert first.json() == {**{key: server[key] for key in server if key != "accessToken"}, **changed}
    assert owner.http.put(path(server), json={"description": "x"}).json()["paused"] is True
    resumed, again = (owner.http.post(path(server, "resume")) for _ in range(2))
    assert resumed.headers["etag"] == again.headers["etag"] != second.headers["etag"]
    events = [row["event"] for row in owner.http.get(path(server, "activity")).json()["activity"]]
    assert events == ["server.resume", "server.update", "server.pause", "server.create"]


@pytest.mark.parametrize("what", ["pause", "resume"])
def test_who_may_not_pause(service: Service, owner: Owner, server: dict[str, Any], what: str) -> None:
    assert refusal(service.client().post(path(server, what)))[:2] == (404, "NOT_FOUND")
    assert service.client(Authorization="").post(path(server, what)).status_code == 401
    key = service.run("keys", "create", "--user", owner.user, "--scope", "use").stdout.strip()
    assert service.client(Authorization=f"Bearer {key}").post(path(server, what)).status_code == 403
    assert owner.http.post(f"/api/servers/no-such-server/{what}").status_code == 404
    assert owner.http.get(path(server)).json()["paused"] is False


RESTRICTIONS = {
    "connectors": {"mode": "allowlist", "allowedIds": ["slack", "github"]},
    "actions": {"blockedActions": ["chat_postMessage", "github:repos/delete"]},
    "users": {"blockedIds": ["eve"]},
}
BLOCKED = "listed in actions.blockedActions"
ACCESS: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({"connector": "slack"}, {"allowed": True, "reason": "Allowed", "rule": "listed in connectors.allowedIds"}),
    (
        {"connector": "notion"},
        {"allowed": False, "reason": "Connector not allowed", "rule": "not listed in connectors.allowedIds"},
    ),
    ({"connector": "no such thing"}, {"allowed": False, "rule": "not listed in connectors.allowedIds"}),
    ({"user": "eve"}, {"allowed": False, "reason": "User not allowed", "rule": "listed in users.blockedIds"}),
    ({"user": "eve", "connector": "slack"}, {"allowed": False, "rule": "listed in users.blockedIds"}),
    ({"user": "jane"}, {"allowed": True, "rule": "not listed in users.blockedIds"}),
    (
        {"connector": "slack", "action": "chat_postMessage"},
        {"allowed": False, "reason": "Action not allowed", "rule": BLOCKED},
    ),
    (
        {"connector": "slack", "action": "users_list", "user": "jane"},
        {
            "allowed": True,
            "rule": "not listed in users.blockedIds, listed in connectors.allowedIds, "
            "not listed in actions.blockedActions",
        },
    ),
    ({"connector": "slack", "action": "no such action"}, {"allowed": True}),
    ({"connector": "notion", "action": "x"}, {"allowed": False, "reason": "Connector not allowed"}),
]


@pytest.mark.parametrize(("asked", "expected"), ACCESS)
def test_access_is_explained(owner: Owner, asked: dict[str, str], expected: dict[str, Any]) -> None:
    server = owner.create(f"restricted {time.monotonic_ns()}", restrictions=RESTRICTIONS)
    answer = owner.http.get(path(server, "access"), params=asked)
    assert answer.status_code == 200
    assert answer.json().items() >= {**asked, **expected}.items()
    assert set(answer.json()) == {"allowed", "reason", "rule", *asked}


def test_me_is_the_caller_and_an_open_server_has_no_rule(owner: Owner, server: dict[str, Any]) -> None:
    answer = owner.http.get(path(server, "access"), params={"user": "me"}).json()
    assert answer == {"allowed": True, "reason": "Allowed", "rule": "nothing restricts it", "user": owner.user}
    owner.http.put(path(server), json={"restrictions": {"users": {"blockedIds": [owner.user]}}})
    assert owner.http.get(path(server, "access"), params={"user": "me"}).json()["allowed"] is False


def test_an_action_is_known_by_its_documents_own_spelling(service: Service, owner: Owner) -> None:
    document = {
        "openapi": "3.0.1",
        "info": {"title": "Repositories", "version": "1"},
        "servers": [{"url": "https://repositories.example.com"}],
        "paths": {"/r": {"delete": {"operationId": "repos/delete", "responses": {"200": {"description": "ok"}}}}},
    }
    connector = f"repositories-{time.monotonic_ns()}"
    assert service.client().post("/connectors", json={"id": connector, "document": document}).status_code == 201
    actions = {"blockedActions": ["repos/delete"]}
    server = owner.create(f"spelt {time.monotonic_ns()}", restrictions={"actions": actions})
    said = owner.http.get(path(server, "access"), params={"connector": connector, "action": "repos/delete"}).json()
    assert (said["allowed"], said["rule"]) == (False, BLOCKED)
    assert said["action"] != "repos/delete"
    by_id = owner.http.get(path(server, "access"), params={"connector": connector, "action": said["action"]}).json()
    assert by_id == said


@pytest.mark.parametrize(
    ("asked", "field", "rule"),
    [
        ({}, "connector", "required"),
        ({"action": "x"}, "connector", "required"),
        ({"action": "x", "user": "jane"}, "connector", "required"),
        ({"connector": ""}, "connector", "minLength"),
        ({"connector": "a\0"}, "connector", "pattern"),
        ({"connector": "slack", "action": ""}, "action", "minLength"),
        ({"user": ""}, "user", "minLength"),
        ({"user": "x" * 10_001}, "user", "maxLength"),
        ({"connectorId": "slack"}, "connectorId", "unknown"),
    ],
)
def test_questions_that_cannot_be_answered(
    owner: Owner, server: dict[str, Any], asked: dict[str, str], field: str, rule: str
) -> None:
    assert refusal(owner.http.get(path(server, "access"), params=asked)) == (400, "INVALID_REQUEST", (field, rule))


def test_only_the_owner_asks(service: Service, server: dict[str, Any]) -> None:
    for what in ("access", "activity"):
        assert refusal(service.client().get(path(server, what), params={"user": "me"}))[:2] == (404, "NOT_FOUND")
        assert service.client(Authorization="").get(path(server, what), params={"user": "me"}).status_code == 401


@pytest.mark.parametrize("section", [{"allowedIds": ["a"]}, {"mode": "allowlist", "allowedIds": ["a"]}])
def test_the_rule_of_an_allowed_one_is_the_list_that_names_it(section: dict[str, Any]) -> None:
    policy = compile_policy({"users": section})
    assert decide(policy, user="a")
    assert why_allowed(policy, None, None, "a") == "listed in users.allowedIds"
