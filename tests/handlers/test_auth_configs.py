"""Auth configs: the OAuth clients of an account, over REST and by the command line."""

import json
import sqlite3
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.contract import load_document
from gateway.credentials.oauth import checks
from support.jwts import token
from support.oauth_platform import running
from support.service import Service, serving
from support.sign_ins import Office, SignInPlatform, browser

OPERATIONS = [
    ("get", "/auth-configs", None),
    ("post", "/auth-configs", {"connectorId": "slack", "clientId": "x"}),
    ("get", "/auth-configs/{id}", None),
    ("patch", "/auth-configs/{id}", {"clientId": "y"}),
    ("delete", "/auth-configs/{id}", None),
]


def made(service: Service, **values: Any) -> dict[str, Any]:
    body = {"connectorId": "slack", "clientId": "client", "clientSecret": "s3cret", "name": uuid.uuid4().hex, **values}
    answer = service.client().post("/auth-configs", json={k: v for k, v in body.items() if v is not None})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_its_life(service: Service) -> None:
    client = service.client()
    secret = f"secret-{uuid.uuid4().hex}"
    one = made(service, clientSecret=secret, scopes=["chat:write"], redirectUris=["https://app.example.com/x"])
    path = f"/auth-configs/{one['authConfigId']}"
    assert one["callbackUrl"] == f"{service.url}/api/strategy/connector/slack/callback"
    assert (one["hasClientSecret"], one["isDefault"], one["scopes"]) == (True, False, ["chat:write"])
    assert client.get(path).json() == one
    assert one in client.get("/auth-configs").json()["authConfigs"]
    assert one in client.get("/auth-configs", params={"connectorId": "slack"}).json()["authConfigs"]
    assert one not in client.get("/auth-configs", params={"connectorId": "notion"}).json()["authConfigs"]
    changed = client.patch(path, json={"scopes": None, "clientSecret": None, "userScopes": ["search:read"]}).json()
    assert "scopes" not in changed
    assert (changed["hasClientSecret"], changed["userScopes"], changed["name"]) == (False, ["search:read"], one["name"])
    assert changed["redirectUris"] == one["redirectUris"]
    answers = [client.get(path), client.get("/auth-configs")]
    assert client.delete(path).json() == {"message": "Auth config deleted", "authConfigId": one["authConfigId"]}
    assert [
        client.request(method, path, json=body).status_code
        for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"name": "x"}))
    ] == [404, 404, 404]
    kept = b"".join(file.read_bytes() for file in service.data_dir.glob("toolgate.db*"))
    assert secret.encode() not in kept
    assert all(secret not in answer.text for answer in answers)
    with sqlite3.connect(service.data_dir / "toolgate.db") as connection:
        events = connection.execute(
            "SELECT event FROM audit WHERE event LIKE 'authConfig.%' ORDER BY audit_id"
        ).fetchall()
    assert [event for (event,) in events][-3:] == ["authConfig.create", "authConfig.update", "authConfig.delete"]


def test_a_second_one_without_a_name_is_told_what_its_name_would_be(service: Service) -> None:
    body = {"connectorId": "airtable", "clientId": "x"}
    assert service.client().post("/auth-configs", json=body).json()["name"] == "Default"
    refused = service.client().post("/auth-configs", json=body)
    assert refused.status_code == 409
    assert refused.json()["error"]["message"].endswith('without one it is "Default"')


def test_names_are_unique_at_a_connector(service: Service) -> None:
    client, one, two = service.client(), made(service), made(service)
    taken = client.post("/auth-configs", json={"connectorId": "slack", "clientId": "x", "name": one["name"]})
    assert (taken.status_code, taken.json()["error"]["details"]) == (409, {"field": "name", "rule": "unique"})
    assert client.patch(f"/auth-configs/{two['authConfigId']}", json={"name": one["name"]}).status_code == 409
    assert made(service, connectorId="notion", name=one["name"])["name"] == one["name"]


def test_one_default_at_most(service: Service) -> None:
    one, two = made(service, connectorId="box", isDefault=True), made(service, connectorId="box", isDefault=True)
    listed = service.client().get("/auth-configs", params={"connectorId": "box"}).json()["authConfigs"]
    default = {each["authConfigId"]: each["isDefault"] for each in listed}
    assert (default[one["authConfigId"]], default[two["authConfigId"]]) == (False, True)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"clientId": ""}, "clientId"),
        ({"clientId": "\x00"}, "clientId"),
        ({"clientId": "é"}, "clientId"),
        ({"clientSecret": ""}, "clientSecret"),
        ({"clientSecret": "a\nb"}, "clientSecret"),
        ({"name": ""}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"scopes": ["a b"]}, "scopes"),
        ({"scopes": "a"}, "scopes"),
        ({"userScopes": ['"']}, "userScopes"),
        ({"tokenEndpointAuthMethod": "private_key_jwt"}, "tokenEndpointAuthMethod"),
        ({"redirectUris": ["http://app.example.com/"]}, "redirectUris"),
        ({"redirectUris": ["javascript:alert(1)"]}, "redirectUris"),
        ({"redirectUris": ["https://a@b.example.com/"]}, "redirectUris"),
        ({"redirectUris": ["https://b.example.com/#x"]}, "redirectUris"),
        ({"redirectUris": ["/here"]}, "redirectUris"),
        ({"redirectUris": ["https://[::1"]}, "redirectUris"),
        ({"authorizationUrl": "http://login.example.com/"}, "authorizationUrl"),
        ({"authorizationUrl": "https://{tenant}.example.com/"}, "authorizationUrl"),
        ({"tokenUrl": "http://login.example.com/"}, "tokenUrl"),
        ({"tokenUrl": "http://169.254.169.254/"}, "tokenUrl"),
        ({"tokenUrl": "file:///etc/passwd"}, "tokenUrl"),
        ({"connectorId": 7}, "connectorId"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_bad_values(service: Service, values: dict[str, Any], field: str) -> None:
    client = service.client()
    before = client.get("/auth-configs").json()
    body = {"connectorId": "slack", "clientId": "x", "clientSecret": "y", "name": uuid.uuid4().hex, **values}
    refused = client.post("/auth-configs", json=body)
    assert refused.status_code == 400, refused.text
    assert field in refused.json()["error"]["details"]["field"]
    assert client.get("/auth-configs").json() == before
    if field != "connectorId":
        one = made(service)
        assert client.patch(f"/auth-configs/{one['authConfigId']}", json=values).status_code == 400
        assert client.get(f"/auth-configs/{one['authConfigId']}").json() == one


class TestSecretAndMethod:
    """A client that proves itself by a secret has one, and one that proves itself by nothing has none."""

    @pytest.mark.parametrize(
        ("method", "secret", "rule"),
        [
            ("client_secret_basic", None, "required"),
            ("client_secret_post", None, "required"),
            ("none", "s3cret", "forbidden"),
        ],
    )
    def test_what_does_not_go_together(self, service: Service, method: str, secret: str | None, rule: str) -> None:
        client = service.client()
        before = client.get("/auth-configs").json()
        given = {"tokenEndpointAuthMethod": method, **({} if secret is None else {"clientSecret": secret})}
        body = {"connectorId": "slack", "clientId": "x", "name": uuid.uuid4().hex, **given}
        error = refused_with_400(client.post("/auth-configs", json=body))
        assert error["details"] == {"field": "clientSecret", "rule": rule}
        assert "tokenEndpointAuthMethod" in error["message"]
        assert client.get("/auth-configs").json() == before

    @pytest.mark.parametrize(
        ("stored", "change", "rule"),
        [
            ({"tokenEndpointAuthMethod": "client_secret_post"}, {"clientSecret": None}, "required"),
            ({"clientSecret": None}, {"tokenEndpointAuthMethod": "client_secret_basic"}, "required"),
            ({}, {"tokenEndpointAuthMethod": "none"}, "forbidden"),
            ({"clientSecret": None, "tokenEndpointAuthMethod": "none"}, {"clientSecret": "s3cret"}, "forbidden"),
        ],
    )
    def test_an_update_is_held_against_what_is_stored(
        self, service: Service, stored: dict[str, Any], change: dict[str, Any], rule: str
    ) -> None:
        one = made(service, **stored)
        path = f"/auth-configs/{one['authConfigId']}"
        error = refused_with_400(service.client().patch(path, json=change))
        assert error["details"] == {"field": "clientSecret", "rule": rule}
        assert service.client().get(path).json() == one

    @pytest.mark.parametrize(
        ("stored", "change"),
        [
            ({}, {"tokenEndpointAuthMethod": "none", "clientSecret": None}),
            ({"clientSecret": None}, {"tokenEndpointAuthMethod": "client_secret_basic", "clientSecret": "s3cret"}),
            ({"tokenEndpointAuthMethod": "client_secret_basic"}, {"clientSecret": "another"}),
            ({"tokenEndpointAuthMethod": "client_secret_basic"}, {"tokenEndpointAuthMethod": None}),
            ({"clientSecret": None, "tokenEndpointAuthMethod": "none"}, {"clientId": "another"}),
        ],
    )
    def test_an_update_that_leaves_both_in_order(
        self, service: Service, stored: dict[str, Any], change: dict[str, Any]
    ) -> None:
        path = f"/auth-configs/{made(service, **stored)['authConfigId']}"
        assert service.client().patch(path, json=change).status_code == 200

    def test_what_an_earlier_version_took_can_still_be_changed_otherwise(self, service: Service) -> None:
        one = made(service)
        with sqlite3.connect(service.data_dir / "toolgate.db") as connection:
            connection.execute(
                "UPDATE auth_configs SET token_endpoint_auth_method = 'none' WHERE auth_config_id = ?",
                (one["authConfigId"],),
            )
        path = f"/auth-configs/{one['authConfigId']}"
        assert service.client().patch(path, json={"clientId": "another"}).status_code == 200
        assert service.client().patch(path, json={"clientSecret": "another"}).status_code == 400


def test_plain_http_is_for_loopback_at_both_doors(tmp_path: Path) -> None:
    """What the operator opened for calls is no place for a client's secret in plain text, whoever stores it."""
    with serving(tmp_path, TOOLGATE_EGRESS_ALLOW="10.0.0.0/8,127.0.0.0/8") as service:
        for url, taken in (("http://10.1.2.3/token", False), ("http://127.0.0.1:9/token", True)):
            body = {"connectorId": "slack", "clientId": "x", "clientSecret": "y", "name": "rest", "tokenUrl": url}
            assert (service.client().post("/auth-configs", json=body).status_code == 201) is taken
            arguments = ("create", "slack", "--client-id", "x", "--name", "cli", "--token-url", url)
            done = service.run("auth-configs", *arguments, stdin="y", check=False)
            assert (done.returncode == 0) is taken, done.stderr
            assert taken or "--token-url must be https (http only on loopback)" in done.stderr


def refused_with_400(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 400, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


def test_connectors_that_have_none(service: Service) -> None:
    client = service.client()
    refused = client.post("/auth-configs", json={"connectorId": "nobody", "clientId": "x"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "CONNECTOR_NOT_FOUND")
    refused = client.post("/auth-configs", json={"connectorId": "sendgrid", "clientId": "x"})
    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "connectorId")


@pytest.mark.parametrize(("method", "path", "body"), OPERATIONS)
def test_only_for_managers(service: Service, method: str, path: str, body: Any) -> None:
    one = made(service)
    path = path.replace("{id}", one["authConfigId"])
    use = service.client().post("/keys", json={"scopes": ["use"]}).json()["key"]
    for authorization in (f"Bearer {use}", f"Bearer {token('somebody')}"):
        refused = service.client(Authorization=authorization).request(method, path, json=body)
        assert refused.status_code == 403, refused.text
    assert httpx.request(method, service.url + path, json=body, trust_env=False).status_code == 401
    assert service.client().get(f"/auth-configs/{one['authConfigId']}").json() == one


@pytest.mark.parametrize(("method", "path", "body"), OPERATIONS[2:])
def test_another_account_sees_nothing(service: Service, method: str, path: str, body: Any) -> None:
    one = made(service)
    other = service.client().post("/accounts", json={"name": uuid.uuid4().hex}).json()["key"]
    client = service.client(Authorization=f"Bearer {other}")
    assert client.request(method, path.replace("{id}", one["authConfigId"]), json=body).status_code == 404
    assert client.get("/auth-configs").json() == {"authConfigs": []}
    asked = {"userId": "me", "authenticationType": "oauth2", "authConfigId": one["authConfigId"]}
    refused = client.post("/connectors/slack/credentials", json=asked)
    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "authConfigId")
    assert service.client().get(f"/auth-configs/{one['authConfigId']}").json() == one


def test_one_that_is_used_stays(service: Service) -> None:
    with running(SignInPlatform) as platform:
        assert isinstance(platform, SignInPlatform)
        office = Office(service, platform).open()
        assert office.connect().status_code == 200
        path = f"/auth-configs/{office.config['authConfigId']}"
        refused = office.api.delete(path)
        assert (refused.status_code, refused.json()["error"]["details"]["credentials"]) == (409, 1)
        (credential,) = office.credentials()
        office.api.delete(f"/connectors/{office.connector_id}/credentials/{credential['credentialId']}")
        link = office.link()
        assert office.api.delete(path).status_code == 200
        # And what had begun with it is over.
        assert browser(service).get(link).status_code == 404
        assert "authConfigId" in office.ask().json()["error"]["message"]


def test_with_its_connector_it_goes(service: Service) -> None:
    with running(SignInPlatform) as platform:
        assert isinstance(platform, SignInPlatform)
        office = Office(service, platform).open()
        office.api.delete(f"/connectors/{office.connector_id}")
        assert office.api.get(f"/auth-configs/{office.config['authConfigId']}").status_code == 404


def test_a_secret_stays_where_it_was_entrusted_to(service: Service) -> None:
    with running(SignInPlatform) as platform:
        assert isinstance(platform, SignInPlatform)
        office = Office(service, platform).open()
        link = office.link()
        document = platform.document()
        flow = document["components"]["securitySchemes"]["signIn"]["flows"]["authorizationCode"]
        flow["tokenUrl"] = "https://evil.example.com/token"
        assert office.api.put(f"/connectors/{office.connector_id}", json={"document": document}).status_code == 200
        assert office.ask().status_code == 403
        assert browser(service).get(link).status_code == 403
        assert platform.tokens_asked() == []
        path = f"/auth-configs/{office.config['authConfigId']}"
        assert office.api.patch(path, json={"clientId": "the-client"}).status_code == 200
        assert office.ask().status_code == 200


class TestWhichOne:
    def test_metadata_and_choice(self, service: Service) -> None:
        with running(SignInPlatform) as platform:
            assert isinstance(platform, SignInPlatform)
            document = platform.document()
            field = {"title": "Shop", "pattern": "^[a-z]{1,20}$", "example": "acme", "in": "header"}
            document["x-connector"]["fields"] = {"shop": field}
            office = Office(service, platform)
            client = office.api
            body = {"id": office.connector_id, "document": document}
            assert client.post("/connectors", json=body).status_code == 201
            about = f"/connectors/{office.connector_id}/credentials/metadata"
            (none,) = client.get(about).json()["metadata"]
            assert (none["available"], none["authConfigRequired"]) == (False, True)
            assert "toolgate auth-configs create" in none["description"]
            assert "operator" in office.ask(data={"shop": "acme"}).json()["error"]["message"]
            one = office.configure(name="one")
            (entry,) = client.get(about).json()["metadata"]
            assert (entry["available"], entry["authConfigRequired"]) == (True, False)
            assert entry["inputSchema"]["required"] == ["userId", "authenticationType", "data"]
            assert entry["inputSchema"]["properties"]["data"]["required"] == ["shop"]
            assert entry["sampleInput"] == {"userId": "me", "authenticationType": "oauth2", "data": {"shop": "acme"}}
            asked = client.post(f"/connectors/{office.connector_id}/credentials", json=entry["sampleInput"])
            assert set(asked.json()) == {"oauthUrl"}
            two = office.configure(name="two")
            (entry,) = client.get(about).json()["metadata"]
            assert entry["authConfigRequired"] is True
            ids = [one["authConfigId"], two["authConfigId"]]
            assert entry["inputSchema"]["properties"]["authConfigId"]["enum"] == ids
            refused = office.ask(data={"shop": "acme"}).json()["error"]
            assert refused["details"]["field"] == "authConfigId"
            assert all(each in refused["message"] for each in ids)
            assert office.ask(data={"shop": "acme"}, authConfigId=ids[1]).status_code == 200
            assert office.ask(data={"shop": "acme"}, authConfigId="x").status_code == 400
            client.patch(f"/auth-configs/{ids[0]}", json={"isDefault": True})
            assert office.ask(data={"shop": "acme"}).status_code == 200
            for data, rule in (({}, "required"), ({"shop": "A"}, "pattern"), ({"shop": "a", "x": "y"}, "unknown")):
                details = office.ask(data=data).json()["error"]["details"]
                assert details["rule"] == rule
                assert details["field"].startswith("data.")
            summary = {each["connector"]: each for each in client.get("/metadata/credentials").json()["data"]}
            assert summary[office.connector_id]["isOauth"] is True
            assert [each["name"] for each in summary[office.connector_id]["properties"]] == ["shop"]

    def test_what_goes_with_a_sign_in_only(self, service: Service) -> None:
        for more in ({"authConfigId": "x"}, {"redirectUri": "https://x.example.com/"}, {"credentialId": "x"}):
            body = {"userId": "me", "authenticationType": "bearer", "data": {"token": "x"}, **more}
            refused = service.client().post("/connectors/slack/credentials", json=body)
            assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, next(iter(more)))

    def test_no_secret_is_taken_for_a_sign_in(self, service: Service) -> None:
        made(service, connectorId="asana")
        body = {"userId": "me", "authenticationType": "oauth2", "data": {"token": "x"}}
        assert service.client().post("/connectors/asana/credentials", json=body).status_code == 400


class TestCommandLine:
    def test_its_life(self, service: Service) -> None:
        name = uuid.uuid4().hex
        done = service.run(
            "auth-configs", "create", "notion", "--client-id", "abc", "--name", name, "--scope", "a", stdin="s3cr3t-x\n"
        )
        config_id = done.stdout.strip()
        assert "/api/strategy/connector/notion/callback" in done.stderr
        shown = service.client().get(f"/auth-configs/{config_id}").json()
        assert (shown["clientId"], shown["scopes"], shown["hasClientSecret"]) == ("abc", ["a"], True)
        listed = json.loads(service.run("auth-configs", "list", "--json").stdout)
        assert config_id in [each["authConfigId"] for each in listed]
        assert name in service.run("auth-configs", "list").stdout
        service.run("auth-configs", "secret", config_id, stdin="another")
        service.run("auth-configs", "delete", config_id)
        assert service.client().get(f"/auth-configs/{config_id}").status_code == 404

    @pytest.mark.parametrize(
        ("arguments", "stdin", "words"),
        [
            (("create", "nobody", "--client-id", "x"), "s", "Connector not found"),
            (("create", "slack", "--client-id", "x"), "", "standard input"),
            (
                ("create", "slack", "--client-id", "x", "--public", "--token-url", "http://x.example"),
                "",
                "--token-url must be https",
            ),
            (("create", "slack", "--client-id", "x", "--public", "--redirect-uri", "x"), "", "absolute URL"),
            (("create", "slack", "--client-id", "x", "--public", "--scope", "a b"), "", "scope must match"),
            (("create", "slack", "--client-id", "é", "--public"), "", "--client-id must match"),
            (("create", "slack", "--client-id", "x", "--public", "--method", "client_secret_post"), "", "wants one"),
            (("create", "slack", "--client-id", "x", "--method", "none"), "s", "give --public"),
            (("secret", "0" * 24), "s", "Auth config not found"),
            (("delete", "nothing"), "", "Auth config not found"),
        ],
    )
    def test_sentences(self, service: Service, arguments: tuple[str, ...], stdin: str, words: str) -> None:
        done = service.run("auth-configs", *arguments, stdin=stdin, check=False)
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_the_limits_of_the_command_line_are_those_of_the_contract() -> None:
    schemas = load_document()["components"]["schemas"]
    body = schemas["CreateAuthConfig"]["properties"]
    for name in ("clientId", "clientSecret", "name"):
        assert checks._TEXTS[name].endswith(f"{{1,{body[name]['maxLength']}}}")
    assert {name: body[name]["maxItems"] for name in checks._MOST} == checks._MOST
    assert checks._SCOPE.endswith(f"{{1,{schemas['OauthScope']['maxLength']}}}")
