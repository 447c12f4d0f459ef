"""Sign-ins by OAuth 2.0: the link, the page, the platform and back, and whatever somebody may try on the way."""

import json
import re
import sqlite3
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.oauth_platform import running
from support.service import Service, serving
from support.sign_ins import CALLBACK, Office, SignInPlatform, browser, form_of, s256


@pytest.fixture(scope="module")
def platform() -> Iterator[SignInPlatform]:
    with running(SignInPlatform) as started:
        assert isinstance(started, SignInPlatform)
        yield started


@pytest.fixture
def office(service: Service, platform: SignInPlatform) -> Office:
    platform.asked.clear()
    platform.script.clear()
    platform.calls.clear()
    platform.lists.clear()
    platform.more.clear()
    return Office(service, platform)


def audited(office: Office) -> list[tuple[str, str]]:
    with sqlite3.connect(office.service.data_dir / "toolgate.db") as connection:
        wanted = "SELECT event, user_id FROM audit WHERE connector_id = ? ORDER BY audit_id"
        return connection.execute(wanted, (office.connector_id,)).fetchall()


def begun(office: Office) -> int:
    with sqlite3.connect(office.service.data_dir / "toolgate.db") as connection:
        wanted = "SELECT count(*) FROM oauth_flows WHERE connector_id = ?"
        count: int = connection.execute(wanted, (office.connector_id,)).fetchone()[0]
        return count


class TestTheWholeWay:
    def test_from_a_link_to_a_call(self, office: Office) -> None:
        office.open(scopes=["read", "write"])
        person = browser(office.service)
        link = office.link(name="My ledger")
        assert link.startswith(f"{office.service.url}/api/strategy/connector/{office.connector_id}/authorize?token=")
        page = person.get(link)
        assert page.status_code == 200
        for text in ("Ledger", "admin", "127.0.0.1", "<code>write</code>", "Read"):
            assert text in page.text
        asked = office.send(person, link)
        assert asked.url == f"{office.platform.url}/authorize"
        state, challenge = asked.query.pop("state"), asked.query.pop("code_challenge")
        assert asked.query == {
            "response_type": "code",
            "client_id": "the-client",
            "redirect_uri": office.config["callbackUrl"],
            "scope": "read write",
            "code_challenge_method": "S256",
        }
        done = office.back(person, code="the-code", state=state)
        assert done.status_code == 200
        assert "Ledger is connected" in done.text
        (told,) = office.platform.tokens_asked()
        assert told.client == ("the-client", office.secret)
        assert s256(told.fields.pop("code_verifier")) == challenge
        assert told.fields == {
            "grant_type": "authorization_code",
            "code": "the-code",
            "redirect_uri": office.config["callbackUrl"],
        }
        (credential,) = office.credentials()
        assert (credential["name"], credential["type"]) == ("My ledger", f"{office.connector_id}-oauth2")
        assert credential["credentialId"] in done.text
        assert office.call(credential["credentialId"]).json()["responseData"] == {"items": [1, 2, 3]}
        assert ("credential.connect", "admin") in audited(office)

    def test_on_to_the_redirect_uri(self, office: Office) -> None:
        there = "https://app.example.com/done?keep=1"
        office.open(redirectUris=[there])
        done = office.connect(redirectUri=there)
        (credential,) = office.credentials()
        assert done.status_code == 303
        assert done.headers["location"] == f"{there}&credentialId={credential['credentialId']}"

    def test_an_address_of_this_service_needs_no_entry(self, office: Office) -> None:
        office.open()
        done = office.connect(redirectUri=f"{office.service.url}/docs")
        assert done.headers["location"].startswith(f"{office.service.url}/docs?credentialId=")

    def test_for_another_user_by_the_tool(self, office: Office) -> None:
        office.open()
        user = office.api.post(
            "/users", json={"username": f"jane-{uuid.uuid4().hex[:8]}", "fullName": "Jane Doe"}
        ).json()
        server = office.api.post("/api/servers", json={"name": f"s {uuid.uuid4().hex}"}, headers=_as(user)).json()
        call = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": "create_credential_alloy",
                "arguments": {"connectorId": office.connector_id, "authenticationType": "oauth2"},
            },
        }
        headers = {"Accept": "application/json, text/event-stream", "x-redirect-uri": f"{office.service.url}/x"}
        answer = httpx.post(server["accessUrl"], json=call, headers=headers, trust_env=False).json()["result"]
        assert not answer.get("isError"), answer
        link = json.loads(answer["content"][0]["text"])["oauthUrl"]
        person = browser(office.service)
        assert "Jane Doe" in person.get(link).text
        asked = office.send(person, link)
        done = office.back(person, code="the-code", state=asked.query["state"])
        assert done.headers["location"].startswith(f"{office.service.url}/x?credentialId=")
        assert office.credentials() == []
        assert len(office.credentials(user["userId"])) == 1
        assert ("credential.connect", user["userId"]) in audited(office)

    def test_again_in_its_place(self, office: Office) -> None:
        office.open()
        office.connect()
        (credential,) = office.credentials()
        office.platform.access.clear()
        office.platform.refresh.clear()
        assert office.call(credential["credentialId"]).status_code >= 400
        done = office.connect(credentialId=credential["credentialId"])
        assert credential["credentialId"] in done.text
        assert [each["credentialId"] for each in office.credentials()] == [credential["credentialId"]]
        assert office.call(credential["credentialId"]).status_code == 200

    def test_anothers_credential_is_not_connected_again(self, office: Office) -> None:
        office.open()
        office.connect()
        (credential,) = office.credentials()
        user = office.api.post("/users", json={"username": f"joe-{uuid.uuid4().hex[:8]}"}).json()
        refused = office.ask(userId=user["userId"], credentialId=credential["credentialId"])
        assert refused.status_code == 404


def _as(user: dict[str, Any]) -> dict[str, str]:
    return {"x-alloy-userid": user["userId"]}


class TestQuirks:
    """Each word of `x-oauth`, once."""

    def test_of_the_authorization_request(self, office: Office) -> None:
        words = {
            "authorizeParameters": {"access_type": "offline", "state": "mine", "client_id": "mine"},
            "scopeSeparator": ",",
            "pkce": "none",
            "userScopeParameter": "user_scope",
        }
        office.open(office.platform.document(**words), scopes=["a", "b"], userScopes=["c", "d"])
        person = browser(office.service)
        asked = office.send(person, office.link())
        assert asked.query["access_type"] == "offline"
        assert (asked.query["scope"], asked.query["user_scope"]) == ("a,b", "c,d")
        assert asked.query["client_id"] == "the-client"
        assert len(asked.query["state"]) == 64
        assert "code_challenge" not in asked.query
        office.back(person, code="the-code", state=asked.query["state"])
        assert "code_verifier" not in office.platform.tokens_asked()[0].fields

    def test_scopes_set_in_the_app(self, office: Office) -> None:
        office.open(office.platform.document(scopesSetInApp=True))
        assert "scope" not in office.send(browser(office.service), office.link()).query

    def test_what_the_address_has_stays(self, office: Office) -> None:
        document = office.platform.document()
        flow = document["components"]["securitySchemes"]["signIn"]["flows"]["authorizationCode"]
        flow["authorizationUrl"] += "?tenant=acme&state=old"
        office.open(document)
        asked = office.send(browser(office.service), office.link())
        assert asked.query["tenant"] == "acme"
        assert asked.query["state"] != "old"

    @pytest.mark.parametrize(
        ("method", "in_form"), [("client_secret_post", True), ("client_secret_basic", False)], ids=["post", "basic"]
    )
    def test_client_authentication_and_format(self, office: Office, method: str, in_form: bool) -> None:
        words = {"tokenEndpointAuthMethod": method, "tokenRequestFormat": "json", "tokenRequestHeaders": {"X-Api": "3"}}
        office.open(office.platform.document(**words))
        assert office.connect().status_code == 200
        (told,) = office.platform.tokens_asked()
        assert told.client == ("the-client", office.secret)
        assert ("client_secret" in told.fields) is in_form
        assert (told.headers["content-type"], told.headers["x-api"]) == ("application/json", "3")

    def test_a_public_client(self, office: Office) -> None:
        office.open(clientSecret=None)
        assert office.connect().status_code == 200
        (told,) = office.platform.tokens_asked()
        assert (told.client, told.fields["client_id"]) == (None, "the-client")
        assert told.fields["code_verifier"]

    def test_the_token_of_a_user(self, office: Office) -> None:
        office.open(office.platform.document(userTokenField="authed_user.access_token"))
        office.platform.access.add("xoxp-user")
        office.platform.script.append((200, {"ok": True, "authed_user": {"access_token": "xoxp-user"}}, {}))
        assert office.connect().status_code == 200
        (credential,) = office.credentials()
        assert office.call(credential["credentialId"]).status_code == 200
        assert office.platform.calls[-1][1] == "Bearer xoxp-user"

    def test_an_instance_url(self, office: Office) -> None:
        office.open(office.platform.document(instanceUrlField="instance_url"))
        office.platform.more["instance_url"] = office.platform.url
        assert office.connect().status_code == 200
        (credential,) = office.credentials()
        assert office.call(credential["credentialId"]).status_code == 200

    @pytest.mark.parametrize(
        "url", ["ftp://x.example.com", "https://a@b.example.com", "", None, "https://x.example.com/?q"]
    )
    def test_an_instance_url_that_is_none(self, office: Office, url: str | None) -> None:
        office.open(office.platform.document(instanceUrlField="instance_url"))
        office.platform.more["instance_url"] = url
        assert office.connect().status_code == 400
        assert office.credentials() == []

    def test_fields_of_the_callback(self, office: Office) -> None:
        document = office.platform.document(callbackFields={"realmId": "realm"})
        document["x-connector"]["fields"] = {"realm": {"pattern": "^[0-9]{3,20}$", "in": "header"}}
        office.open(document)
        person = browser(office.service)
        asked = office.send(person, office.link())
        assert office.back(person, code="c", state=asked.query["state"], realmId="12345").status_code == 200
        asked = office.send(person, office.link())
        assert office.back(person, code="c", state=asked.query["state"], realmId="../evil").status_code == 400
        assert len(office.credentials()) == 1

    def test_accounts_servers(self, office: Office) -> None:
        servers = {"com": office.platform.url, "eu": "https://accounts.example.eu"}
        document = office.platform.document(accountsServerParameter="accounts-server", accountsServers=servers)
        document["x-connector"]["fields"] = {"region": {"pattern": "^(?:com|eu)$", "default": "com", "in": "header"}}
        office.open(document)
        person = browser(office.service)
        eu = office.send(person, office.link(data={"region": "eu"}))
        assert eu.url == "https://accounts.example.eu/authorize"
        eu = office.send(person, office.link(data={"region": "eu"}))
        more = {"accounts-server": office.platform.url}
        assert office.back(person, code="c", state=eu.query["state"], **more).status_code == 200
        com = office.send(person, office.link())
        more = {"accounts-server": "https://evil.example.com"}
        assert office.back(person, code="c", state=com.query["state"], **more).status_code == 400
        assert len(office.platform.tokens_asked()) == 1

    def tenants(self, office: Office, entries: Any, **x: Any) -> dict[str, Any]:
        office.platform.lists["/tenants"] = entries
        about = {"url": f"{office.platform.url}/tenants", "field": "tenant", "idProperty": "id", "nameProperty": "name"}
        document = office.platform.document(tenant={**about, **x})
        document["x-connector"]["fields"] = {"tenant": {"pattern": "^[a-z0-9-]{1,40}$", "in": "header"}}
        return document

    def test_one_tenant_is_taken(self, office: Office) -> None:
        office.open(self.tenants(office, [{"id": "t-1", "name": "Acme"}, {"id": "t-1", "name": "Acme again"}]))
        assert office.connect().status_code == 200
        (credential,) = office.credentials()
        assert credential["name"] == "Ledger: Acme"
        office.call(credential["credentialId"])

    def test_calls_go_to_the_base_url_of_the_tenant(self, office: Office) -> None:
        office.platform.lists["/tenants"] = [{"id": "c-1", "name": "Acme"}]
        about = {
            "url": f"{office.platform.url}/tenants",
            "field": "cloudId",
            "idProperty": "id",
            "nameProperty": "name",
        }
        office.open(office.platform.document(tenant=about, baseUrl=f"{office.platform.url}/ex/{{cloudId}}"))
        assert office.connect().status_code == 200
        (credential,) = office.credentials()
        assert office.call(credential["credentialId"]).status_code == 200
        assert office.platform.calls[-1][0] == "/ex/c-1/items"

    def test_several_tenants_are_a_choice(self, office: Office) -> None:
        office.open(self.tenants(office, [{"id": "t-1", "name": "<b>Acme</b>"}, {"id": "t-2", "name": "Beta"}]))
        person = browser(office.service)
        page = office.connect(person)
        assert page.status_code == 200
        assert "&lt;b&gt;Acme" in page.text
        assert "<b>Acme" not in page.text
        assert office.credentials() == []
        form, to = form_of(page), CALLBACK.format(office.connector_id)
        for wrong in ("2", "-1", "x", "", "٢"):
            assert person.post(to, data={**form, "tenant": wrong}).status_code == 400
        stranger = browser(office.service)
        assert stranger.post(to, data={**form, "tenant": "1"}).status_code == 403
        assert person.post(to, data={**form, "form": form["token"], "tenant": "1"}).status_code == 403
        assert office.credentials() == []
        done = person.post(to, data={**form, "tenant": "1"})
        assert done.status_code == 200
        assert [each["name"] for each in office.credentials()] == ["Ledger: Beta"]
        assert person.post(to, data={**form, "tenant": "1"}).status_code == 404
        assert len(office.credentials()) == 1

    @pytest.mark.parametrize("entries", [[], {"not": "a list"}, [{"id": "../x", "name": "Bad"}], [7, None]])
    def test_no_tenant(self, office: Office, entries: Any) -> None:
        office.open(self.tenants(office, entries))
        assert office.connect().status_code == 400
        assert office.credentials() == []

    def test_a_document_without_x_oauth(self, office: Office) -> None:
        document = office.platform.document()
        del document["x-connector"]
        office.open(document)
        assert office.connect().status_code == 200
        (credential,) = office.credentials()
        assert office.call(credential["credentialId"]).status_code == 200


class TestAttacks:
    def test_a_state_serves_once(self, office: Office) -> None:
        office.open()
        person = browser(office.service)
        state = office.send(person, office.link()).query["state"]
        assert office.back(person, code="c", state=state).status_code == 200
        again = office.back(person, code="c2", state=state)
        assert again.status_code == 404
        assert "is over" in again.text
        assert (len(office.credentials()), len(office.platform.tokens_asked())) == (1, 1)
        assert begun(office) == 0

    def test_another_browser_brings_nothing_back(self, office: Office) -> None:
        office.open()
        person, thief = browser(office.service), browser(office.service)
        link = office.link()
        state = office.send(person, link).query["state"]
        for cookies in ({}, {"toolgate-sign-in": "A" * 43}):
            thief.cookies.update(cookies)
            assert office.back(thief, code="c", state=state).status_code == 403
        thief.get(office.link())
        assert office.back(thief, code="c", state=state).status_code == 403
        assert office.platform.tokens_asked() == []
        assert office.back(person, code="c", state=state).status_code == 200

    def test_another_browser_does_not_go_on_with_a_link(self, office: Office) -> None:
        office.open()
        person, thief = browser(office.service), browser(office.service)
        link = office.link()
        office.send(person, link)
        refused = thief.post(link, data=form_of(thief.get(link)))
        assert refused.status_code == 403
        # Who pressed the button twice goes there twice; the first state is none any more.
        first, second = (office.send(person, link).query["state"] for _ in range(2))
        assert office.back(person, code="c", state=first).status_code == 404
        assert office.back(person, code="c", state=second).status_code == 200

    def test_a_form_from_elsewhere(self, office: Office) -> None:
        office.open()
        person, other = browser(office.service), browser(office.service)
        link, second = office.link(), office.link()
        theirs, mine = form_of(other.get(link)), form_of(person.get(link))
        assert person.post(link, data=theirs).status_code == 403
        assert person.post(second, data=mine).status_code == 403
        assert person.post(link, data={"form": "A" * 64}).status_code == 403
        person.cookies.clear()
        assert person.post(link, data=mine).status_code == 403
        assert person.post(link, json=mine).status_code == 415

    def test_another_connectors_callback(self, office: Office, service: Service, platform: SignInPlatform) -> None:
        office.open()
        other = Office(service, platform).open()
        person = browser(service)
        state = office.send(person, office.link()).query["state"]
        assert other.back(person, code="c", state=state).status_code == 403
        link = office.link().replace(office.connector_id, other.connector_id)
        assert person.get(link).status_code == 404
        assert (platform.tokens_asked(), office.credentials(), other.credentials()) == ([], [], [])

    def test_a_state_that_was_moved_in_the_store(self, office: Office) -> None:
        office.open()
        user = office.api.post("/users", json={"username": f"eve-{uuid.uuid4().hex[:8]}"}).json()["userId"]
        person = browser(office.service)
        state = office.send(person, office.link()).query["state"]
        with sqlite3.connect(office.service.data_dir / "toolgate.db") as connection:
            connection.execute("UPDATE oauth_flows SET user_id = ? WHERE connector_id = ?", (user, office.connector_id))
        assert office.back(person, code="c", state=state).status_code == 404
        assert office.credentials(user) == []

    def test_what_is_past_its_time(self, office: Office) -> None:
        office.open()
        person = browser(office.service)
        link = office.link()
        state = office.send(person, link).query["state"]
        with sqlite3.connect(office.service.data_dir / "toolgate.db") as connection:
            connection.execute("UPDATE oauth_flows SET expires_at = 1 WHERE connector_id = ?", (office.connector_id,))
        assert office.back(person, code="c", state=state).status_code == 404
        assert person.get(link).status_code == 404
        assert office.platform.tokens_asked() == []

    @pytest.mark.parametrize("state", ["", "x", "A" * 64, "A" * 5000, "\x00", "é", "../.."])
    def test_a_state_that_is_none(self, office: Office, state: str) -> None:
        office.open()
        refused = office.back(browser(office.service), code="c", state=state)
        assert refused.status_code == 404
        assert "is over" in refused.text

    def test_a_mixed_up_issuer(self, office: Office) -> None:
        office.open()
        person = browser(office.service)
        state = office.send(person, office.link()).query["state"]
        assert office.back(person, code="c", state=state, iss="https://evil.example.com").status_code == 400
        state = office.send(person, office.link()).query["state"]
        assert office.back(person, code="c", state=state, iss=f"{office.platform.url}/realm").status_code == 200
        assert len(office.platform.tokens_asked()) == 1

    def test_a_parameter_twice(self, office: Office) -> None:
        office.open()
        person = browser(office.service)
        state = office.send(person, office.link()).query["state"]
        twice = [("state", state), ("code", "a"), ("code", "b")]
        assert person.get(CALLBACK.format(office.connector_id), params=twice).status_code == 400
        assert office.platform.tokens_asked() == []

    def test_a_platform_that_says_no(self, office: Office) -> None:
        there = "https://app.example.com/done"
        office.open(redirectUris=[there])
        person = browser(office.service)
        evil = "<script>alert(1)</script>"
        state = office.send(person, office.link()).query["state"]
        page = office.back(person, error="access_denied", error_description=evil, state=state)
        assert page.status_code == 400
        assert "access_denied" in page.text
        assert evil not in page.text
        state = office.send(person, office.link(redirectUri=there)).query["state"]
        on = office.back(person, error="a&b=c", state=state)
        assert on.headers["location"] == f"{there}?error=a%26b%3Dc"
        office.platform.script.append((400, {"error": "invalid_grant", "error_description": "Spent"}, {}))
        refused = office.connect()
        assert refused.status_code == 400
        assert "Spent" in refused.text
        assert office.secret not in refused.text
        assert office.credentials() == []

    def test_a_disabled_user(self, office: Office) -> None:
        office.open()
        user = office.api.post("/users", json={"username": f"max-{uuid.uuid4().hex[:8]}"}).json()["userId"]
        person = browser(office.service)
        link = office.link(userId=user)
        state = office.send(person, link).query["state"]
        assert office.api.patch(f"/users/{user}", json={"disabled": True}).status_code == 200
        assert person.get(link).status_code == 403
        assert office.back(person, code="c", state=state).status_code == 403
        assert office.platform.tokens_asked() == []

    @pytest.mark.parametrize(
        "uri",
        [
            "https://app.example.com/done/../x",
            "https://app.example.com/done?x=1",
            "https://app.example.com/Done",
            "https://app.example.com.evil.example/done",
            "https://evil.example.com/done",
            "javascript:alert(1)",
            "//evil.example.com/x",
            "{own}.evil.example.com/",
            "{own}@evil.example.com/",
            "{own}\\@evil.example.com/",
            "/docs",
        ],
    )
    def test_a_redirect_uri_that_is_not_registered(self, office: Office, uri: str) -> None:
        office.open(redirectUris=["https://app.example.com/done"])
        refused = office.ask(redirectUri=uri.replace("{own}", office.service.url))
        assert refused.status_code == 400
        assert refused.json()["error"]["details"]["field"] in ("redirectUri", "body.redirectUri")

    def test_what_a_document_and_a_user_call_themselves(self, office: Office) -> None:
        document = office.platform.document()
        evil = "<img src=x onerror=alert(1)>\"'"
        document["x-connector"]["name"] = evil
        flow = document["components"]["securitySchemes"]["signIn"]["flows"]["authorizationCode"]
        flow["scopes"] = {"<i>": "<script>alert(1)</script>"}
        office.open(document, scopes=None)
        user = office.api.post("/users", json={"username": f"<u>{uuid.uuid4().hex[:8]}</u>"}).json()["userId"]
        page = browser(office.service).get(office.link(userId=user))
        assert page.status_code == 200
        for part in (evil, "<script", "<img", "<u>", "<i>"):
            assert part not in page.text

    def test_headers_of_the_pages(self, office: Office) -> None:
        office.open()
        person = browser(office.service)
        link = office.link()
        pages = [person.get(link), office.back(person, state="x"), office.connect(person)]
        for page in pages:
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert page.headers["x-frame-options"] == "DENY"
            assert page.headers["cache-control"] == "no-store"
            assert page.headers["referrer-policy"] == "no-referrer"
            assert "<script" not in page.text
            assert not re.search(r"""(?:src|href|url)\s*[=(]""", page.text.partition("</style>")[2])
        cookie = pages[0].headers["set-cookie"]
        assert re.fullmatch(r"toolgate-sign-in=[\w-]{43}; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax", cookie)

    def test_nothing_secret_is_kept_or_logged(self, office: Office) -> None:
        office.open()
        person = browser(office.service)
        link = office.link()
        state = office.send(person, link).query["state"]
        assert office.back(person, code="a-code-to-remember", state=state).status_code == 200
        token = link.partition("token=")[2]
        kept = b"".join(path.read_bytes() for path in office.service.data_dir.glob("toolgate.db*"))
        for secret in (token, state, office.secret, "a-code-to-remember", person.cookies["toolgate-sign-in"]):
            assert secret.encode() not in kept
            assert secret not in office.service.log()


def test_over_https_the_cookie_is_ours_alone(tmp_path: Any, platform: SignInPlatform) -> None:
    with serving(tmp_path, TOOLGATE_BASE_URL="https://gate.example.com") as service:
        office = Office(service, platform).open()
        link = office.link()
        assert link.startswith("https://gate.example.com/api/strategy/")
        page = browser(service).get(link.replace("https://gate.example.com", service.url))
        assert page.headers["set-cookie"].startswith("__Host-toolgate-sign-in=")
        assert page.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
        assert "http:" not in page.headers["content-security-policy"]
