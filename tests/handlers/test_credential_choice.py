"""Which of a user's credentials is taken: the argument, the header, the default, the only one; and how one is made the
default."""

import contextlib
import sqlite3
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from support.jwts import token
from support.service import Service
from support.upstream import Upstream, running

STRANGER = "507f1f77bcf86cd799439011"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def connector(service: Service, upstream: Upstream) -> Iterator[str]:
    connector_id = f"choice-{uuid.uuid4().hex[:8]}"
    document = upstream.document()
    # One action takes keys only.
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer"},
        "own": {"type": "apiKey", "in": "header", "name": "X-Key"},
    }
    document["security"] = [{"key": []}, {"own": []}]
    document["paths"]["/keyed"] = {
        "get": {"operationId": "keyed", "security": [{"own": []}], "responses": {"200": {"description": "ok"}}}
    }
    client = service.client()
    made = client.post("/connectors", json={"id": connector_id, "document": document})
    assert made.status_code == 201, made.text
    yield connector_id
    client.delete(f"/connectors/{connector_id}")


class Person:
    """A user with a server of their own; `calls` goes through MCP."""

    def __init__(self, service: Service, connector: str, upstream: Upstream) -> None:
        self.user = f"user-{uuid.uuid4().hex}"
        self.client = service.client(Authorization=f"Bearer {token(self.user)}")
        self.connector, self.upstream = connector, upstream
        self.path = f"/connectors/{connector}/credentials"
        self.server = self.client.post("/api/servers", json={"name": "Mine"}).json()["serverId"]

    def add(self, name: str, kind: str = "bearer") -> str:
        data = {"bearer": {"token": f"token-{name}"}, "apiKey": {"apiKey": f"key-{name}"}}[kind]
        body = {"userId": "me", "authenticationType": kind, "name": name, "data": data}
        made = self.client.post(self.path, json=body)
        assert made.status_code == 200, made.text
        return str(made.json()["credentialId"])

    def change(self, credential: str, **body: Any) -> httpx.Response:
        return self.client.patch(f"{self.path}/{credential}", json=body)

    def defaults(self) -> list[str]:
        listed = self.client.get(self.path).json()["credentials"]
        assert all(one.get("default", True) is True for one in listed)
        return [one["credentialId"] for one in listed if "default" in one]

    def call(
        self, argument: str | None = None, header: str | None = None, action: str = "listTasks"
    ) -> tuple[bool, dict[str, Any]]:
        arguments: dict[str, Any] = {"connectorId": self.connector, "actionId": action, "parameters": {}}
        if argument is not None:
            arguments["credentialId"] = argument
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "execute_action_alloy", "arguments": arguments},
        }
        headers = {"x-credential-id": header} if header else {}
        answer = self.client.post(f"/mcp/{self.server}", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        result = answer.json()["result"]
        return result.get("isError", False), result.get("structuredContent", result)

    def used(self, argument: str | None = None, header: str | None = None, action: str = "listTasks") -> str:
        """The name of the credential that reached the platform."""
        failed, answer = self.call(argument, header, action)
        assert not failed, answer
        headers = self.upstream.received[-1][2]
        return headers.get("authorization", headers.get("x-key", "")).rpartition("-")[2]

    def refused(self, argument: str | None = None, header: str | None = None, action: str = "listTasks") -> str:
        sent = len(self.upstream.received)
        failed, answer = self.call(argument, header, action)
        assert failed, answer
        assert len(self.upstream.received) == sent
        return str(answer)


@pytest.fixture
def person(service: Service, connector: str, upstream: Upstream) -> Person:
    return Person(service, connector, upstream)


def test_the_order(person: Person) -> None:
    assert "CREDENTIAL_NOT_FOUND" in person.refused()
    first = person.add("first")
    assert person.used() == "first"
    second, third = person.add("second"), person.add("third")
    said = person.refused()
    assert all(one in said for one in (first, second, third, "credentialId", "x-credential-id", "default"))
    assert person.change(second, default=True).json()["default"] is True
    assert person.used() == "second"
    assert person.used(header=third) == "third"
    assert person.used(argument=first, header=third) == "first"
    assert person.used(header=second) == "second"


def test_one_default_at_most(person: Person) -> None:
    first, second = person.add("first"), person.add("second")
    assert person.defaults() == []
    for credential in (first, second, second, first):
        assert person.change(credential, default=True).status_code == 200
        assert person.defaults() == [credential]
    assert "default" not in person.change(second, default=False).json()
    assert person.defaults() == [first]
    assert "default" not in person.change(first, default=False).json()
    assert person.defaults() == []
    assert "several" in person.refused()


def test_a_name_leaves_the_default_and_the_default_the_name(person: Person) -> None:
    credential = person.add("first")
    person.change(credential, default=True)
    renamed = person.change(credential, name="Other").json()
    assert (renamed["name"], renamed["default"]) == ("Other", True)
    both = person.change(credential, name="Third", default=False).json()
    assert both["name"] == "Third"
    assert "default" not in both
    assert person.change(credential, default=True).json()["name"] == "Third"
    replaced = person.client.put(
        f"{person.path}/{credential}", json={"authenticationType": "bearer", "data": {"token": "token-new"}}
    )
    assert replaced.json()["default"] is True
    assert person.client.get(f"{person.path}/{credential}").json()["default"] is True


def test_deleting_the_default_leaves_none(person: Person) -> None:
    first, second, third = person.add("first"), person.add("second"), person.add("third")
    person.change(second, default=True)
    assert person.client.delete(f"{person.path}/{second}").status_code == 200
    assert person.defaults() == []
    assert "several" in person.refused()
    person.client.delete(f"{person.path}/{third}")
    assert person.used() == "first"
    assert first


def test_many_at_once_leave_one(person: Person) -> None:
    made = [person.add(f"n{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: person.change(one, default=True).status_code, made * 3))
    assert set(answers) == {200}
    assert len(person.defaults()) == 1


def test_each_user_has_their_own(service: Service, connector: str, upstream: Upstream) -> None:
    people = [Person(service, connector, upstream) for _ in range(2)]
    mine = [person.add(f"p{number}") for number, person in enumerate(people)]
    for person, credential in zip(people, mine, strict=True):
        assert person.change(credential, default=True).status_code == 200
    assert [person.defaults() for person in people] == [[credential] for credential in mine]
    # Another's is none that there is.
    assert people[0].change(mine[1], default=True).status_code == 404
    assert [person.defaults() for person in people] == [[credential] for credential in mine]


def test_another_users_or_connectors_is_not_found(service: Service, connector: str, upstream: Upstream) -> None:
    person, other = (Person(service, connector, upstream) for _ in range(2))
    person.add("mine")
    foreign = other.add("theirs")
    body = {"userId": "me", "authenticationType": "bearer", "data": {"token": "token-x"}}
    elsewhere = person.client.post("/connectors/notion/credentials", json=body).json()["credentialId"]
    said = set()
    for credential in (foreign, elsewhere, STRANGER):
        for place in ({"argument": credential}, {"header": credential}):
            refusal = person.refused(**place)
            assert "CREDENTIAL_NOT_FOUND" in refusal
            said.add(refusal.replace(credential, "ID"))
    assert len(said) == 1, "the three read the same"
    rest = person.client.post(f"/connectors/{connector}/actions/listTasks/execute", json={"credentialId": foreign})
    assert (rest.status_code, rest.json()["error"]["code"]) == (400, "CREDENTIAL_NOT_FOUND")


def test_a_default_that_does_not_fit_the_action_is_passed_over(person: Person) -> None:
    tokened, keyed = person.add("token"), person.add("key", "apiKey")
    person.change(tokened, default=True)
    assert person.used() == "token"
    assert person.used(action="keyed") == "key"
    person.change(keyed, default=True)
    assert person.used(action="keyed") == "key"
    # Both kinds fit here, so the default counts.
    second = person.add("second", "apiKey")
    person.change(tokened, default=True)
    assert "several" in person.refused(action="keyed")
    assert second in person.refused(action="keyed")


def test_a_suspended_one_is_not_chosen_silently(service: Service, person: Person) -> None:
    first, second = person.add("first"), person.add("second")
    person.change(first, default=True)
    with contextlib.closing(sqlite3.connect(service.data_dir / "toolgate.db")) as database:
        database.execute("UPDATE credentials SET suspended = 1 WHERE credential_id = ?", (first,))
        database.commit()
    refusal = person.refused()
    assert "FORBIDDEN" in refusal
    assert first in refusal
    assert person.used(argument=second) == "second"
    # Where nothing was said, the only one that may be used is the one.
    person.change(first, default=False)
    assert person.used() == "second"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"default": None}, "default"),
        ({"default": "true"}, "default"),
        ({"default": 1}, "default"),
        ({"default": True, "name": ""}, "name"),
        ({"default": True, "name": "a\0"}, "name"),
        ({"default": True, "other": 1}, "other"),
        ([], "body"),
    ],
)
def test_bad_changes_change_nothing(person: Person, body: Any, field: str) -> None:
    credential = person.add("first")
    before = person.client.get(f"{person.path}/{credential}").json()
    answer = person.client.patch(f"{person.path}/{credential}", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_REQUEST")
    assert field in str(answer.json()["error"]["details"]) + answer.json()["error"]["message"]
    assert person.client.get(f"{person.path}/{credential}").json() == before


def test_a_change_of_nothing_is_told_so(person: Person) -> None:
    refused = person.client.patch(f"{person.path}/{person.add('first')}", json={}).json()["error"]
    assert refused["message"] == "body must have at least 1 field"


def test_on_the_command_line(service: Service) -> None:
    client = service.client()
    body = {"userId": "me", "authenticationType": "bearer", "data": {"token": "token-x"}}
    first, second = (client.post("/connectors/asana/credentials", json=body).json()["credentialId"] for _ in range(2))
    assert "is the default" in service.run("credentials", "default", "asana", first).stdout
    service.run("credentials", "default", "asana", second)

    def shown() -> dict[str, bool]:
        listed = client.get("/connectors/asana/credentials").json()["credentials"]
        return {one["credentialId"]: one.get("default", False) for one in listed}

    assert shown() == {first: False, second: True}
    assert "DEFAULT" in service.run("credentials", "list").stdout
    service.run("credentials", "default", "asana", second, "--clear")
    assert shown() == {first: False, second: False}
    unknown = service.run("credentials", "default", "asana", STRANGER, check=False)
    assert unknown.returncode == 1
    assert "not found" in unknown.stderr
    for credential in (first, second):
        client.delete(f"/connectors/asana/credentials/{credential}")
    tried = service.run("credentials", "default", "notion", first, check=False)
    assert tried.returncode == 1
