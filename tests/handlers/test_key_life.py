"""API keys that end, have a name, and say when they were last used; revoked at once, whoever revokes them."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from support.service import Service


def soon(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def refusal(answer: httpx.Response) -> tuple[int, str, Any]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["details"]


def entry(client: httpx.Client, key_id: str) -> dict[str, Any]:
    listed = client.get("/keys", params={"limit": 1000}).json()["keys"]
    (found,) = [key for key in listed if key["keyId"] == key_id]
    return dict(found)


class Account:
    """An account of its own, by its first key, which never expires."""

    def __init__(self, service: Service) -> None:
        made = service.client().post("/accounts", json={"name": uuid.uuid4().hex}).json()
        self.first = made["keyId"]
        self.client = service.client(Authorization=f"Bearer {made['key']}")


def test_a_key_says_its_name_and_when_it_ends(service: Service) -> None:
    made = service.client().post("/keys", json={"name": "deploy", "expiresAt": "2099-05-01T02:00:00+02:00"})
    assert made.status_code == 201
    assert (made.json()["name"], made.json()["expiresAt"]) == ("deploy", "2099-05-01T00:00:00.000Z")
    listed = entry(service.client(), made.json()["keyId"])
    assert (listed["name"], listed["expiresAt"]) == ("deploy", "2099-05-01T00:00:00.000Z")
    plain = service.client().post("/keys", json={}).json()
    assert not {"name", "expiresAt", "lastUsedAt"} & entry(service.client(), plain["keyId"]).keys() | plain.keys() & {
        "name",
        "expiresAt",
    }


def test_an_expired_key_is_refused_at_once_although_it_was_known(service: Service) -> None:
    made = service.client().post("/keys", json={"expiresAt": soon(seconds=2)}).json()
    own = service.client(Authorization=f"Bearer {made['key']}")
    end = datetime.fromisoformat(made["expiresAt"]).timestamp()
    seen = []
    while time.time() < end + 0.5:
        before = time.time()
        status = own.get("/api/servers").status_code
        if before >= end:
            seen.append(status)
        elif time.time() < end:
            assert status == 200
        time.sleep(0.02)
    assert set(seen) == {401}
    refused = own.get("/api/servers")
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert refusal(refused) == refusal(service.client(Authorization="Bearer no-key-of-this-place").get("/api/servers"))


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"expiresAt": "2020-01-01T00:00:00Z"}, {"field": "expiresAt", "rule": "future"}),
        ({"expiresAt": "0000-01-01T00:00:00Z"}, {"field": "expiresAt", "rule": "future"}),
        ({"expiresAt": "tomorrow"}, {"field": "expiresAt", "rule": "format"}),
        ({"expiresAt": "2099-01-01"}, {"field": "expiresAt", "rule": "format"}),
        ({"expiresAt": 4070908800}, {"field": "expiresAt", "rule": "type"}),
        ({"expiresAt": None}, {"field": "expiresAt", "rule": "type"}),
        ({"name": ""}, {"field": "name", "rule": "minLength"}),
        ({"name": "a" * 101}, {"field": "name", "rule": "maxLength"}),
        ({"name": "a\0b"}, {"field": "name", "rule": "pattern"}),
        ({"expires": "2099-01-01T00:00:00Z"}, {"field": "expires", "rule": "additionalProperties"}),
    ],
)
def test_bad_keys(service: Service, body: dict[str, Any], details: dict[str, str]) -> None:
    total = service.client().get("/keys").json()["total"]
    assert refusal(service.client().post("/keys", json=body)) == (400, "INVALID_REQUEST", details)
    assert service.client().get("/keys").json()["total"] == total


def test_a_scope_that_is_named_twice_is_told_so(service: Service) -> None:
    refused = service.client().post("/keys", json={"scopes": ["use", "use"]}).json()["error"]
    assert refused["message"] == "scopes must not hold the same item twice"
    assert refused["details"] == {"field": "scopes", "rule": "uniqueItems"}


def test_the_last_use_is_shown_soon_after_it(service: Service) -> None:
    made = service.client().post("/keys", json={}).json()
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert service.client(Authorization=f"Bearer {made['key']}").get("/api/servers").status_code == 200
    end = time.monotonic() + 15
    while "lastUsedAt" not in entry(service.client(), made["keyId"]):
        assert time.monotonic() < end
        time.sleep(0.1)
    used = datetime.fromisoformat(entry(service.client(), made["keyId"])["lastUsedAt"])
    assert before <= used <= datetime.now(UTC)


def test_a_key_that_is_refused_is_not_used(service: Service) -> None:
    made = service.client().post("/keys", json={}).json()
    assert service.client().delete(f"/keys/{made['keyId']}").status_code == 200
    assert service.client(Authorization=f"Bearer {made['key']}").get("/api/servers").status_code == 401
    time.sleep(1.5)
    assert "lastUsedAt" not in entry(service.client(), made["keyId"])


def test_the_command_line_revokes_for_the_running_service(service: Service) -> None:
    made = json.loads(service.run("keys", "create", "--json", "--name", "ci", "--expires", "30d").stdout)
    ends = datetime.fromisoformat(made["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < ends <= timedelta(days=30)
    own = service.client(Authorization=f"Bearer {made['key']}")
    assert own.get("/api/servers").status_code == 200
    listed = service.run("keys", "list").stdout
    assert {"NAME", "EXPIRES", "LAST USED"} <= set(listed.splitlines()[0].replace("LAST USED", "LAST_USED").split()) | {
        "LAST USED"
    }
    assert made["expiresAt"] in listed
    service.run("keys", "revoke", made["id"])
    assert own.get("/api/servers").status_code == 401


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        *((text, "days such as 90d") for text in ("tomorrow", "-1d", "99999999d", "2027-01-31", "")),
        *((text, "is in the future") for text in ("2020-01-01T00:00:00Z", "0d")),
    ],
)
def test_a_bad_end_on_the_command_line_names_the_option_and_its_forms(
    service: Service, when: str, sentence: str
) -> None:
    done = service.run("keys", "create", f"--expires={when}", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "'--expires'" in done.stderr
    assert sentence in done.stderr


def test_a_key_that_expires_keeps_no_account_manageable(service: Service) -> None:
    account = Account(service)
    passing = account.client.post("/keys", json={"userId": "jane", "expiresAt": soon(days=9)}).json()
    refused = account.client.delete(f"/keys/{account.first}")
    assert refused.status_code == 409
    assert "expire" in refused.json()["error"]["message"]
    # The other way round nothing is lost; and with another one that stays, neither.
    assert account.client.delete(f"/keys/{passing['keyId']}").status_code == 200
    assert account.client.post("/keys", json={"userId": "john"}).status_code == 201
    assert account.client.delete(f"/keys/{account.first}").status_code == 200


def test_the_user_of_the_last_key_that_stays_stays_too(service: Service) -> None:
    account = Account(service)
    passing = account.client.post("/keys", json={"userId": "jane", "expiresAt": soon(days=9)}).json()
    jane = service.client(Authorization=f"Bearer {passing['key']}")
    for refused in (jane.patch("/users/admin", json={"disabled": True}), jane.delete("/users/admin")):
        assert refused.status_code == 409
    assert account.client.get("/keys").status_code == 200


def test_an_expired_key_counts_as_no_manager(service: Service) -> None:
    account = Account(service)
    account.client.post("/keys", json={"userId": "jane", "expiresAt": soon(seconds=0.3)})
    time.sleep(0.5)
    refused = account.client.delete(f"/keys/{account.first}")
    assert refused.status_code == 409
    assert refused.json()["error"]["message"].endswith("cannot be revoked: no key could manage the account any more")
