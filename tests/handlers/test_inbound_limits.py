"""The limits on whoever calls, over the running service: per key, user and address, and on actions under way."""

import json
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.jwts import token
from support.service import Service, serving
from support.silent import Silent, silence
from support.upstream import running


def statuses(client: httpx.Client, count: int, **headers: str) -> list[int]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return [client.get("/api/servers", headers=given).status_code for _ in range(count)]


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {
        "TOOLGATE_RATE_LIMIT": "1000",
        "TOOLGATE_RATE_LIMIT_USER": "5",
        "TOOLGATE_RATE_LIMIT_FAILURES": "3",
    }
    with serving(tmp_path_factory.mktemp("tight"), **settings) as running:
        yield running


def test_a_user_of_a_shared_key_has_a_window_of_their_own(tight: Service) -> None:
    one, other = (tight.run("users", "create", uuid.uuid4().hex).stdout.strip() for _ in range(2))
    client = tight.client()
    assert statuses(client, 7, x_alloy_userid=one) == [200] * 5 + [429] * 2
    refused = client.get("/api/servers", headers={"x-alloy-userid": one})
    assert refused.headers["ratelimit-policy"] == '"user";q=5;w=60'
    assert refused.headers["ratelimit"] == f'"user";r=0;t={refused.headers["retry-after"]}'
    assert refused.json()["error"]["code"] == "RATE_LIMITED"
    assert statuses(client, 2, x_alloy_userid=other) == [200] * 2
    # By a JWT it is the same user.
    assert statuses(tight.client(Authorization=f"Bearer {token(one)}"), 1) == [429]


def test_a_token_url_counts_for_whom_it_is_used(tight: Service) -> None:
    user = tight.run("users", "create", uuid.uuid4().hex).stdout.strip()
    key = tight.run("keys", "create", "--user", f"owner-{uuid.uuid4().hex}").stdout.strip()
    made = tight.client(Authorization=f"Bearer {key}").post("/api/servers", json={"name": uuid.uuid4().hex}).json()
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    proof = {"x-alloy-user-token": token(user)}
    found = [httpx.post(made["accessUrl"], json=ping, headers=proof).status_code for _ in range(6)]
    assert found == [200] * 5 + [429]
    # Its owner has made one request so far.
    assert [httpx.post(made["accessUrl"], json=ping).status_code for _ in range(5)] == [200] * 4 + [429]


def test_only_what_fails_is_refused_by_address(tight: Service) -> None:
    wrong = tight.client(Authorization="Bearer wrong-key-0123456789")
    assert statuses(wrong, 5) == [401] * 3 + [429] * 2
    refused = wrong.get("/api/servers")
    assert refused.headers["ratelimit-policy"] == '"default";q=3;w=60'
    assert refused.headers["retry-after"] == str(refused.json()["error"]["details"]["retryAfter"])
    # From the same address a right key passes, and other wrong ones, with which it would be guessed, do not.
    key = tight.run("keys", "create", "--user", uuid.uuid4().hex).stdout.strip()
    assert statuses(tight.client(Authorization=f"Bearer {key}"), 3) == [200] * 3
    assert statuses(tight.client(Authorization="Bearer another-key-0123456789"), 1) == [429]
    # Behind the proxy that is believed, each client is an address of its own.
    for address in ("192.0.2.7", "2001:db8::7"):
        assert statuses(wrong, 4, X_Forwarded_For=address) == [401] * 3 + [429]
    assert statuses(wrong, 1, X_Forwarded_For="2001:db8::8") == [429]


def test_who_is_no_believed_proxy_cannot_choose_an_address(tmp_path: Path) -> None:
    def untrusting(command: list[str]) -> list[str]:
        return [*command, "--forwarded-allow-ips", "192.0.2.1"]

    with serving(tmp_path, launch=untrusting, TOOLGATE_RATE_LIMIT_FAILURES="3") as running:
        wrong = running.client(Authorization="Bearer wrong-key-0123456789")
        found = [statuses(wrong, 1, X_Forwarded_For=f"192.0.2.{number}")[0] for number in range(5)]
        assert found == [401] * 3 + [429] * 2


SERVER_CAP, ACCOUNT_CAP = 3, 5


@pytest.fixture(scope="module")
def silent() -> Iterator[Silent]:
    with silence() as platform:
        yield platform


@pytest.fixture(scope="module")
def capped(tmp_path_factory: pytest.TempPathFactory, silent: Silent) -> Iterator[Service]:
    settings = {"TOOLGATE_MAX_CALLS_SERVER": str(SERVER_CAP), "TOOLGATE_MAX_CALLS_ACCOUNT": str(ACCOUNT_CAP)}
    with serving(tmp_path_factory.mktemp("capped"), **settings) as running:
        yield running


def account(service: Service, silent: Silent) -> tuple[httpx.Client, list[str]]:
    """The client of a new account that knows the platform, and two token URLs of it."""
    key = service.client().post("/accounts", json={"name": uuid.uuid4().hex}).json()["key"]
    client = service.client(Authorization=f"Bearer {key}")
    assert client.post("/connectors", json={"id": "silent", "document": silent.document()}).status_code == 201
    urls = [client.post("/api/servers", json={"name": uuid.uuid4().hex}).json()["accessUrl"] for _ in range(2)]
    return client, urls


def wait_there(url: str, timeout: int = 20_000, patience: float = 40) -> dict[str, Any]:
    arguments = {"connectorId": "silent", "actionId": "wait", "parameters": {}, "timeout": timeout}
    params = {"name": "execute_action_alloy", "arguments": arguments}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return dict(httpx.post(url, json=body, timeout=patience).json())


def wait_by_rest(client: httpx.Client, timeout: int = 20_000) -> httpx.Response:
    return client.post("/connectors/silent/actions/wait/execute", json={"credentialId": "none", "timeout": timeout})


def code_of(answer: dict[str, Any]) -> str:
    """Of an error of the tool, or of the protocol."""
    if "error" in answer:
        return str(answer["error"]["data"]["code"])
    return str(json.loads(answer["result"]["content"][0]["text"])["error"]["code"])


def test_actions_under_way_are_capped_and_nobody_else_feels_it(capped: Service, silent: Silent) -> None:
    client, (first, second) = account(capped, silent)
    other, (elsewhere, _) = account(capped, silent)
    before = silent.came
    with ThreadPoolExecutor(20) as pool:
        hanging = [pool.submit(wait_there, first) for _ in range(SERVER_CAP)]
        assert silent.waits_for(came=before + SERVER_CAP)
        assert code_of(wait_there(first)) == "RATE_LIMITED"
        # The account has room for more, on another server and over REST.
        hanging += [pool.submit(wait_there, second)]
        hanging.append(pool.submit(lambda: wait_by_rest(client).json()))
        assert silent.waits_for(came=before + ACCOUNT_CAP)
        assert code_of(wait_there(second)) == "RATE_LIMITED"
        refused = wait_by_rest(client)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["error"]["details"] == {
            "rule": "concurrency",
            "of": "account",
            "most": ACCOUNT_CAP,
            "retryAfter": 1,
        }
        # Whatever runs nothing goes on, and so does everybody else.
        tools = httpx.post(first, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).json()
        assert tools["result"]["tools"]
        assert client.get("/connectors/silent/actions").status_code == 200
        assert wait_by_rest(other, 1_000).status_code == 504
        assert code_of(wait_there(elsewhere, 1_000)) == "UPSTREAM_TIMEOUT"
        assert silent.came == before + ACCOUNT_CAP + 2
        for each in hanging:
            each.result()
    # What is over makes room again.
    assert wait_by_rest(client, 1_000).status_code == 504


def test_a_call_that_is_called_off_makes_room(capped: Service, silent: Silent) -> None:
    _, (url, _) = account(capped, silent)
    before = silent.came

    def leave() -> None:
        with pytest.raises(httpx.ReadTimeout):
            wait_there(url, 60_000, patience=2)

    threads = [threading.Thread(target=leave) for _ in range(SERVER_CAP)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert silent.waits_for(open_=0)
    assert silent.came == before + SERVER_CAP
    assert code_of(wait_there(url, 1_000)) == "UPSTREAM_TIMEOUT"


def test_a_body_of_too_many_values(service: Service) -> None:
    body = b'{"name":[' + b"[]," * 2_000_001 + b"[]]}"
    answer = service.client().post("/api/servers", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["details"]["rule"]) == (400, "maxItems")


def test_a_form_of_too_many_fields(service: Service) -> None:
    path = "/api/strategy/connector/slack/authorize?token=of-nobody-at-all"
    for count, rule in ((100, None), (101, "form")):
        answer = httpx.post(service.url + path, data={f"a{number}": "b" for number in range(count)})
        assert answer.status_code in (400, 403, 404)
        is_json = answer.headers["content-type"] == "application/json"
        assert (answer.json()["error"]["details"].get("rule") if is_json else None) in (rule, "additionalProperties")
        assert rule is None or rule in answer.text


def test_a_crowd_of_approvals(service: Service) -> None:
    with running() as upstream:
        client, connector = service.client(), f"crowd-{uuid.uuid4().hex[:8]}"
        assert client.post("/connectors", json={"id": connector, "document": upstream.document()}).status_code == 201
        made = client.post("/api/servers", json={"name": uuid.uuid4().hex, "confirmDestructive": True}).json()
        body = {"userId": "me", "authenticationType": "bearer", "data": {"token": "a-token-of-the-platform"}}
        assert client.post(f"/connectors/{connector}/credentials", json=body).status_code == 200
        found = []
        for number in range(22):
            arguments = {"connectorId": connector, "actionId": "deleteTask", "parameters": {}}
            arguments["parameters"] = {"pathParams": {"id": str(number)}}
            path = f"/api/servers/{made['serverId']}/tools/execute_action_alloy"
            found.append("approvalId" in client.post(path, json={"arguments": arguments}).text)
        assert found == [True] * 20 + [False] * 2
        assert not upstream.received
        client.delete(f"/connectors/{connector}")
