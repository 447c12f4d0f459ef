"""A sign-in and the life of its token, with an authorization server that nobody here wrote: npm oidc-provider.

Its login and consent pages, PKCE required, refresh tokens that rotate and whose second use voids the whole grant.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitRequestParams, ElicitRequestURLParams, ElicitResult
from real_provider import CLIENT, MACHINE, Person, Provider, providing

from gateway.assembly import build_gate
from gateway.settings import Settings
from support.service import Service, serving


@dataclass
class People:
    """The platform as a connector of a service with two processes on one file."""

    service: Service
    other: Service
    provider: Provider
    connector: str

    def start(self, **more: Any) -> str:
        body = {"userId": "me", "authenticationType": "oauth2", **more}
        answer = self.service.client().post(f"/connectors/{self.connector}/credentials", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["oauthUrl"])

    def credentials(self) -> list[dict[str, Any]]:
        found = self.service.client().get(f"/connectors/{self.connector}/credentials").json()["credentials"]
        assert isinstance(found, list)
        return found

    def execute(self, credential_id: str, action: str = "whoAmI", service: Service | None = None) -> httpx.Response:
        client = (service or self.service).client()
        path = f"/connectors/{self.connector}/actions/{action}/execute"
        return client.post(path, json={"credentialId": credential_id})


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    connector = f"people-{uuid.uuid4().hex[:8]}"
    with (
        serving(tmp_path) as service,
        serving(tmp_path / "other", TOOLGATE_DATA_DIR=str(service.data_dir), TOOLGATE_BASE_URL=service.url) as other,
        providing(f"{service.url}/api/strategy/connector/{connector}/callback") as provider,
    ):
        client = service.client()
        added = client.post("/connectors", json={"id": connector, "document": provider.document()})
        assert added.status_code == 201, added.text
        stored = client.post("/auth-configs", json={"connectorId": connector, **CLIENT})
        assert stored.status_code == 201, stored.text
        yield People(service, other, provider, connector)


@pytest.fixture
def person() -> Iterator[Person]:
    someone = Person()
    yield someone
    someone.close()


def test_the_whole_life_of_a_connection(people: People, person: Person) -> None:
    provider = people.provider

    # Connected, through our page and theirs.
    provider.give_tokens_for(2)
    end = person.sign_in(people.start())
    assert end.status_code == 200, end.text
    assert [url.removeprefix(people.service.url).removeprefix(provider.url).split("/")[1] for url in person.seen] == [
        "api",
        "interaction",
        "interaction",
        "api",
    ]
    (credential,) = people.credentials()
    credential_id = credential["credentialId"]
    assert credential["type"] == f"{people.connector}-oauth2"

    # Twenty calls by two processes on a token that has really ended: one refresh, and no token spent twice.
    time.sleep(2.5)
    provider.give_tokens_for(3600)
    before = provider.stats()["refreshed"]
    services = [people.service, people.other] * 10
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda service: people.execute(credential_id, service=service), services))
    assert [answer.status_code for answer in answers] == [200] * 20, answers[0].text
    assert {answer.json()["responseData"]["sub"] for answer in answers} == {"ann"}
    after = provider.stats()
    assert (after["refreshed"] - before, after["refused"], after["revoked"]) == (1, [], 0)

    # The grant is taken back at the platform: refused, dead, and the answer leads to the sign-in.
    _take_back(people, credential_id)
    answer = people.execute(credential_id, service=people.other)
    details = answer.json()["error"]["details"]
    assert (answer.status_code, details["status"]) == (400, "dead"), answer.text
    assert provider.stats()["refused"] == ["invalid_grant"]
    assert people.credentials()[0]["dead"] is True

    # Connected again by that link, in its place.
    again = person.sign_in(details["connectUrl"])
    assert again.status_code == 200, again.text
    assert [(row["credentialId"], "dead" in row) for row in people.credentials()] == [(credential_id, False)]
    assert people.execute(credential_id).json()["responseData"]["sub"] == "ann"

    # Removed here, and void there.
    gone = people.service.client().delete(f"/connectors/{people.connector}/credentials/{credential_id}").json()
    assert gone == {"success": True, "revocation": "revoked"}
    assert provider.stats()["destroyed"] >= 2

    # Nothing of all this stands in what the service wrote.
    written = people.service.log() + people.other.log()
    assert CLIENT["clientSecret"] not in written
    assert "eyJ" not in written


def test_the_official_client_shows_the_address_and_goes_on(people: People, person: Person) -> None:
    """URL mode elicitation (MCP 2026-07-28): the person signs in while the call waits for them."""
    shown: list[str] = []

    async def show(_context: Any, asked: ElicitRequestParams) -> ElicitResult:
        assert isinstance(asked, ElicitRequestURLParams)
        shown.append(asked.message)
        done = await asyncio.to_thread(person.sign_in, asked.url)
        return ElicitResult(action="accept" if done.status_code == 200 else "decline")

    async def call(url: str) -> Any:
        async with Client(streamable_http_client(url), elicitation_callback=show) as client:
            arguments = {"connectorId": people.connector, "actionId": "whoAmI", "parameters": {}}
            return await client.call_tool("execute_action_alloy", arguments)

    made = people.service.client().post("/api/servers", json={"name": "People"}).json()
    result = asyncio.run(call(made["accessUrl"]))
    assert not result.is_error, result
    assert json.loads(result.content[0].text)["responseData"]["sub"] == "ann"
    assert len(shown) == 1
    assert "People is not connected for this user" in shown[0]


def test_a_client_of_its_own_needs_no_person(people: People) -> None:
    body = {"userId": "me", "authenticationType": "clientCredentials", "data": MACHINE}
    stored = people.service.client().post(f"/connectors/{people.connector}/credentials", json=body)
    assert stored.status_code == 200, stored.text
    credential_id = stored.json()["credentialId"]
    for service in (people.service, people.other):
        answer = people.execute(credential_id, "whichClient", service)
        assert answer.json()["responseData"] == {"client": "machine"}
    wrong = {**body, "data": {**MACHINE, "clientSecret": "another"}}
    other = people.service.client().post(f"/connectors/{people.connector}/credentials", json=wrong).json()
    assert people.execute(other["credentialId"], "whichClient").json()["error"]["details"]["status"] == "dead"


def _take_back(people: People, credential_id: str) -> None:
    """The user takes the grant back at the platform, as the client itself may (RFC 7009): both tokens are void."""

    async def revoke() -> None:
        gate = build_gate(Settings(data_dir=people.service.data_dir, egress_allow=("127.0.0.0/8",)))
        try:
            connector = await gate.connectors.get("default", people.connector)
            _, secret = await gate.credentials.choose("default", "admin", people.connector, credential_id)
            assert await gate.refresher.revoke("default", connector, secret) == "revoked"
        finally:
            await gate.close()

    asyncio.run(revoke())
