"""Who counts as calling: keys, JWTs, users, scopes, token URLs; every door, over real HTTP."""

import json
import sqlite3
import uuid
from typing import Any

import httpx
import pytest

from support.jwts import token
from support.service import Service


def user_of(answer: httpx.Response) -> str:
    return answer.headers["x-alloy-userid"]


def new_user(service: Service) -> str:
    user = f"user-{uuid.uuid4().hex}"
    service.run("keys", "create", "--user", user)
    return user


def new_key(service: Service, *arguments: str) -> dict[str, Any]:
    return json.loads(service.run("keys", "create", "--json", *arguments).stdout)


def named(name: str) -> dict[str, str]:
    return {"name": f"{name} {uuid.uuid4().hex}"}


def test_the_first_key_is_admins(service: Service) -> None:
    answer = service.client().get("/api/servers")
    assert (answer.status_code, user_of(answer)) == (200, "admin")


def test_a_key_switches_to_a_known_user(service: Service) -> None:
    user = new_user(service)
    client = service.client(x_alloy_userid=user)
    made = client.post("/api/servers", json=named("theirs"))
    assert (made.status_code, user_of(made)) == (201, user)
    path = f"/api/servers/{made.json()['serverId']}"
    assert client.get(path).status_code == 200
    # Another user's server is not there, for anybody.
    for method in ("GET", "DELETE"):
        assert service.client().request(method, path).status_code == 404
    assert service.client().put(path, json={}).status_code == 404
    assert made.json()["serverId"] not in service.client().get("/api/servers", params={"limit": 1000}).text


def test_an_unknown_user_counts_as_the_keys_own_for_reads_alone(service: Service) -> None:
    client = service.client(x_alloy_userid="nobody-knows-them")
    read = client.get("/api/servers")
    assert (read.status_code, user_of(read)) == (200, "admin")
    refused = client.post("/api/servers", json=named("not made"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FORBIDDEN")
    stored = client.post(
        "/connectors/slack/credentials",
        json={"userId": "me", "authenticationType": "bearer", "data": {"token": "xoxb"}},
    )
    assert stored.status_code == 403


def test_me_is_the_caller(service: Service) -> None:
    assert user_of(service.client(x_alloy_userid="me").get("/api/servers")) == "admin"


@pytest.mark.parametrize("header", ["Authorization", "x-alloy-user-token"])
def test_a_jwt_proves_its_user(service: Service, header: str) -> None:
    user = f"jane-{uuid.uuid4().hex}"
    value = token(user) if header != "Authorization" else f"Bearer {token(user)}"
    headers = {"Authorization": "", header: value}
    client = service.client(**headers)
    made = client.post("/api/servers", json=named("janes"))
    assert (made.status_code, user_of(made)) == (201, user)
    assert [server["serverId"] for server in client.get("/api/servers").json()["servers"]] == [made.json()["serverId"]]


def test_a_jwt_beside_a_key_puts_its_user_in_place(service: Service) -> None:
    user = f"jane-{uuid.uuid4().hex}"
    answer = service.client(x_alloy_user_token=token(user)).get("/api/servers")
    assert (answer.status_code, user_of(answer)) == (200, user)


def test_sub_serves_where_there_is_no_userid(service: Service) -> None:
    bearer = f"Bearer {token(userId=None, sub='from-sub')}"
    assert user_of(service.client(Authorization=bearer).get("/api/servers")) == "from-sub"


def test_a_jwt_may_name_itself_and_nobody_else(service: Service) -> None:
    bearer = f"Bearer {token('jane')}"
    assert service.client(Authorization=bearer, x_alloy_userid="jane").get("/api/servers").status_code == 200
    assert service.client(Authorization=bearer, x_alloy_userid="john").get("/api/servers").status_code == 403
    assert service.client(Authorization=bearer, x_alloy_user_token=token("john")).get("/api/servers").status_code == 403
    assert (
        service.client(x_alloy_user_token=token("jane"), x_alloy_userid="john").get("/api/servers").status_code == 403
    )


@pytest.mark.parametrize(
    "bad",
    [
        token(lasts=-60),
        token(exp=None),
        token(secret="another-secret-of-more-than-32-bytes"),
        token(""),
        token("me"),
        token("a\0b"),
        "a.b.c",
        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJ1c2VySWQiOiJhZG1pbiIsImV4cCI6OTk5OTk5OTk5OX0.",
    ],
    ids=["expired", "no exp", "another secret", "empty user", "reserved user", "NUL", "garbage", "alg none"],
)
def test_bad_jwts(service: Service, bad: str) -> None:
    for client in (service.client(Authorization=f"Bearer {bad}"), service.client(x_alloy_user_token=bad)):
        answer = client.get("/api/servers")
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHORIZED")
        assert "www-authenticate" in answer.headers


def test_a_revoked_key_is_refused_at_once(service: Service) -> None:
    new = new_key(service)
    client = service.client(Authorization=f"Bearer {new['key']}")
    assert client.get("/api/servers").status_code == 200
    service.run("keys", "revoke", new["id"])
    assert client.get("/api/servers").status_code == 401


def test_scopes(service: Service) -> None:
    use = service.client(Authorization=f"Bearer {new_key(service, '--scope', 'use')['key']}")
    manage = service.client(Authorization=f"Bearer {new_key(service, '--scope', 'manage')['key']}")
    made = manage.post("/api/servers", json=named("scoped"))
    assert made.status_code == 201
    path = f"/api/servers/{made.json()['serverId']}"
    call = {"jsonrpc": "2.0", "method": "tools/list", "id": 1}
    mcp = f"/mcp/{made.json()['serverId']}"
    assert use.get(path).status_code == 200
    assert use.post(mcp, json=call).status_code == 200
    for refused in (
        use.post("/api/servers", json=named("x")),
        use.put(path, json={}),
        use.delete(path),
        use.post("/connectors", json={"id": "x", "document": {}}),
        manage.post(mcp, json=call),
        manage.get("/connectors/slack/credentials"),
    ):
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FORBIDDEN")


def test_a_jwt_never_writes_connectors(service: Service) -> None:
    client = service.client(Authorization=f"Bearer {token()}")
    assert client.get("/connectors").status_code == 200
    assert client.post("/connectors", json={"id": "x", "document": {}}).status_code == 403
    assert client.delete("/connectors/x").status_code == 403


def credential(user: str) -> dict[str, Any]:
    return {"userId": user, "authenticationType": "bearer", "data": {"token": "xoxb-secret"}}


def test_credentials_belong_to_their_user(service: Service) -> None:
    jane, john = (f"{name}-{uuid.uuid4().hex}" for name in ("jane", "john"))
    janes = service.client(Authorization=f"Bearer {token(jane)}")
    johns = service.client(Authorization=f"Bearer {token(john)}")
    made = janes.post("/connectors/slack/credentials", json=credential("me"))
    assert made.status_code == 200
    assert janes.post("/connectors/slack/credentials", json=credential(jane)).status_code == 200
    assert len(janes.get("/connectors/slack/credentials").json()["credentials"]) == 2
    assert johns.get("/connectors/slack/credentials").json() == {"credentials": []}
    assert janes.post("/connectors/slack/credentials", json=credential(john)).status_code == 403
    assert johns.get("/connectors/slack/credentials", params={"userId": jane}).status_code == 403
    # An API key acts for the account's users.
    operator = service.client()
    assert len(operator.get("/connectors/slack/credentials", params={"userId": jane}).json()["credentials"]) == 2
    assert operator.post("/connectors/slack/credentials", json=credential(john)).status_code == 200
    assert operator.post("/connectors/slack/credentials", json=credential("nobody-knows")).status_code == 403
    assert "xoxb" not in janes.get("/connectors/slack/credentials").text


def mcp(service: Service, path: str, method: str = "ping", **headers: str) -> httpx.Response:
    client = service.client(**{"Authorization": "", **headers})
    return client.post(path, json={"jsonrpc": "2.0", "method": method, "id": 1})


def test_who_counts_on_a_token_url(service: Service) -> None:
    jane = f"jane-{uuid.uuid4().hex}"
    made = service.client().post("/api/servers", json=named("door")).json()
    path = f"/mcp/{made['serverId']}/{made['accessToken']}"
    assert user_of(mcp(service, path)) == "admin"
    assert user_of(mcp(service, path, x_alloy_user_token=token(jane))) == jane
    assert mcp(service, path, x_alloy_user_token="a.b.c").status_code == 401
    # A bare x-alloy-userid is ignored unless the server is public and names that user.
    assert user_of(mcp(service, path, x_alloy_userid=jane)) == "admin"
    client, server = service.client(), f"/api/servers/{made['serverId']}"
    client.put(server, json={"isPublic": True})
    assert user_of(mcp(service, path, x_alloy_userid=jane)) == "admin"
    client.put(server, json={"restrictions": {"users": {"allowedIds": [jane, "admin"]}}})
    assert user_of(mcp(service, path, x_alloy_userid=jane)) == jane
    client.put(server, json={"isPublic": False})
    assert user_of(mcp(service, path, x_alloy_userid=jane)) == "admin"


def test_a_denied_user_is_refused_whatever_they_ask(service: Service) -> None:
    made = service.client().post(
        "/api/servers", json={**named("members only"), "restrictions": {"users": {"blockedIds": ["eve"]}}}
    )
    path = f"/mcp/{made.json()['serverId']}/{made.json()['accessToken']}"
    for method in ("ping", "initialize", "tools/list", "no/such"):
        answer = mcp(service, path, method, x_alloy_user_token=token("eve"))
        assert (answer.status_code, answer.json()["error"]["message"]) == (403, "User not allowed")
    assert mcp(service, path, x_alloy_user_token=token("adam")).status_code == 200


def test_wrong_tokens_all_read_the_same(service: Service) -> None:
    made = service.client().post("/api/servers", json=named("one")).json()
    other = service.client().post("/api/servers", json=named("two")).json()
    bodies = set()
    for path in (
        f"/mcp/{made['serverId']}/mcp_token_wrong",
        f"/mcp/{made['serverId']}/{other['accessToken']}",
        f"/mcp/nobody-a1b2c3d4/{made['accessToken']}",
        f"/mcp/{made['serverId']}/%00",
        f"/mcp/{made['serverId']}/é",
    ):
        answer = mcp(service, path)
        assert answer.status_code == 401
        bodies.add(answer.text)
    assert len(bodies) == 1


def test_which_servers_a_caller_may_use_without_the_token(service: Service) -> None:
    jane = f"jane-{uuid.uuid4().hex}"
    made = service.client().post("/api/servers", json=named("api door")).json()
    path, server = f"/mcp/{made['serverId']}", f"/api/servers/{made['serverId']}"
    bearer = f"Bearer {token(jane)}"
    assert mcp(service, path).status_code == 401
    assert mcp(service, path, Authorization=f"Bearer {service.key}").status_code == 200
    assert mcp(service, path, Authorization=bearer).status_code == 404
    # The owner's key may act for another known user there.
    acting = mcp(service, path, Authorization=f"Bearer {service.key}", x_alloy_userid=jane)
    assert (acting.status_code, user_of(acting)) == (200, jane)
    service.client().put(server, json={"isPublic": True})
    assert mcp(service, path, Authorization=bearer).status_code == 200
    service.client().put(server, json={"isPublic": False, "restrictions": {"users": {"allowedIds": [jane]}}})
    assert mcp(service, path, Authorization=bearer).status_code == 200
    assert mcp(service, path, Authorization=f"Bearer {token('stranger')}").status_code == 404
    differs = mcp(service, path, Authorization=f"Bearer {service.key}", x_mcp_server_id="another")
    assert differs.status_code == 400


def test_an_expired_token_url(service: Service) -> None:
    """The clock cannot wait a day, so the row is moved: what is tested is that the expiry in it is obeyed."""
    made = service.client().post("/api/servers", json={**named("short"), "tokenExpiresInDays": 1}).json()
    path = f"/mcp/{made['serverId']}/{made['accessToken']}"
    assert mcp(service, path).status_code == 200
    with sqlite3.connect(service.data_dir / "toolgate.db") as database:
        database.execute(
            "UPDATE servers SET token_expires_at = 1, version = version + 1 WHERE server_id = ?", [made["serverId"]]
        )
    database.close()
    assert mcp(service, path).status_code == 401
