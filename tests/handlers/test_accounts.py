"""API keys and accounts over REST; and that accounts see nothing of each other."""

import re
import sqlite3
import uuid
from typing import Any

import httpx
import pytest

from support.jwts import token
from support.service import Service
from support.upstream import running

BEARER = {"userId": "me", "authenticationType": "bearer", "data": {"token": "xoxb-secret"}}
PING = {"jsonrpc": "2.0", "method": "ping", "id": 1}


@pytest.fixture
def client(service: Service) -> httpx.Client:
    return service.client()


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


class Account:
    """An account of its own, by its first key."""

    def __init__(self, service: Service) -> None:
        made = service.client().post("/accounts", json={"name": f"account {uuid.uuid4().hex}"})
        assert made.status_code == 201, made.text
        self.made = made.json()
        self.id = self.made["accountId"]
        self.client = service.client(Authorization=f"Bearer {self.made['key']}")


@pytest.fixture
def account(service: Service) -> Account:
    return Account(service)


# --- API keys


def test_a_key_is_shown_once_and_works(service: Service, client: httpx.Client) -> None:
    made = client.post("/keys", json={"scopes": ["use"]})
    assert made.status_code == 201
    key = made.json()
    assert re.fullmatch(r"tg_[A-Za-z0-9_-]{43}", key["key"])
    assert (key["userId"], key["scopes"]) == ("admin", ["use"])
    own = service.client(Authorization=f"Bearer {key['key']}")
    assert own.get("/api/servers").status_code == 200
    assert own.post("/api/servers", json={"name": "x"}).status_code == 403
    listed = client.get("/keys", params={"limit": 1000})
    assert key["key"] not in listed.text
    (entry,) = [entry for entry in listed.json()["keys"] if entry["keyId"] == key["keyId"]]
    assert (entry["prefix"], entry["userId"], entry["scopes"]) == (key["key"][:9], "admin", ["use"])
    gone = client.delete(f"/keys/{key['keyId']}")
    assert (gone.status_code, gone.json()) == (200, {"message": "API key revoked", "keyId": key["keyId"]})
    assert own.get("/api/servers").status_code == 401
    entries = client.get("/keys", params={"limit": 1000}).json()["keys"]
    assert [entry["keyId"] for entry in entries if entry.get("revokedAt")].count(key["keyId"]) == 1


def test_a_key_makes_its_user(client: httpx.Client) -> None:
    user = f"new-{uuid.uuid4().hex}"
    made = client.post("/keys", json={"userId": user}).json()
    assert (made["userId"], made["scopes"]) == (user, ["manage", "use"])
    assert client.get(f"/users/{user}").status_code == 200


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({"userId": ""}, "userId", "minLength"),
        ({"userId": "a\0"}, "userId", "pattern"),
        ({"userId": 5}, "userId", "type"),
        ({"scopes": []}, "scopes", "minItems"),
        ({"scopes": ["admin"]}, "scopes.0", "enum"),
        ({"scopes": ["use", "use"]}, "scopes", "uniqueItems"),
        ({"key": "chosen-by-somebody"}, "key", "additionalProperties"),
    ],
)
def test_bad_keys(client: httpx.Client, body: dict[str, Any], field: str, rule: str) -> None:
    total = client.get("/keys").json()["total"]
    answer = client.post("/keys", json=body)
    assert code(answer) == (400, "INVALID_REQUEST")
    assert answer.json()["error"]["details"] == {"field": field, "rule": rule}
    assert client.get("/keys").json()["total"] == total


def test_the_last_manage_key_stays(account: Account, service: Service) -> None:
    own = f"/keys/{account.made['keyId']}"
    assert code(account.client.delete(own)) == (409, "CONFLICT")
    # A key that only uses is no manager, and neither is one of a disabled user.
    account.client.post("/keys", json={"scopes": ["use"]})
    second = account.client.post("/keys", json={"userId": "jane"}).json()
    account.client.patch("/users/jane", json={"disabled": True})
    assert code(account.client.delete(own)) == (409, "CONFLICT")
    account.client.patch("/users/jane", json={"disabled": False})
    jane = service.client(Authorization=f"Bearer {second['key']}")
    assert jane.delete(own).status_code == 200
    assert account.client.get("/keys").status_code == 401
    assert code(jane.delete(f"/keys/{second['keyId']}")) == (409, "CONFLICT")
    # The user of the last one stays, too.
    assert code(jane.delete("/users/jane")) == (409, "CONFLICT")
    assert jane.delete("/users/admin").status_code == 200


def test_keys_that_are_not_there(client: httpx.Client) -> None:
    for key_id in ("507f1f77bcf86cd799439011", "nope", "%00", "x" * 3000):
        assert code(client.delete(f"/keys/{key_id}")) == (404, "NOT_FOUND")


# --- accounts


def test_an_account_begins_with_a_key_of_its_own(account: Account, client: httpx.Client) -> None:
    assert re.fullmatch(r"[0-9a-f]{24}", account.id)
    assert (account.made["userId"], account.made["disabled"]) == ("admin", False)
    assert [user["userId"] for user in account.client.get("/users").json()["users"]] == ["admin"]
    assert [key["keyId"] for key in account.client.get("/keys").json()["keys"]] == [account.made["keyId"]]
    listed = client.get("/accounts", params={"limit": 1000}).json()["accounts"]
    public = {name: account.made[name] for name in ("accountId", "name", "disabled", "createdAt")}
    assert public in listed
    assert "default" in [entry["accountId"] for entry in listed]


def test_accounts_see_nothing_of_each_other(service: Service, client: httpx.Client) -> None:
    one, two = Account(service), Account(service)
    server = one.client.post("/api/servers", json={"name": "same name", "isPublic": True}).json()
    with running() as upstream:
        body = {"id": "theirs", "document": upstream.document()}
        assert one.client.post("/connectors", json=body).status_code == 201
        credential = one.client.post("/connectors/theirs/credentials", json=BEARER).json()["credentialId"]
        user = one.client.post("/users", json={"username": "jane"}).json()["userId"]
        key = one.client.post("/keys", json={}).json()["keyId"]
        for other in (two.client, client):
            for answer in (
                other.get(f"/api/servers/{server['serverId']}"),
                other.delete(f"/api/servers/{server['serverId']}"),
                other.post(f"/mcp/{server['serverId']}", json=PING),
                other.get("/connectors/theirs"),
                other.get("/connectors/theirs/actions"),
                other.post("/connectors/theirs/actions/listTasks/execute", json={"credentialId": credential}),
                other.get(f"/connectors/theirs/credentials/{credential}"),
                other.delete("/connectors/theirs"),
                other.get(f"/users/{user}"),
                other.patch(f"/users/{user}", json={"disabled": True}),
                other.delete(f"/users/{user}"),
                other.delete(f"/users/admin/credentials/{credential}"),
                other.delete(f"/keys/{key}"),
            ):
                assert answer.status_code == 404, answer.text
            assert "theirs" not in [entry["id"] for entry in other.get("/connectors").json()["connectors"]]
            assert user not in other.get("/users", params={"limit": 1000}).text
            assert key not in other.get("/keys", params={"limit": 1000}).text
            assert credential not in other.get("/users/admin/credentials").text
            assert server["serverId"] not in other.get("/api/servers", params={"limit": 1000}).text
            # Another account's user is nobody here.
            other.headers["x-alloy-userid"] = user
            assert other.get("/users").headers["x-alloy-userid"] == "admin"
            assert code(other.post("/users", json={"username": "x"})) == (403, "FORBIDDEN")
            del other.headers["x-alloy-userid"]
        # The same names and ids are free in each of them.
        assert two.client.post("/api/servers", json={"name": "same name"}).status_code == 201
        assert two.client.post("/connectors", json=body).status_code == 201
        assert two.client.post("/users", json={"username": "jane"}).status_code == 201
        # And nothing has changed for the owner.
        done = one.client.post("/connectors/theirs/actions/listTasks/execute", json={"credentialId": credential})
        assert done.status_code == 200, done.text
        assert one.client.get(f"/users/{user}").json()["disabled"] is False


def test_a_jwt_proves_nobody_in_another_account(service: Service, account: Account) -> None:
    beside = service.client(Authorization=f"Bearer {account.made['key']}", x_alloy_user_token=token("jane"))
    assert beside.get("/api/servers").status_code == 401
    server = account.client.post("/api/servers", json={"name": "theirs"}).json()
    outside = service.client(Authorization="", x_alloy_user_token=token("jane"))
    assert outside.post(server["accessUrl"], json=PING).status_code == 401


def test_only_the_operators_account_manages_accounts(account: Account, client: httpx.Client) -> None:
    for answer in (
        account.client.get("/accounts"),
        account.client.post("/accounts", json={"name": "x"}),
        account.client.patch(f"/accounts/{account.id}", json={"name": "x"}),
        account.client.delete(f"/accounts/{account.id}"),
        account.client.delete("/accounts/default"),
    ):
        assert code(answer) == (403, "FORBIDDEN")
    for answer in (client.patch("/accounts/default", json={"disabled": True}), client.delete("/accounts/default")):
        assert code(answer) == (409, "CONFLICT")


def test_a_disabled_account_is_refused(service: Service, account: Account, client: httpx.Client) -> None:
    server = account.client.post("/api/servers", json={"name": "theirs"}).json()
    outside = service.client(Authorization="")
    changed = client.patch(f"/accounts/{account.id}", json={"disabled": True, "name": "Closed"}).json()
    assert (changed["disabled"], changed["name"]) == (True, "Closed")
    for answer in (account.client.get("/api/servers"), outside.post(server["accessUrl"], json=PING)):
        assert code(answer) == (403, "FORBIDDEN")
        assert answer.json()["error"]["message"] == "Account is disabled"
    assert client.patch(f"/accounts/{account.id}", json={"disabled": False}).json()["name"] == "Closed"
    assert account.client.get("/api/servers").status_code == 200
    assert outside.post(server["accessUrl"], json=PING).status_code == 200


def test_a_deleted_account_leaves_nothing(service: Service, account: Account, client: httpx.Client) -> None:
    server = account.client.post("/api/servers", json={"name": "theirs"}).json()
    account.client.post("/connectors/slack/credentials", json=BEARER)
    gone = client.delete(f"/accounts/{account.id}")
    assert (gone.status_code, gone.json()) == (200, {"message": "Account deleted", "accountId": account.id})
    assert account.client.get("/api/servers").status_code == 401
    assert service.client(Authorization="").post(server["accessUrl"], json=PING).status_code == 401
    assert code(client.delete(f"/accounts/{account.id}")) == (404, "NOT_FOUND")
    database = sqlite3.connect(service.data_dir / "toolgate.db")
    for table in ("accounts", "users", "api_keys", "servers", "connectors", "credentials"):
        (count,) = database.execute(f"SELECT count(*) FROM {table} WHERE account_id = ?", [account.id]).fetchone()
        assert count == 0, table
    database.close()


@pytest.mark.parametrize(
    ("method", "body", "field", "rule"),
    [
        ("POST", {}, "name", "required"),
        ("POST", {"name": ""}, "name", "minLength"),
        ("POST", {"name": "a\0"}, "name", "pattern"),
        ("POST", {"name": "x" * 101}, "name", "maxLength"),
        ("POST", {"name": "x", "accountId": "y"}, "accountId", "additionalProperties"),
        ("PATCH", {}, "body", "minProperties"),
        ("PATCH", {"disabled": None}, "disabled", "type"),
    ],
)
def test_bad_accounts(
    account: Account, client: httpx.Client, method: str, body: dict[str, Any], field: str, rule: str
) -> None:
    answer = client.request(method, "/accounts" if method == "POST" else f"/accounts/{account.id}", json=body)
    assert code(answer) == (400, "INVALID_REQUEST")
    assert answer.json()["error"]["details"] == {"field": field, "rule": rule}


def test_accounts_that_are_not_there(client: httpx.Client) -> None:
    for account_id in ("507f1f77bcf86cd799439011", "%00", "DEFAULT", "x" * 3000):
        assert code(client.patch(f"/accounts/{account_id}", json={"name": "x"})) == (404, "NOT_FOUND")
        assert code(client.delete(f"/accounts/{account_id}")) == (404, "NOT_FOUND")


def test_changes_are_on_record_where_they_were_made(service: Service, account: Account) -> None:
    user = account.client.post("/users", json={"username": "jane"}).json()["userId"]
    account.client.patch(f"/users/{user}", json={"disabled": True})
    account.client.delete(f"/users/{user}")
    key = account.client.post("/keys", json={}).json()["keyId"]
    account.client.delete(f"/keys/{key}")
    database = sqlite3.connect(service.data_dir / "toolgate.db")
    query = "SELECT event, door FROM audit WHERE account_id = ? ORDER BY audit_id"
    rows = database.execute(query, [account.id]).fetchall()
    made = database.execute("SELECT count(*) FROM audit WHERE event = 'account.create' AND account_id = 'default'")
    assert made.fetchone()[0] > 0
    database.close()
    assert rows == [
        (event, "api_key") for event in ("user.create", "user.update", "user.delete", "key.create", "key.revoke")
    ]
