"""The life of an OAuth token at the doors: renewed on the way, refused, dead, connected again."""

import json
import signal
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.ledger import Ledger
from support.oauth_platform import CLIENT_ID, CLIENT_SECRET, OAuthPlatform, running
from support.service import Service, serving

URL_ELICITATION = {"elicitation": {"form": {}, "url": {}}}


@pytest.fixture
def platform() -> Iterator[OAuthPlatform]:
    with running() as started:
        yield started


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
