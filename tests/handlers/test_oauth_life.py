"""The life of an OAuth token at the doors: renewed on the way, refused, dead, connected again, made void."""

import asyncio
import json
import signal
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.assembly import build_gate
from gateway.settings import Settings
from support.oauth_platform import CLIENT_ID, CLIENT_SECRET, OAuthPlatform, running
from support.service import Service, serving

URL_ELICITATION = {"elicitation": {"form": {}, "url": {}}}


@pytest.fixture
def platform() -> Iterator[OAuthPlatform]:
    with running() as started:
        yield started


@dataclass
class Ledger:
    """A platform as a connector of a service."""

    service: Service
    platform: OAuthPlatform
    connector: str
    auth_config_id: str = ""
    # Of the credential that was connected last.
    last: str = "0" * 24
    account: str = "default"

    @classmethod
    def add(cls, service: Service, platform: OAuthPlatform, register: bool = True, **document: Any) -> "Ledger":
        connector = f"ledger-{uuid.uuid4().hex[:8]}"
        made = service.client().post("/connectors", json={"id": connector, "document": platform.document(**document)})
        assert made.status_code == 201, made.text
        ledger = cls(service, platform, connector)
        if register:
            body = {"connectorId": connector, "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
            stored = service.client().post("/auth-configs", json=body)
            assert stored.status_code == 201, stored.text
            ledger.auth_config_id = stored.json()["authConfigId"]
        return ledger

    def connect(self, expires_in: int | None = -1, user: str = "admin", **data: str) -> str:
        """Store what a sign-in gives, from another process's point of view."""

        async def store() -> str:
            gate = build_gate(Settings(data_dir=self.service.data_dir))
            try:
                return await gate.credentials.create(
                    self.account,
                    user,
                    self.connector,
                    "oauth2",
                    "Mine",
                    {**self.platform.grant(), **data},
                    auth_config_id=self.auth_config_id,
                    expires_at=None if expires_in is None else int(time.time()) + expires_in,
                )
            finally:
                await gate.close()

        self.last = asyncio.run(store())
        return self.last

    def execute(self, action: str = "listItems", client: httpx.Client | None = None, **body: Any) -> httpx.Response:
        client = client or self.service.client()
        return client.post(
            f"/connectors/{self.connector}/actions/{action}/execute", json={"credentialId": self.last, **body}
        )

    def listed(self) -> list[dict[str, Any]]:
        found = self.service.client().get(f"/connectors/{self.connector}/credentials").json()["credentials"]
        assert isinstance(found, list)
        return found

    def delete(self, credential_id: str) -> Any:
        answer = self.service.client().delete(f"/connectors/{self.connector}/credentials/{credential_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def recorded(self, event: str, what: str = "outcome") -> list[str]:
        """The outcomes of the events of this connector, or another column of them."""
        with closing(sqlite3.connect(self.service.data_dir / "toolgate.db")) as database:
            query = f"SELECT {what} FROM audit WHERE connector_id = ? AND event = ? ORDER BY audit_id"
            return [row[0] for row in database.execute(query, (self.connector, event))]


@pytest.fixture
def ledger(service: Service, platform: OAuthPlatform) -> Ledger:
    return Ledger.add(service, platform)


class Assistant:
    """The server's owner over MCP."""

    def __init__(self, service: Service, **fields: Any) -> None:
        made = service.client().post("/api/servers", json={"name": f"life {uuid.uuid4().hex}", **fields})
        self.url = made.raise_for_status().json()["accessUrl"]
        self.http = service.client(Authorization="")

    def legacy(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        answer = self.http.post(self.url, json=body, headers={"MCP-Protocol-Version": "2025-11-25"})
        result = answer.raise_for_status().json()["result"]
        assert isinstance(result, dict)
        return result

    def modern(self, tool: str, arguments: dict[str, Any], capabilities: dict[str, Any], **more: Any) -> dict[str, Any]:
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        }
        params = {"name": tool, "arguments": arguments, "_meta": meta, **more}
        headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        answer = self.http.post(self.url, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        result = answer.json()["result"]
        assert isinstance(result, dict)
        return result


def test_a_token_that_has_ended_is_renewed_on_the_way(ledger: Ledger) -> None:
    credential_id = ledger.connect(-1)
    assert ledger.execute().json()["responseData"] == {"items": [1, 2, 3]}
    assert ledger.execute().status_code == 200
    assert [token for _, token in ledger.platform.calls] == ["Bearer access-token-2"] * 2
    (asked,) = ledger.platform.asked
    assert asked.fields == {"grant_type": "refresh_token", "refresh_token": "refresh-token-1"}
    assert asked.client == (CLIENT_ID, CLIENT_SECRET)
    assert ledger.recorded("credential.refresh") == ["ok"]
    assert ledger.recorded("credential.refresh", "subject") == [credential_id]
    assert "dead" not in ledger.listed()[0]
    test = ledger.service.client().post(f"/connectors/{ledger.connector}/credentials/{credential_id}/test").json()
    assert test["ok"] is True


@pytest.mark.parametrize("action", ["listItems", "addItem"])
def test_a_token_that_the_platform_refuses_is_renewed_once_and_the_call_sent_again(ledger: Ledger, action: str) -> None:
    ledger.connect(None)
    ledger.platform.access.clear()
    assert ledger.execute(action).status_code == 200
    assert [token for _, token in ledger.platform.calls] == ["Bearer access-token-1", "Bearer access-token-2"]
    assert ledger.recorded("action.execute") == ["ok"]


def test_a_platform_that_refuses_every_token_is_asked_twice(ledger: Ledger) -> None:
    ledger.connect(None)
    for _ in range(2):
        ledger.platform.access.clear()
        ledger.platform.access = _Nothing()
        answer = ledger.execute()
        assert (answer.status_code, answer.json()["error"]["details"]["status"]) == (502, 401)
    assert len(ledger.platform.asked) == 1
    assert len(ledger.platform.calls) == 3
    assert "dead" not in ledger.listed()[0]


class _Nothing(set[str]):
    def add(self, _token: str) -> None:
        """The platform believes no token that it gives."""


def test_a_dead_credential_says_so_and_where_to_connect_it_again(ledger: Ledger) -> None:
    credential_id = ledger.connect(-1)
    ledger.platform.refresh.clear()
    for _ in range(2):
        answer = ledger.execute()
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "CREDENTIAL_NOT_FOUND")
        assert (error["details"]["status"], error["details"]["credentialId"]) == ("dead", credential_id)
        url = error["details"]["connectUrl"]
        assert url.startswith(f"{ledger.service.url}/api/strategy/connector/{ledger.connector}/authorize?token=")
        assert url in error["details"]["remedy"]
    assert "refresh-token" not in answer.text
    assert len(ledger.platform.asked) == 1
    assert ledger.platform.calls == []
    assert [row["dead"] for row in ledger.listed()] == [True]
    one = ledger.service.client().get(f"/connectors/{ledger.connector}/credentials/{credential_id}").json()
    assert one["dead"] is True
    assert ledger.recorded("credential.refresh") == ["UPSTREAM_ERROR"]
    test = ledger.service.client().post(f"/connectors/{ledger.connector}/credentials/{credential_id}/test").json()
    assert test["ok"] is False
    assert "/authorize?token=" in test["message"]
    page = httpx.get(url, trust_env=False)
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    # Another one that lives is taken instead where none is named.
    ledger.connect(3600)
    done = Assistant(ledger.service).legacy("execute_action_alloy", _call(ledger))
    assert "isError" not in done


def test_where_nothing_is_stored_the_answer_leads_to_the_sign_in(ledger: Ledger) -> None:
    error = ledger.execute().json()["error"]
    assert (error["code"], error["message"]) == ("CREDENTIAL_NOT_FOUND", "Credential not found")
    details = error["details"]
    assert (details["status"], details["authenticationTypes"]) == ("missing", ["oauth2"])
    assert httpx.get(details["connectUrl"], trust_env=False).status_code == 200
    # Whoever has one and names another means one that is there.
    ledger.connect(3600)
    assert "connectUrl" not in ledger.execute(credentialId="0" * 24).json()["error"]["details"]


def test_without_a_client_the_answer_says_who_has_to_do_what(service: Service, platform: OAuthPlatform) -> None:
    details = Ledger.add(service, platform, register=False).execute().json()["error"]["details"]
    assert "connectUrl" not in details
    assert "have an operator register an app with Ledger" in details["remedy"]


def test_of_keys_the_answer_says_what_to_store(service: Service) -> None:
    answer = service.client().post("/connectors/twilio/actions/listMessages/execute", json={"credentialId": "0" * 24})
    details = answer.json()["error"]["details"]
    assert "connectUrl" not in details
    assert "create_credential_alloy: authenticationType basic with fields username, password" in details["remedy"]


def test_an_assistant_is_told_the_link_by_the_tool_and_in_direct_mode(ledger: Ledger) -> None:
    restrictions = {"connectors": {"mode": "allowlist", "allowedIds": [ledger.connector]}}
    for mode, tool, arguments in (
        ("connectivity", "execute_action_alloy", _call(ledger)),
        ("direct", "listItems", {}),
    ):
        assistant = Assistant(ledger.service, mode=mode, restrictions=restrictions)
        for result in (
            assistant.legacy(tool, arguments),
            assistant.modern(tool, arguments, {}),
            assistant.modern(tool, arguments, {"elicitation": {}}),
        ):
            assert result["isError"] is True
            assert json.loads(result["content"][0]["text"])["error"]["details"]["connectUrl"].startswith("http")


def test_a_client_that_can_show_an_address_is_asked_to_and_goes_on(ledger: Ledger) -> None:
    assistant = Assistant(ledger.service)
    asked = assistant.modern("execute_action_alloy", _call(ledger), URL_ELICITATION)
    assert asked["resultType"] == "input_required"
    ((key, question),) = asked["inputRequests"].items()
    assert (question["method"], question["params"]["mode"]) == ("elicitation/create", "url")
    assert httpx.get(question["params"]["url"], trust_env=False).status_code == 200
    answered = {"inputResponses": {key: {"action": "accept"}}, "requestState": asked["requestState"]}
    # Sent again too early: the link is said, and nothing is asked a second time.
    early = assistant.modern("execute_action_alloy", _call(ledger), URL_ELICITATION, **answered)
    assert (early["resultType"], early["isError"]) == ("complete", True)
    ledger.connect(3600)
    done = assistant.modern("execute_action_alloy", _call(ledger), URL_ELICITATION, **answered)
    assert json.loads(done["content"][0]["text"])["responseData"] == {"items": [1, 2, 3]}


def test_twenty_calls_by_two_processes_are_one_refresh(
    service: Service, platform: OAuthPlatform, tmp_path: Path
) -> None:
    with serving(tmp_path, TOOLGATE_DATA_DIR=str(service.data_dir)) as other:
        ledger = Ledger.add(service, platform)
        platform.delay = 0.5
        ledger.connect(-1)
        clients = [service.client(), other.client()] * 10
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda client: ledger.execute(client=client).status_code, clients))
    assert answers == [200] * 20
    assert (len(platform.asked), platform.reused) == (1, 0)
    assert {token for _, token in platform.calls} == {"Bearer access-token-2"}


def test_the_command_line_shares_the_lock(ledger: Ledger) -> None:
    ledger.platform.delay = 1.5
    credential_id = ledger.connect(-1)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(ledger.execute)
        tested = ledger.service.run("credentials", "test", ledger.connector, credential_id)
        assert call.result().status_code == 200
    assert "accepted the credential" in tested.stdout
    assert (len(ledger.platform.asked), ledger.platform.reused) == (1, 0)


def test_a_caller_waits_for_a_renewal_as_long_as_it_said_and_is_told_so(ledger: Ledger) -> None:
    ledger.platform.delay = 1.5
    body = {"credentialId": ledger.connect(-1), "timeout": 1000}
    path = f"/connectors/{ledger.connector}/actions/listItems/execute"
    late = ledger.service.client().post(path, json=body)
    assert late.status_code == 504
    assert late.json()["error"]["message"] == "The token for Ledger was not renewed within 1.0 seconds"
    # Nobody's departure ends the renewal.
    time.sleep(1)
    assert ledger.execute().status_code == 200
    assert len(ledger.platform.asked) == 1


def test_a_client_that_goes_away_in_the_middle_loses_no_token(ledger: Ledger) -> None:
    ledger.platform.delay = 1.0
    ledger.connect(-1)
    assistant = Assistant(ledger.service)
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "execute_action_alloy", "arguments": _call(ledger)},
    }
    with pytest.raises(httpx.ReadTimeout):
        assistant.http.post(assistant.url, json=body, timeout=0.4)
    time.sleep(1.2)
    assert ledger.recorded("action.execute") == ["CANCELLED"]
    assert ledger.recorded("credential.refresh") == ["ok"]
    assert ledger.execute().status_code == 200
    assert (len(ledger.platform.asked), ledger.platform.reused) == (1, 0)


def test_stopping_waits_until_a_rotated_token_is_stored(platform: OAuthPlatform, tmp_path: Path) -> None:
    platform.delay = 1.5
    with serving(tmp_path) as service:
        ledger = Ledger.add(service, platform)
        ledger.connect(-1)
        calling = threading.Thread(target=_ignoring_errors, args=(ledger,))
        calling.start()
        _until(lambda: bool(platform.asked))
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(20)
        calling.join()
    assert ledger.recorded("credential.refresh") == ["ok"]
    platform.delay = 0
    with serving(tmp_path) as service:
        ledger.service = service
        assert ledger.execute().status_code == 200
    assert (len(platform.asked), platform.reused) == (1, 0)


def test_a_process_killed_between_the_answer_and_the_store_costs_the_connection_and_nothing_else(
    platform: OAuthPlatform, tmp_path: Path
) -> None:
    """The one moment that nothing can bridge: the platform has rotated, and nobody has the new token.

    Promised: no half row; the others wait for the lease to end and no longer; the platform's refusal marks the
    credential dead, and the answer leads to the sign-in.
    """
    platform.delay = 3
    with serving(tmp_path) as service:
        ledger = Ledger.add(service, platform)
        credential_id = ledger.connect(-1)
        calling = threading.Thread(target=_ignoring_errors, args=(ledger,))
        calling.start()
        _until(lambda: bool(platform.spent))
        service.process.kill()
        service.process.wait(20)
        calling.join()
    platform.delay = 0
    with closing(sqlite3.connect(service.data_dir / "toolgate.db")) as database:
        query = "SELECT dead, version, lease_until - ? FROM credentials WHERE credential_id = ?"
        dead, version, left = database.execute(query, (int(time.time()), credential_id)).fetchone()
        assert (dead, version) == (0, 0)
        assert 0 < left <= 30
        # tests/gateway/credentials/oauth/test_refresh.py waits for a lease to end; here the clock is helped.
        database.execute("UPDATE credentials SET lease_until = 1")
        database.commit()
    with serving(tmp_path) as service:
        ledger.service = service
        details = ledger.execute().json()["error"]["details"]
        assert (details["status"], details["credentialId"]) == ("dead", credential_id)
        assert "connectUrl" in details
        assert ledger.listed()[0]["dead"] is True


@pytest.mark.parametrize("door", ["rest", "tool"])
def test_a_connector_that_is_removed_meanwhile_is_not_offered_to_be_connected(ledger: Ledger, door: str) -> None:
    ledger.connect(-1)
    ledger.platform.delay = 1.0
    assistant = Assistant(ledger.service)

    def ask() -> Any:
        if door == "rest":
            return ledger.execute().json()["error"]
        result = assistant.modern("execute_action_alloy", _call(ledger), URL_ELICITATION)
        return json.loads(result["content"][0]["text"])["error"]

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        _until(lambda: ledger.platform.asked)
        assert ledger.service.client().delete(f"/connectors/{ledger.connector}").status_code == 200
        error = asking.result(20)
    assert error["code"] == "CONNECTOR_NOT_FOUND"
    assert error["details"] == {"connectorId": ledger.connector}


def test_removing_a_credential_makes_its_token_void(ledger: Ledger) -> None:
    credential_id = ledger.connect(3600)
    assert ledger.delete(credential_id) == {"success": True, "revocation": "revoked"}
    for event in ("credential.delete", "credential.revoke"):
        assert ledger.recorded(event, "subject") == [credential_id]
    (asked,) = ledger.platform.asked
    assert asked.fields == {"token": "refresh-token-1", "token_type_hint": "refresh_token"}
    assert asked.client == (CLIENT_ID, CLIENT_SECRET)
    assert ledger.recorded("credential.delete") == ["ok"]
    assert ledger.recorded("credential.revoke") == ["ok"]
    ledger.platform.script.append((503, {"error": "not now"}, {}))
    assert ledger.delete(ledger.connect(3600)) == {"success": True, "revocation": "failed"}
    assert ledger.listed() == []
    assert ledger.recorded("credential.revoke") == ["ok", "failed"]


def test_a_platform_may_want_the_access_token_for_that(service: Service, platform: OAuthPlatform) -> None:
    ledger = Ledger.add(service, platform, revocationRequest="bearer")
    platform.script.append((200, b"null", {}))
    assert ledger.delete(ledger.connect(3600)) == {"success": True, "revocation": "revoked"}
    (asked,) = platform.asked
    assert asked.headers["authorization"] == "Bearer access-token-1"


def test_where_a_platform_has_no_address_for_that_it_is_said(service: Service, platform: OAuthPlatform) -> None:
    ledger = Ledger.add(service, platform, revocationUrl="")
    assert ledger.delete(ledger.connect(3600)) == {"success": True, "revocation": "unsupported"}


def test_the_tokens_of_a_user_who_is_removed_are_made_void(ledger: Ledger) -> None:
    client = ledger.service.client()
    user = client.post("/users", json={"username": f"ann-{uuid.uuid4().hex}"}).json()["userId"]
    ledger.connect(3600, user)
    ledger.connect(3600, user)
    assert client.delete(f"/users/{user}").status_code == 200
    assert sorted(ledger.platform.revoked) == ["refresh-token-1", "refresh-token-2"]


@pytest.mark.parametrize("door", ["rest", "cli"])
def test_the_tokens_of_an_account_that_is_removed_are_made_void(
    service: Service, platform: OAuthPlatform, door: str
) -> None:
    made = service.client().post("/accounts", json={"name": uuid.uuid4().hex}).json()
    theirs, account = service.client(Authorization=f"Bearer {made['key']}"), made["accountId"]
    connector = f"ledger-{uuid.uuid4().hex[:8]}"
    theirs.post("/connectors", json={"id": connector, "document": platform.document()}).raise_for_status()
    body = {"connectorId": connector, "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
    config = theirs.post("/auth-configs", json=body).raise_for_status().json()["authConfigId"]
    ledger = Ledger(service, platform, connector, config, account=account)
    ids = [ledger.connect(3600, made["userId"]), ledger.connect(3600, made["userId"])]
    # Whoever may not remove an account asks no platform for anything.
    assert theirs.delete(f"/accounts/{account}").status_code == 403
    assert platform.revoked == []
    if door == "rest":
        assert service.client().delete(f"/accounts/{account}").status_code == 200
    else:
        assert service.run("accounts", "delete", account).stdout == f"Account {account} is deleted.\n"
    assert sorted(platform.revoked) == ["refresh-token-1", "refresh-token-2"]
    assert {asked.client for asked in platform.asked} == {(CLIENT_ID, CLIENT_SECRET)}
    assert sorted(ledger.recorded("credential.revoke", "subject")) == sorted(ids)
    assert ledger.recorded("credential.revoke") == ["ok", "ok"]


class TestWithItsConnector:
    """The credentials of a connector that is removed go with it, and their tokens are void at the platform, too."""

    def remove(self, ledger: Ledger, door: str) -> None:
        if door == "rest":
            assert ledger.service.client().delete(f"/connectors/{ledger.connector}").status_code == 200
        else:
            said = ledger.service.run("connectors", "remove", ledger.connector).stdout
            assert said == f"Removed connector '{ledger.connector}' and 2 credential(s).\n"

    @pytest.mark.parametrize("door", ["rest", "cli"])
    def test_the_tokens_of_all_its_users_are_made_void(self, ledger: Ledger, door: str) -> None:
        user = ledger.service.client().post("/users", json={"username": uuid.uuid4().hex}).json()["userId"]
        ids = [ledger.connect(3600), ledger.connect(3600, user)]
        self.remove(ledger, door)
        assert sorted(ledger.platform.revoked) == ["refresh-token-1", "refresh-token-2"]
        # By the client whose auth config has gone, too.
        assert {asked.client for asked in ledger.platform.asked} == {(CLIENT_ID, CLIENT_SECRET)}
        assert sorted(ledger.recorded("credential.revoke", "subject")) == sorted(ids)
        assert ledger.recorded("credential.revoke") == ["ok", "ok"]
        assert ledger.recorded("connector.delete") == ["ok"]

    def test_what_the_platform_says_takes_nothing_back(self, ledger: Ledger) -> None:
        ledger.connect(3600)
        ledger.platform.script.append((503, {"error": "not now"}, {}))
        self.remove(ledger, "rest")
        assert ledger.recorded("credential.revoke") == ["failed"]
        assert ledger.service.client().get(f"/connectors/{ledger.connector}").status_code == 404

    def test_a_platform_that_takes_its_time_holds_nobody_up_for_long(self, ledger: Ledger) -> None:
        ledger.connect(3600)
        ledger.platform.delay = 60.0
        begun = time.monotonic()
        self.remove(ledger, "rest")
        assert time.monotonic() - begun < 12

    @pytest.mark.parametrize("what", ["credential", "connector"])
    def test_nothing_goes_where_a_suspended_credential_may_not_go(
        self, service: Service, platform: OAuthPlatform, what: str
    ) -> None:
        """The connector leads elsewhere by now, and nobody has confirmed that its credentials may go there."""
        ledger = Ledger.add(service, platform, register=False, flow="clientCredentials")
        client, path = service.client(), f"/connectors/{ledger.connector}"
        data = {"clientId": "c-1", "clientSecret": "very-secret-1"}
        body = {"userId": "me", "authenticationType": "clientCredentials", "data": data}
        ledger.last = client.post(f"{path}/credentials", json=body).json()["credentialId"]
        assert ledger.execute().status_code == 200
        with running() as elsewhere:
            moved = client.put(path, json={"document": elsewhere.document(flow="clientCredentials")})
            assert moved.json()["suspendedCredentials"] == 1
            assert (
                client.delete(path if what == "connector" else f"{path}/credentials/{ledger.last}").status_code == 200
            )
            assert elsewhere.asked == []
        assert ledger.recorded("credential.revoke") == ["failed"]

    def test_what_is_not_removed_keeps_its_tokens(self, ledger: Ledger) -> None:
        ledger.connect(3600)
        other = ledger.service.client().post("/accounts", json={"name": uuid.uuid4().hex}).json()["key"]
        theirs = ledger.service.client(Authorization=f"Bearer {other}")
        assert theirs.delete(f"/connectors/{ledger.connector}").status_code == 404
        assert ledger.service.client().delete("/connectors/slack").status_code == 409
        assert ledger.platform.revoked == []


def test_client_credentials_fetch_their_own_token(service: Service, platform: OAuthPlatform) -> None:
    ledger = Ledger.add(service, platform, register=False, flow="clientCredentials")
    client, path = service.client(), f"/connectors/{ledger.connector}/credentials"
    (entry,) = client.get(f"{path}/metadata").json()["metadata"]
    assert entry["authenticationType"] == "clientCredentials"
    data = {"clientId": "c-1", "clientSecret": "very-secret-1", "scope": "read"}
    body = {"userId": "me", "authenticationType": "clientCredentials", "data": data}
    for wrong in ({"clientId": "c-1"}, {**data, "token": "x"}, {**data, "scope": "a\nb"}):
        assert client.post(path, json={**body, "data": wrong}).status_code == 400
    credential_id = ledger.last = client.post(path, json=body).json()["credentialId"]
    assert ledger.execute().status_code == 200
    assert ledger.execute().status_code == 200
    (asked,) = platform.asked
    assert asked.fields == {"grant_type": "client_credentials", "scope": "read"}
    assert asked.client == ("c-1", "very-secret-1")
    # A token that the platform forgets is fetched anew.
    platform.access.clear()
    with serving(service.data_dir.parent / "beside", TOOLGATE_DATA_DIR=str(service.data_dir)) as other:
        assert ledger.execute(client=other.client()).status_code == 200
    assert len(platform.asked) == 2
    platform.access.clear()
    platform.script.append((401, {"error": "invalid_client", "error_description": "very-secret-1 is wrong"}, {}))
    with serving(service.data_dir.parent / "beside", TOOLGATE_DATA_DIR=str(service.data_dir)) as other:
        error = ledger.execute(client=other.client()).json()["error"]
    assert (error["code"], error["details"]["status"]) == ("CREDENTIAL_NOT_FOUND", "dead")
    assert "clientCredentials with fields clientId, clientSecret" in error["details"]["remedy"]
    assert "very-secret" not in json.dumps(error)
    # Stored again in its place, it lives.
    replaced = client.put(f"{path}/{credential_id}", json={k: v for k, v in body.items() if k != "userId"})
    assert "dead" not in replaced.json()
    assert ledger.execute().status_code == 200


def test_calls_go_where_the_token_counts(service: Service, platform: OAuthPlatform) -> None:
    with running() as instance:
        ledger = Ledger.add(service, platform, instanceUrlField="instance_url")
        instance.access.add("access-token-1")
        ledger.connect(3600, instanceUrl=instance.url)
        assert ledger.execute().status_code == 200
        assert [path for path, _ in instance.calls] == ["/api/items"]
        assert platform.calls == []


def test_a_renewal_moves_calls_where_the_platform_says(service: Service, platform: OAuthPlatform) -> None:
    with running() as instance:
        ledger = Ledger.add(service, platform, instanceUrlField="instance_url")
        instance.access.add("access-token-2")
        platform.more = {"instance_url": f"{instance.url}/"}
        ledger.connect(-1)
        assert ledger.execute().status_code == 200
        assert len(instance.calls) == 1


def test_nothing_secret_is_written(ledger: Ledger) -> None:
    ledger.connect(-1)
    assert ledger.execute().status_code == 200
    ledger.platform.script.append((400, {"error": "invalid_grant", "error_description": "refresh-token-2"}, {}))
    ledger.platform.access.clear()
    said = ledger.execute().text
    for secret in ("access-token", "refresh-token", CLIENT_SECRET):
        assert secret not in said
        assert secret not in ledger.service.log()


def _call(ledger: Ledger) -> dict[str, Any]:
    return {"connectorId": ledger.connector, "actionId": "listItems", "parameters": {}}


def _ignoring_errors(ledger: Ledger) -> None:
    with suppress(httpx.TransportError):
        ledger.execute()


def _until(happened: Any) -> None:
    end = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)
