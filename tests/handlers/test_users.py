"""Users over REST: made, listed, disabled at every door, deleted with what they have."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from support.jwts import token
from support.service import Service

BEARER = {"userId": "me", "authenticationType": "bearer", "data": {"token": "xoxb-secret"}}


@pytest.fixture
def client(service: Service) -> httpx.Client:
    return service.client()


@pytest.fixture
def create(client: httpx.Client) -> Callable[..., str]:
    def made(**fields: Any) -> str:
        answer = client.post("/users", json={"username": f"user {uuid.uuid4().hex}", **fields})
        assert answer.status_code == 201, answer.text
        assert set(answer.json()) == {"userId"}
        return str(answer.json()["userId"])

    return made


def key_of(client: httpx.Client, user: str, *scopes: str) -> dict[str, Any]:
    made = client.post("/keys", json={"userId": user, **({"scopes": list(scopes)} if scopes else {})})
    assert made.status_code == 201, made.text
    return dict(made.json())


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_user_that_is_made_can_be_acted_for(service: Service, client: httpx.Client) -> None:
    username = f"jane {uuid.uuid4().hex}"
    user = client.post("/users", json={"username": username, "fullName": "Jane Doe"}).json()["userId"]
    assert re.fullmatch(r"[0-9a-f]{24}", user)
    got = client.get(f"/users/{user}").json()
    assert {**got, "createdAt": ""} == {
        "userId": user,
        "username": username,
        "fullName": "Jane Doe",
        "disabled": False,
        "createdAt": "",
    }
    answer = service.client(x_alloy_userid=user).post("/api/servers", json={"name": "theirs"})
    assert (answer.status_code, answer.headers["x-alloy-userid"]) == (201, user)


def test_usernames_are_unique(client: httpx.Client, create: Callable[..., str]) -> None:
    username = f"only one {uuid.uuid4().hex}"
    create(username=username)
    answer = client.post("/users", json={"username": username})
    assert code(answer) == (409, "CONFLICT")
    assert answer.json()["error"]["details"] == {"field": "username", "rule": "unique"}


def test_users_in_pages(client: httpx.Client, create: Callable[..., str]) -> None:
    made = [create() for _ in range(3)]
    whole = client.get("/users", params={"limit": 1000}).json()
    ids = [user["userId"] for user in whole["users"]]
    assert [user for user in ids if user in made] == made
    assert "admin" in ids
    assert whole["total"] == whole["count"] == len(ids)
    page = client.get("/users", params={"limit": 1, "offset": 1}).json()
    assert [user["userId"] for user in page["users"]] == ids[1:2]
    assert page["hasMore"] is True


def test_me_is_the_caller(client: httpx.Client) -> None:
    assert client.get("/users/me").json()["userId"] == "admin"
    assert client.get("/users/me/credentials").status_code == 200


def test_update_changes_what_it_names(client: httpx.Client, create: Callable[..., str]) -> None:
    path = f"/users/{create(fullName='Before')}"
    assert client.patch(path, json={"fullName": "After"}).json()["fullName"] == "After"
    assert client.patch(path, json={"disabled": True}).json()["fullName"] == "After"
    assert "fullName" not in client.patch(path, json={"fullName": None}).json()
    assert client.get(path).json()["disabled"] is True


@pytest.mark.parametrize(
    ("method", "body", "field", "rule"),
    [
        ("POST", {}, "username", "required"),
        ("POST", {"username": ""}, "username", "minLength"),
        ("POST", {"username": "x" * 101}, "username", "maxLength"),
        ("POST", {"username": "a\0b"}, "username", "pattern"),
        ("POST", {"username": 5}, "username", "type"),
        ("POST", {"username": "a", "fullName": None}, "fullName", "type"),
        ("POST", {"username": "a", "userId": "b"}, "userId", "additionalProperties"),
        ("PATCH", {}, "body", "minProperties"),
        ("PATCH", {"disabled": "yes"}, "disabled", "type"),
        ("PATCH", {"fullName": ""}, "fullName", "minLength"),
        ("PATCH", {"username": "b"}, "username", "additionalProperties"),
    ],
)
def test_bad_bodies(
    client: httpx.Client, create: Callable[..., str], method: str, body: dict[str, Any], field: str, rule: str
) -> None:
    path = "/users" if method == "POST" else f"/users/{create()}"
    total = client.get("/users").json()["total"]
    answer = client.request(method, path, json=body)
    assert code(answer) == (400, "INVALID_REQUEST")
    assert answer.json()["error"]["details"] == {"field": field, "rule": rule}
    assert client.get("/users").json()["total"] == total


def test_who_is_not_there(client: httpx.Client) -> None:
    for user in ("nobody-knows-them", "%00", "x" * 3000, "a%2Fb"):
        path = f"/users/{user}"
        for answer in (
            client.get(path),
            client.patch(path, json={"disabled": True}),
            client.delete(path),
            client.get(f"{path}/credentials"),
            client.delete(f"{path}/credentials/507f1f77bcf86cd799439011"),
        ):
            assert code(answer) == (404, "NOT_FOUND")


def doors(service: Service, user: str, key: str, server: dict[str, Any]) -> dict[str, httpx.Response]:
    """The user at every door."""
    ping = {"jsonrpc": "2.0", "method": "ping", "id": 1}
    return {
        "key": service.client(Authorization=f"Bearer {key}").get("/api/servers"),
        "JWT": service.client(Authorization=f"Bearer {token(user)}").get("/api/servers"),
        "user token": service.client(Authorization="", x_alloy_user_token=token(user)).get("/api/servers"),
        "user token beside a key": service.client(x_alloy_user_token=token(user)).get("/api/servers"),
        "switch": service.client(x_alloy_userid=user).get("/api/servers"),
        "token URL": service.client(Authorization="").post(server["accessUrl"], json=ping),
        "token URL for another": service.client(Authorization="", x_alloy_user_token=token("somebody")).post(
            server["accessUrl"], json=ping
        ),
        "MCP by key": service.client(Authorization=f"Bearer {key}").post(server["url"], json=ping),
    }


def test_a_disabled_user_is_refused_at_every_door(
    service: Service, client: httpx.Client, create: Callable[..., str]
) -> None:
    user = create()
    key = key_of(client, user)["key"]
    server = service.client(x_alloy_userid=user).post("/api/servers", json={"name": "theirs"}).json()
    path = f"/users/{user}"
    assert {
        name: door.status_code for name, door in doors(service, user, key, server).items() if door.status_code != 200
    } == {}
    client.patch(path, json={"disabled": True})
    for name, door in doors(service, user, key, server).items():
        assert code(door) == (403, "FORBIDDEN"), name
        assert door.json()["error"]["message"] == "User is disabled", name
    # A wrong token still says nothing about whose server it is.
    assert service.client(Authorization="").post(f"{server['url']}/mcp_token_wrong", json={}).status_code == 401
    client.patch(path, json={"disabled": False})
    assert {door.status_code for door in doors(service, user, key, server).values()} == {200}


def test_a_user_named_on_a_public_token_url_may_be_disabled(
    service: Service, client: httpx.Client, create: Callable[..., str]
) -> None:
    user = create()
    body = {
        "name": f"public {uuid.uuid4().hex}",
        "isPublic": True,
        "restrictions": {"users": {"allowedIds": [user, "me"]}},
    }
    server = client.post("/api/servers", json=body).json()
    acting, ping = service.client(Authorization="", x_alloy_userid=user), {"jsonrpc": "2.0", "method": "ping", "id": 1}
    assert acting.post(server["accessUrl"], json=ping).headers["x-alloy-userid"] == user
    client.patch(f"/users/{user}", json={"disabled": True})
    assert code(acting.post(server["accessUrl"], json=ping)) == (403, "FORBIDDEN")
    assert service.client(Authorization="").post(server["accessUrl"], json=ping).status_code == 200


def test_a_deleted_user_takes_everything_along(
    service: Service, client: httpx.Client, create: Callable[..., str]
) -> None:
    user = create()
    key = key_of(client, user)["key"]
    theirs = service.client(Authorization=f"Bearer {key}")
    server = theirs.post("/api/servers", json={"name": "theirs"}).json()
    credential = theirs.post("/connectors/slack/credentials", json=BEARER).json()["credentialId"]
    gone = client.delete(f"/users/{user}")
    assert (gone.status_code, gone.json()) == (200, {"message": "User deleted", "userId": user})
    assert theirs.get("/api/servers").status_code == 401
    ping = {"jsonrpc": "2.0", "method": "ping", "id": 1}
    assert service.client(Authorization="").post(server["accessUrl"], json=ping).status_code == 401
    assert client.get(f"/users/{user}").status_code == 404
    # Should the same id come again, nothing of the old is there.
    again = service.client(Authorization=f"Bearer {token(user)}")
    assert again.get("/api/servers").json()["total"] == 0
    assert again.get(f"/connectors/slack/credentials/{credential}").status_code == 404


def test_nobody_locks_the_operator_out(service: Service, client: httpx.Client, create: Callable[..., str]) -> None:
    user = create()
    own = service.client(Authorization=f"Bearer {key_of(client, user)['key']}")
    for caller, target in ((client, "admin"), (client, "me"), (own, user), (own, "admin")):
        for answer in (caller.patch(f"/users/{target}", json={"disabled": True}), caller.delete(f"/users/{target}")):
            assert code(answer) == (409, "CONFLICT")
    assert client.get("/users/admin").json()["disabled"] is False
    assert own.get("/users/me").status_code == 200


def test_credentials_of_a_user(service: Service, client: httpx.Client, create: Callable[..., str]) -> None:
    user = create()
    theirs = service.client(x_alloy_userid=user)
    ids = [
        theirs.post(f"/connectors/{connector}/credentials", json=BEARER).json()["credentialId"]
        for connector in ("slack", "notion")
    ]
    path = f"/users/{user}/credentials"
    data = client.get(path).json()["data"]
    assert [(entry["credentialId"], entry["type"]) for entry in data] == [
        (ids[0], "slack-bearer"),
        (ids[1], "notion-bearer"),
    ]
    assert "xoxb" not in str(data)
    assert client.delete(f"/users/admin/credentials/{ids[0]}").status_code == 404
    assert client.delete(f"{path}/{ids[0]}").json() == {"success": True}
    assert client.delete(f"{path}/{ids[0]}").status_code == 404
    assert [entry["credentialId"] for entry in client.get(path).json()["data"]] == ids[1:]


def test_only_manage_keys(service: Service, client: httpx.Client, create: Callable[..., str]) -> None:
    user = create()
    use = service.client(Authorization=f"Bearer {key_of(client, 'admin', 'use')['key']}")
    jwt = service.client(Authorization=f"Bearer {token('admin')}")
    for caller in (use, jwt):
        for answer in (
            caller.get("/users"),
            caller.post("/users", json={"username": "x"}),
            caller.get(f"/users/{user}"),
            caller.patch(f"/users/{user}", json={"disabled": True}),
            caller.delete(f"/users/{user}"),
            caller.get(f"/users/{user}/credentials"),
            caller.delete(f"/users/{user}/credentials/507f1f77bcf86cd799439011"),
            caller.get("/keys"),
            caller.post("/keys", json={}),
            caller.delete("/keys/507f1f77bcf86cd799439011"),
            caller.get("/accounts"),
            caller.post("/accounts", json={"name": "x"}),
            caller.patch("/accounts/default", json={"name": "x"}),
            caller.delete("/accounts/default"),
        ):
            assert code(answer) == (403, "FORBIDDEN")
    assert client.get(f"/users/{user}").json()["disabled"] is False


def test_a_disabled_owners_servers_serve_nobody(client: httpx.Client, service: Service, create: Any) -> None:
    """Whoever could use one is told so, and whoever could not learns nothing by it."""
    owner, guest, stranger = create(), create(), create()
    mine, theirs = (service.client(Authorization=f"Bearer {key_of(client, user)['key']}") for user in (owner, guest))
    users = {"users": {"allowedIds": [guest, owner]}}
    public = mine.post("/api/servers", json={"name": "public", "isPublic": True, "restrictions": users}).json()
    shared = mine.post("/api/servers", json={"name": "shared", "restrictions": users}).json()
    private = mine.post("/api/servers", json={"name": "private"}).json()
    ping = {"jsonrpc": "2.0", "method": "ping", "id": 1}

    def asked(server: dict[str, Any]) -> list[int]:
        by_name = httpx.post(server["accessUrl"], json=ping, headers={"x-alloy-userid": guest}, trust_env=False)
        return [
            theirs.post(f"/mcp/{server['serverId']}", json=ping).status_code,
            theirs.get(f"/api/servers/{server['serverId']}/tools").status_code,
            by_name.status_code,
        ]

    assert (asked(public), asked(shared), asked(private)) == ([200] * 3, [200] * 3, [404, 404, 200])
    client.patch(f"/users/{owner}", json={"disabled": True})
    assert (asked(public), asked(shared), asked(private)) == ([403] * 3, [403] * 3, [404, 404, 403])
    refused = theirs.post(f"/mcp/{public['serverId']}", json=ping).json()["error"]
    assert refused["message"] == "The server's owner is disabled"
    assert owner not in str(refused)
    # The operator, too, who may act for the owner in all else.
    assert client.post(f"/mcp/{public['serverId']}", json=ping).status_code == 403
    other = service.client(Authorization=f"Bearer {key_of(client, stranger)['key']}")
    assert other.post(f"/mcp/{shared['serverId']}", json=ping).status_code == 404
    client.patch(f"/users/{owner}", json={"disabled": False})
    assert (asked(public), asked(shared), asked(private)) == ([200] * 3, [200] * 3, [404, 404, 200])
