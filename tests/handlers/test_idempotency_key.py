"""`Idempotency-Key` over real HTTP: once is once, also when two come at a time, after a restart and after a crash."""

import os
import signal
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import upstream
from support.oauth_platform import running as running_platform
from support.raw import request
from support.service import Service, serving
from support.sign_ins import Office, SignInPlatform, browser


@pytest.fixture
def client(service: Service) -> httpx.Client:
    """A user of one's own, with a key of their own."""
    return own_client(service, f"user-{uuid.uuid4().hex}")


def own_client(service: Service, user: str, *arguments: str) -> httpx.Client:
    key = service.run("keys", "create", "--user", user, *arguments).stdout.strip()
    return service.client(Authorization=f"Bearer {key}")


def create(client: httpx.Client, key: str, name: str = "once", **fields: Any) -> httpx.Response:
    return client.post("/api/servers", json={"name": name, **fields}, headers={"Idempotency-Key": key})


def names(client: httpx.Client) -> list[str]:
    return [server["name"] for server in client.get("/api/servers").json()["servers"]]


def rows(service: Service) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(service.data_dir / "toolgate.db")) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute("SELECT * FROM idempotency").fetchall()


def change(service: Service, statement: str) -> None:
    with closing(sqlite3.connect(service.data_dir / "toolgate.db", timeout=10)) as connection:
        connection.execute(statement)
        connection.commit()


def test_what_was_done_is_answered_again(client: httpx.Client) -> None:
    first = create(client, "k1")
    assert first.status_code == 201
    assert "idempotent-replayed" not in first.headers
    again = create(client, "k1")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    kept = ("content-type", "cache-control", "x-alloy-userid", "content-length")
    assert [again.headers[name] for name in kept] == [first.headers[name] for name in kept]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert names(client) == ["once"]


def test_without_a_key_nothing_is_replayed(client: httpx.Client) -> None:
    assert [client.post("/api/servers", json={"name": "x"}).status_code for _ in range(2)] == [201, 409]


def test_another_request_under_the_same_key_is_refused(client: httpx.Client) -> None:
    assert create(client, "k1").status_code == 201
    for name, fields in (("another", {}), ("once", {"description": "x"})):
        answer = create(client, "k1", name, **fields)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "IDEMPOTENCY_MISMATCH")
        assert answer.json()["error"]["details"] == {"field": "Idempotency-Key", "rule": "mismatch"}
    assert names(client) == ["once"]


def test_a_key_is_its_users_and_its_paths(service: Service, client: httpx.Client) -> None:
    first = create(client, "k1").json()
    other = own_client(service, f"user-{uuid.uuid4().hex}")
    theirs = create(other, "k1")
    assert (theirs.status_code, "idempotent-replayed" in theirs.headers) == (201, False)
    assert theirs.json()["serverId"] != first["serverId"]
    credential = {"userId": "me", "authenticationType": "bearer", "data": {"token": "x"}}
    made = [
        client.post(f"/connectors/{connector}/credentials", json=credential, headers={"Idempotency-Key": "k1"})
        for connector in ("slack", "github", "slack")
    ]
    assert [answer.status_code for answer in made] == [200] * 3
    assert ["idempotent-replayed" in answer.headers for answer in made] == [False, False, True]
    assert made[0].json() == made[2].json() != made[1].json()


@pytest.mark.parametrize("key", [b"", b" ", b"a b", b"x" * 256, b"a\x01", b"a\xc3\xa9", b"a\tb"])
def test_bad_keys(service: Service, key: bytes) -> None:
    name = uuid.uuid4().hex.encode()
    answer = request(service, b"POST", b"/api/servers", b'{"name":"%b"}' % name, (b"idempotency-key: " + key,))
    assert answer.status == 400, answer.body
    assert name.decode() not in names(service.client())


def test_a_repeated_key_is_refused(service: Service) -> None:
    keys = (b"idempotency-key: a", b"idempotency-key: b")
    answer = request(service, b"POST", b"/api/servers", b'{"name":"x"}', keys)
    assert (answer.status, answer.json()["error"]["details"]["rule"]) == (400, "pattern")


@pytest.mark.parametrize("key", ["x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "!~"])
def test_good_keys(client: httpx.Client, key: str) -> None:
    assert [create(client, key).status_code for _ in range(2)] == [201, 201]


def test_what_never_ran_is_not_kept(client: httpx.Client) -> None:
    assert create(client, "k1", "").status_code == 400
    headers = {"Idempotency-Key": "k1", "Content-Type": "text/plain"}
    assert client.post("/api/servers", content=b"{}", headers=headers).status_code == 415
    assert create(client, "k1").status_code == 201


def test_a_refusal_of_the_operation_is_kept(client: httpx.Client) -> None:
    taken = client.post("/api/servers", json={"name": "taken"}).json()
    first = create(client, "k1", "taken")
    assert first.status_code == 409
    client.delete(f"/api/servers/{taken['serverId']}")
    again = create(client, "k1", "taken")
    assert (again.status_code, again.content) == (409, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert create(client, "k2", "taken").status_code == 201


def test_a_replay_is_authorised_again(service: Service) -> None:
    user = f"user-{uuid.uuid4().hex}"
    client = own_client(service, user)
    assert create(client, "k1").status_code == 201
    reader = own_client(service, user, "--scope", "use")
    assert create(reader, "k1").status_code == 403
    key_id = next(line.split()[0] for line in service.run("keys", "list").stdout.splitlines() if user in line)
    service.run("keys", "revoke", key_id)
    assert create(client, "k1").status_code == 401


def test_of_many_at_once_one_is_done(client: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: create(client, "k1"), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["serverId"] for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 7
    assert names(client) == ["once"]


def test_mcp_endpoints_know_no_keys(service: Service, client: httpx.Client) -> None:
    url = create(client, "k1").json()["accessUrl"]
    for method in ("ping", "tools/list"):
        body = {"jsonrpc": "2.0", "id": 1, "method": method}
        answer = httpx.post(url, json=body, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 200
        assert "idempotent-replayed" not in answer.headers


def test_nothing_of_a_request_or_answer_is_readable_at_rest(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        secret = {"userId": "me", "authenticationType": "bearer", "data": {"token": "xoxb-very-secret"}}
        headers = {"Idempotency-Key": "a-key-of-mine"}
        made = running.client().post("/connectors/slack/credentials", json=secret, headers=headers)
        server = create(running.client(), "another-key-of-mine").json()
        (first, second) = rows(running)
        for row in (first, second):
            stored = b" ".join(value if isinstance(value, bytes) else str(value).encode() for value in tuple(row))
            for text in ("xoxb-very-secret", made.json()["credentialId"], server["accessToken"], "key-of-mine"):
                assert text.encode() not in stored
        assert {first["status"], second["status"]} == {200, 201}


def test_answers_survive_a_restart_for_a_day(tmp_path: Path) -> None:
    with serving(tmp_path) as first:
        made = create(first.client(), "k1")
        spent = [row["expires_at"] - time.time() for row in rows(first)]
        assert spent == [pytest.approx(24 * 3600, abs=60)]
    with serving(tmp_path) as second:
        again = create(second.client(), "k1")
        assert (again.status_code, again.content, len(rows(second))) == (201, made.content, 1)
        change(second, f"UPDATE idempotency SET expires_at = {int(time.time())}")
        # The key is forgotten: this is a new request, which finds the name taken.
        assert create(second.client(), "k1").status_code == 409


class TestSignIns:
    """A link to sign in lasts half an hour: an answer that holds one is not kept longer."""

    def half_an_hour_later(self, service: Service) -> None:
        for table in ("idempotency", "oauth_flows"):
            change(service, f"UPDATE {table} SET expires_at = expires_at - 1860")

    def ways(self, office: Office) -> dict[str, Callable[[], str]]:
        """The requests whose answers hold a link -> the link they answer."""
        server_id = office.api.post("/api/servers", json={"name": uuid.uuid4().hex}).json()["serverId"]
        keyed = {"Idempotency-Key": uuid.uuid4().hex}

        def of_rest() -> str:
            body = {"userId": "me", "authenticationType": "oauth2"}
            answer = office.api.post(f"/connectors/{office.connector_id}/credentials", json=body, headers=keyed)
            return str(answer.json()["oauthUrl"])

        def of_tool() -> str:
            path = f"/api/servers/{server_id}/tools/create_credential_alloy"
            arguments = {"connectorId": office.connector_id, "authenticationType": "oauth2"}
            answer = office.api.post(path, json={"arguments": arguments}, headers=keyed)
            return str(answer.json()["result"]["oauthUrl"])

        return {"rest": of_rest, "tool": of_tool}

    @pytest.mark.parametrize("way", ["rest", "tool"])
    def test_the_link_is_made_anew_when_it_is_over(self, tmp_path: Path, way: str) -> None:
        with (
            serving(tmp_path, TOOLGATE_EGRESS_ALLOW="127.0.0.0/8") as service,
            running_platform(SignInPlatform) as platform,
        ):
            assert isinstance(platform, SignInPlatform)
            ask = self.ways(Office(service, platform).open())[way]
            first = ask()
            assert ask() == first
            assert browser(service).get(first).status_code == 200
            self.half_an_hour_later(service)
            second = ask()
            assert second != first
            assert browser(service).get(first).status_code == 404
            assert browser(service).get(second).status_code == 200

    def test_what_is_kept_ends_with_the_link_at_the_latest(self, tmp_path: Path) -> None:
        with (
            serving(tmp_path, TOOLGATE_EGRESS_ALLOW="127.0.0.0/8") as service,
            running_platform(SignInPlatform) as platform,
        ):
            assert isinstance(platform, SignInPlatform)
            for way, ask in self.ways(Office(service, platform).open()).items():
                ask()
                with closing(sqlite3.connect(service.data_dir / "toolgate.db")) as connection:
                    (kept,) = connection.execute("SELECT max(expires_at) FROM idempotency").fetchone()
                    (link,) = connection.execute("SELECT max(expires_at) FROM oauth_flows").fetchone()
                assert kept <= link, way


def test_a_credential_that_is_missing_is_not_remembered(service: Service, client: httpx.Client) -> None:
    """The answer says "then call again": so the same request, under the same key, is let through once it is there."""
    with upstream.running() as platform:
        connector = f"tasks-{uuid.uuid4().hex[:8]}"
        body = {"id": connector, "document": platform.document()}
        assert service.client().post("/connectors", json=body).status_code == 201
        server_id = client.post("/api/servers", json={"name": "x"}).json()["serverId"]
        path, keyed = f"/api/servers/{server_id}/tools/execute_action_alloy", {"Idempotency-Key": "k1"}
        asked = {"arguments": {"connectorId": connector, "actionId": "getTask", "parameters": {"id": "7"}}}
        refused = client.post(path, json=asked, headers=keyed)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "CREDENTIAL_NOT_FOUND"), refused.text
        secret = {"userId": "me", "authenticationType": "bearer", "data": {"token": "x"}}
        assert client.post(f"/connectors/{connector}/credentials", json=secret).status_code == 200
        done = [client.post(path, json=asked, headers=keyed) for _ in range(2)]
        assert [answer.status_code for answer in done] == [200, 200], done[0].text
        assert ["idempotent-replayed" in answer.headers for answer in done] == [False, True]
        assert len(platform.received) == 1


def test_what_is_over_is_removed(tmp_path: Path) -> None:
    with serving(tmp_path) as first:
        for number in range(5):
            create(first.client(), f"k{number}", f"server {number}")
        change(first, "UPDATE idempotency SET expires_at = 5")
    with serving(tmp_path) as second:
        create(second.client(), "new", "new")
        assert len(rows(second)) == 1


def test_an_answer_that_cannot_be_opened_is_not_given_and_nothing_is_done_again(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        create(running.client(), "k1")
        change(running, "UPDATE idempotency SET sealed = zeroblob(100)")
        answer = create(running.client(), "k1")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")
        assert names(running.client()) == ["once"]


def test_after_a_crash_in_the_middle_the_outcome_is_unknown(tmp_path: Path) -> None:
    """A connector is being fetched from a slow address when the process is killed."""
    with upstream.running() as platform:
        body = {"id": "slow", "url": f"{platform.url}/slow"}

        def add(service: Service) -> httpx.Response:
            return service.client().post("/connectors", json=body, headers={"Idempotency-Key": "k1"})

        with serving(tmp_path) as first:

            def doomed() -> None:
                with suppress(httpx.TransportError):
                    add(first)

            caller = threading.Thread(target=doomed)
            caller.start()
            end = time.monotonic() + 20
            while not platform.received and time.monotonic() < end:
                time.sleep(0.01)
            assert platform.received
            os.kill(first.process.pid, signal.SIGKILL)
            caller.join()
        with serving(tmp_path) as second:
            for _ in range(2):
                answer = add(second)
                assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")
                assert "outcome is unknown" in answer.json()["error"]["message"]
            assert len(platform.received) == 1
