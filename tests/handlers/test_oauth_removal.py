"""Tokens made void at their platform when what holds them is removed: a credential, a user, an account, a connector."""

import time
import uuid
from collections.abc import Iterator

import pytest

from support.ledger import Ledger
from support.oauth_platform import CLIENT_ID, CLIENT_SECRET, OAuthPlatform, running
from support.service import Service


@pytest.fixture
def platform() -> Iterator[OAuthPlatform]:
    with running() as started:
        yield started


@pytest.fixture
def ledger(service: Service, platform: OAuthPlatform) -> Ledger:
    return Ledger.add(service, platform)


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
