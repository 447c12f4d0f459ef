"""Each kind of credential, from what its metadata asks for to what reaches the platform, and what never comes back."""

import base64
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema_rs
import pytest

import spec
from gateway.catalog.loader import load_shipped
from gateway.credentials.requirements import body_requirements, requirements
from support.jwts import token
from support.service import Service
from support.upstream import Upstream, running

FIRST, SECOND = "f1rst-secret-0f-one", "sec0nd-secret-0f-two"


@dataclass(frozen=True)
class Kind:
    """How a document says it, what a person gives, and what the platform must get: headers, query, path."""

    type: str
    data: dict[str, str]
    secret: tuple[str, ...]
    schemes: dict[str, Any] = field(default_factory=dict)
    extension: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    # Where the address of the platform has a field.
    path: str = ""


def key(name: str, place: str) -> dict[str, str]:
    return {"type": "apiKey", "in": place, "name": name}


PAIR = base64.b64encode(b"jane@example.com:" + FIRST.encode()).decode()
KINDS = {
    "API key in a header": Kind(
        "apiKey", {"apiKey": FIRST}, ("apiKey",), {"k": key("X-Api-Key", "header")}, headers={"x-api-key": FIRST}
    ),
    "API key in the query": Kind(
        "apiKey", {"apiKey": FIRST}, ("apiKey",), {"k": key("api_key", "query")}, query={"api_key": FIRST}
    ),
    "bearer": Kind(
        "bearer",
        {"token": FIRST},
        ("token",),
        {"b": {"type": "http", "scheme": "bearer"}},
        headers={"authorization": f"Bearer {FIRST}"},
    ),
    "basic": Kind(
        "basic",
        {"username": "jane@example.com", "password": FIRST},
        ("username", "password"),
        {"b": {"type": "http", "scheme": "basic"}},
        headers={"authorization": f"Basic {PAIR}"},
    ),
    "shop name and token": Kind(
        "apiKey",
        {"apiKey": FIRST, "shop": "acme-outdoor"},
        ("apiKey",),
        extension={
            "authentication": [{"type": "apiKey", "name": "X-Access-Token"}],
            "fields": {"shop": {"title": "Shop", "example": "acme", "pattern": "^[a-z-]{1,30}$"}},
        },
        headers={"x-access-token": FIRST},
        path="/acme-outdoor/tasks",
    ),
    "a tenant in a header": Kind(
        "bearer",
        {"token": FIRST, "Tenant-Id": "tenant-1"},
        ("token",),
        extension={
            "authentication": [{"type": "bearer"}],
            "fields": {"Tenant-Id": {"title": "Tenant", "in": "header", "example": "t1"}},
        },
        headers={"authorization": f"Bearer {FIRST}", "tenant-id": "tenant-1"},
    ),
    "two keys": Kind(
        "apiKey",
        {"apiKey": FIRST, "X-App-Key": SECOND},
        ("apiKey", "X-App-Key"),
        {"secret": key("X-Secret", "header"), "app": key("X-App-Key", "header")},
        headers={"x-secret": FIRST, "x-app-key": SECOND},
    ),
    "a second secret that the document names": Kind(
        "bearer",
        {"token": FIRST, "signature": SECOND},
        ("token", "signature"),
        extension={
            "authentication": [{"type": "bearer"}],
            "fields": {"signature": {"title": "Signature", "in": "query", "secret": True}},
        },
        headers={"authorization": f"Bearer {FIRST}"},
        query={"signature": SECOND},
    ),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running() as started:
        yield started


def document(upstream: Upstream, kind: Kind) -> dict[str, Any]:
    made = upstream.document(**kind.extension)
    made["components"]["securitySchemes"] = kind.schemes
    # All of them in one requirement: they are needed together.
    made["security"] = [{name: [] for name in kind.schemes}] if kind.schemes else []
    if kind.path:
        made["servers"] = [{"url": f"{upstream.url}/{{shop}}", "variables": {"shop": {"default": "your-shop"}}}]
    if not kind.schemes:
        del made["security"], made["components"]
    return made


@pytest.mark.parametrize("name", KINDS)
def test_from_the_metadata_to_the_platform(service: Service, upstream: Upstream, name: str) -> None:
    kind = KINDS[name]
    connector = f"kind-{uuid.uuid4().hex[:8]}"
    made = service.client().post("/connectors", json={"id": connector, "document": document(upstream, kind)})
    assert made.status_code == 201, made.text
    client = service.client(Authorization=f"Bearer {token(f'user-{uuid.uuid4().hex}')}")
    path = f"/connectors/{connector}/credentials"

    (entry,) = client.get(f"{path}/metadata").json()["metadata"]
    assert entry["authenticationType"] == kind.type
    asked = entry["inputSchema"]["properties"]["data"]
    assert set(asked["properties"]) == set(asked["required"]) == set(kind.data)
    assert {one for one, about in asked["properties"].items() if about.get("writeOnly")} == set(kind.secret)
    judge = jsonschema_rs.Draft202012Validator(entry["inputSchema"])
    body = {"userId": "me", "authenticationType": kind.type, "data": kind.data}
    assert judge.is_valid(entry["sampleInput"])
    assert judge.is_valid(body)

    for missing in kind.data:
        less = {one: value for one, value in kind.data.items() if one != missing}
        assert not judge.is_valid({**body, "data": less})
        refused = client.post(path, json={**body, "data": less})
        assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, f"data.{missing}")
    assert client.get(path).json()["credentials"] == []
    credential = client.post(path, json=body).json()["credentialId"]

    # The platform repeats what it was given, in an answer that says nothing is wrong.
    repeated = " ".join(kind.data[one] for one in kind.secret if one != "username")
    answer = client.post(
        f"/connectors/{connector}/actions/tasks_create/execute",
        json={"credentialId": credential, "requestBody": {"title": repeated}},
    )
    if answer.status_code == 404:
        actions = client.get(f"/connectors/{connector}/actions").json()["actions"]
        (action,) = (one["id"] for one in actions if one["httpMethod"] == "post")
        answer = client.post(
            f"/connectors/{connector}/actions/{action}/execute",
            json={"credentialId": credential, "requestBody": {"title": repeated}},
        )
    assert answer.status_code == 200, answer.text
    _, target, headers, sent = upstream.received[-1]
    assert headers.items() >= kind.headers.items()
    assert dict(parse_qsl(urlsplit(target).query)) == kind.query
    assert urlsplit(target).path == (kind.path or "/tasks")
    assert json.loads(sent) == {"title": repeated}
    shown = client.get(f"{path}/{credential}").text + client.get(path).text + answer.text
    for one in kind.secret:
        if one != "username":
            assert kind.data[one] not in shown
    assert FIRST not in service.log()
    assert SECOND not in service.log()


# An auth config, as an operator stores one for sign-ins.
APP = SimpleNamespace(auth_config_id="507f1f77bcf86cd799439011", name="Our app", is_default=True)


@pytest.mark.parametrize("clients", [[], [APP]], ids=["no app", "an app"])
@pytest.mark.parametrize("connector_id", spec.connector_names())
def test_what_a_shipped_connector_asks_for(connector_id: str, clients: list[Any]) -> None:
    """The sample fits the schema, and what is required is described; as the tool and as REST say it."""
    connector = load_shipped(connector_id)
    of_tool, of_rest = requirements(connector, clients), body_requirements(connector, clients)
    assert [entry["authenticationType"] for entry in of_tool] == [entry["authenticationType"] for entry in of_rest]
    for entry, body in zip(of_tool, of_rest, strict=True):
        schema = entry["inputSchema"]
        assert jsonschema_rs.Draft202012Validator(schema).is_valid(entry["sampleInput"])
        assert set(schema["required"]) <= set(schema["properties"])
        assert set(schema["required"]) <= set(entry["sampleInput"]) <= set(schema["properties"])
        for name, about in schema["properties"].items():
            if name != "authenticationType":
                assert about["type"] == "string"
                assert about.get("description"), f"{connector_id} does not say what {name} is"
        judge = jsonschema_rs.Draft202012Validator(body["inputSchema"])
        assert judge.is_valid(body["sampleInput"])
        for name in body["inputSchema"]["properties"]["data"]["required"]:
            data = {one: value for one, value in body["sampleInput"].get("data", {}).items() if one != name}
            assert not judge.is_valid({**body["sampleInput"], "data": data})


def test_a_secret_has_no_default(service: Service, upstream: Upstream) -> None:
    fields = {"signature": {"in": "query", "secret": True, "default": "x"}}
    body = {"id": "defaulted", "document": upstream.document(fields=fields)}
    answer = service.client().post("/connectors", json=body)
    assert answer.status_code == 400
    assert "default" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("connector", "kind", "data", "details", "message"),
    [
        (
            "shopify",
            "apiKey",
            {"apiKey": FIRST, "shopName": "evil.example/"},
            {"field": "data.shopName", "rule": "pattern"},
            "data.shopName is not what it takes: ",
        ),
        (
            "shopify",
            "apiKey",
            {"apiKey": FIRST},
            {"field": "data.shopName", "rule": "required"},
            "data.shopName is required: ",
        ),
        (
            "mailgun",
            "basic",
            {"username": "api:key", "password": FIRST},
            {"field": "data.username", "rule": "characters"},
            "data.username must not have a colon",
        ),
    ],
)
def test_data_that_no_platform_could_take_are_refused_in_true_words(
    service: Service, connector: str, kind: str, data: dict[str, str], details: dict[str, str], message: str
) -> None:
    path = f"/connectors/{connector}/credentials"
    before = service.client().get(path).json()
    refused = service.client().post(path, json={"userId": "me", "authenticationType": kind, "data": data})
    assert refused.status_code == 400
    assert refused.json()["error"]["details"] == details
    assert refused.json()["error"]["message"].startswith(message)
    assert ".," not in refused.json()["error"]["message"]
    assert service.client().get(path).json() == before
