"""Where MCP clients learn to sign in (RFC 9728), which tokens open which server (RFC 8707), and what a refusal says."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.issuer import Issuer, issuing
from support.service import Service, serving

PING = {"jsonrpc": "2.0", "method": "ping", "id": 1}
WELL_KNOWN = "/.well-known/oauth-protected-resource/mcp/"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as running:
        yield running


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Service]:
    """A service whose default account signs in with the issuer."""
    settings = {
        "TOOLGATE_JWT_SECRET": "",
        "TOOLGATE_JWT_ISSUER": issuer.url,
        "TOOLGATE_JWT_JWKS_URL": issuer.jwks_url,
        "TOOLGATE_JWT_SCOPES": "mcp,tools",
    }
    with serving(tmp_path_factory.mktemp("signing"), **settings) as running:
        yield running


def new_server(service: Service, bearer: str | None = None, **body: Any) -> dict[str, Any]:
    client = service.client(**({"Authorization": f"Bearer {bearer}"} if bearer else {}))
    made = client.post("/api/servers", json={"name": uuid.uuid4().hex, **body})
    assert made.status_code == 201, made.text
    return dict(made.json())


def new_account(service: Service) -> dict[str, Any]:
    return dict(service.client().post("/accounts", json={"name": uuid.uuid4().hex}).json())


def document(service: Service, server_id: str) -> httpx.Response:
    return httpx.get(service.url + WELL_KNOWN + server_id, trust_env=False)


def ping(url: str, bearer: str | None = None, **headers: str) -> httpx.Response:
    given = {**headers, **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
    return httpx.post(url, json=PING, headers=given, trust_env=False)


def test_the_document(signing: Service, issuer: Issuer) -> None:
    server = new_server(signing, name=f"Quarterly Plans {uuid.uuid4().hex}")
    answer = document(signing, server["serverId"])
    assert answer.status_code == 200
    assert answer.json() == {
        "resource": server["url"],
        "authorization_servers": [issuer.url],
        "bearer_methods_supported": ["header"],
        "resource_name": "Toolgate",
        "scopes_supported": ["mcp", "tools"],
    }
    assert server["name"] not in answer.text


def test_the_challenge_leads_to_the_document(signing: Service, issuer: Issuer) -> None:
    server = new_server(signing)
    metadata = signing.url + WELL_KNOWN + server["serverId"]
    common = f'resource_metadata="{metadata}", scope="mcp tools"'
    missing = ping(server["url"])
    assert (missing.status_code, missing.headers["www-authenticate"]) == (401, f'Bearer realm="toolgate", {common}')
    for wrong in ("no-key-of-this-place", issuer.token(exp=1), "a.b.c"):
        answer = ping(server["url"], wrong)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == f'Bearer realm="toolgate", {common}, error="invalid_token"'
    # At other doors there is nothing to sign in to.
    plain = httpx.get(f"{signing.url}/api/servers/{server['serverId']}/tools", trust_env=False)
    assert (plain.status_code, plain.headers["www-authenticate"]) == (401, 'Bearer realm="toolgate"')


def test_a_token_url_is_never_mentioned(signing: Service) -> None:
    server = new_server(signing)
    token = server["accessUrl"].rpartition("/")[2]
    assert document(signing, f"{server['serverId']}/{token}").status_code == 404
    for url in (server["accessUrl"] + "x", server["url"] + "/nope"):
        answer = ping(url)
        assert (answer.status_code, "resource_metadata" in answer.headers["www-authenticate"]) == (401, False)
    wrong = ping(server["accessUrl"], **{"x-alloy-user-token": "a.b.c"})
    assert (wrong.status_code, "resource_metadata" in wrong.headers["www-authenticate"]) == (401, False)


def test_too_few_scopes(signing: Service, issuer: Issuer) -> None:
    server = new_server(signing)
    lacking = ping(server["url"], issuer.token(scope="mcp"))
    assert (lacking.status_code, lacking.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert lacking.json()["error"]["details"] == {"scope": "mcp tools"}
    said = lacking.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in said
    assert 'scope="mcp tools"' in said
    assert said.count("scope=") == 1
    assert f'resource_metadata="{signing.url}{WELL_KNOWN}{server["serverId"]}"' in said
    elsewhere = signing.client(Authorization=f"Bearer {issuer.token(scope='mcp')}").get("/api/servers")
    assert (elsewhere.status_code, "resource_metadata" in elsewhere.headers["www-authenticate"]) == (403, False)


def test_a_key_that_lacks_a_scope_is_told_which(signing: Service) -> None:
    server = new_server(signing)
    keys = {
        scope: signing.client().post("/keys", json={"scopes": [scope]}).json()["key"] for scope in ("manage", "use")
    }
    refused = (
        ("use", ping(server["url"], keys["manage"])),
        ("manage", signing.client(Authorization=f"Bearer {keys['use']}").get("/keys")),
    )
    for scope, answer in refused:
        assert answer.status_code == 403
        assert answer.json()["error"] == {
            "code": "FORBIDDEN",
            "message": f"This API key lacks the scope {scope!r}",
            "details": {"scope": scope},
        }
        # No signing in would help it.
        assert "www-authenticate" not in answer.headers


def test_a_token_for_one_server_is_refused_at_the_other(signing: Service, issuer: Issuer) -> None:
    user, scope = f"jane-{uuid.uuid4().hex}", "mcp tools"
    anywhere = issuer.token(user, scope=scope)
    one, two = (new_server(signing, anywhere) for _ in range(2))
    for_one = issuer.token(user, scope=scope, aud=one["url"])
    assert ping(one["url"], for_one).status_code == 200
    refused = ping(two["url"], for_one)
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert two["serverId"] in refused.headers["www-authenticate"]
    # By the other header too, and beside a token URL.
    assert ping(one["url"], **{"x-alloy-user-token": for_one}).status_code == 200
    assert ping(two["url"], **{"x-alloy-user-token": for_one}).status_code == 401
    assert ping(one["accessUrl"], **{"x-alloy-user-token": for_one}).status_code == 200
    assert ping(two["accessUrl"], **{"x-alloy-user-token": for_one}).status_code == 401
    # REST is another door, the server's own part of it included.
    mine = signing.client(Authorization=f"Bearer {for_one}")
    for path in (
        "/api/servers",
        f"/api/servers/{one['serverId']}",
        f"/api/servers/{one['serverId']}/tools",
        "/connectors",
    ):
        assert mine.get(path).status_code == 401
    beside = signing.client(x_alloy_user_token=for_one)
    assert beside.get("/api/servers").status_code == 401
    assert ping(one["url"], issuer.token(user, scope=scope, aud=[two["url"], one["url"]])).status_code == 200
    # A token for nobody in particular opens both.
    assert {ping(server["url"], anywhere).status_code for server in (one, two)} == {200}


@pytest.mark.parametrize("spelling", ["{}/", "{}?a=1", "{}#a", "{}/x", " {}", "{} "])
def test_a_server_is_named_exactly_or_not_at_all(signing: Service, issuer: Issuer, spelling: str) -> None:
    server = new_server(signing)
    named = issuer.token("admin", scope="mcp tools", aud=spelling.format(server["url"]))
    status = ping(server["url"], named).status_code
    # What does not even begin like a server's URL is some other audience, which is not asked for here.
    assert status == (200 if spelling[0] == " " else 401)


def test_which_servers_there_are_is_not_told(signing: Service) -> None:
    """What exists, what does not, and what is another account's, without an issuer of its own, read the same."""
    theirs = new_server(signing, new_account(signing)["key"])["serverId"]
    mine = new_server(signing)["serverId"]
    gone = new_server(signing)["serverId"]
    signing.client().delete(f"/api/servers/{gone}")
    answers = {}
    for server_id in (mine, theirs, gone, "no-such-server-a1b2c3d4"):
        found, refused = document(signing, server_id), ping(f"{signing.url}/mcp/{server_id}")
        answers[server_id] = {
            (found.status_code, found.text.replace(server_id, "ID"), *names(found)),
            (
                refused.status_code,
                refused.text.replace(server_id, "ID"),
                refused.headers["www-authenticate"].replace(server_id, "ID"),
                *names(refused),
            ),
        }
    assert len({frozenset(answer) for answer in answers.values()}) == 1


def names(answer: httpx.Response) -> list[str]:
    return sorted(answer.headers)


@pytest.mark.parametrize("server_id", ["A", "a_b", "a%20b", "a%22", "a%0d%0ab", "%00", "a" * 129, "%C3%A9"])
def test_what_is_no_id_gets_nothing(signing: Service, server_id: str) -> None:
    answer = document(signing, server_id)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
    refused = ping(f"{signing.url}/mcp/{server_id}")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="toolgate"')


def test_without_an_issuer_that_can_be_found_there_is_nothing(service: Service) -> None:
    account = new_account(service)
    path = f"/accounts/{account['accountId']}/jwt-issuers"
    body = {"issuer": f"urn:{uuid.uuid4().hex}", "algorithm": "HS256", "secret": "s" * 32}
    assert service.client().post(path, json=body).status_code == 201
    for server_id in (new_server(service)["serverId"], new_server(service, account["key"])["serverId"], "no-such-one"):
        assert document(service, server_id).status_code == 404
        refused = ping(f"{service.url}/mcp/{server_id}")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="toolgate"')


def test_an_account_with_issuers_signs_in_with_them(signing: Service, issuer: Issuer) -> None:
    account = new_account(signing)
    path = f"/accounts/{account['accountId']}/jwt-issuers"
    server = new_server(signing, account["key"])
    urls = [f"https://{uuid.uuid4().hex}.example.com/" for _ in range(2)]
    made = []
    for url, scopes in zip(urls, (["a", "b"], ["b", "c"]), strict=True):
        body = {"issuer": url, "algorithm": "HS256", "secret": "s" * 32, "scopes": scopes}
        made.append(signing.client().post(path, json=body).json()["issuerId"])
    found = document(signing, server["serverId"]).json()
    assert (found["resource"], found["authorization_servers"]) == (server["url"], urls)
    # What all of them know; each asks for more where it is needed.
    assert found["scopes_supported"] == ["b"]
    assert 'scope="b"' in ping(server["url"]).headers["www-authenticate"]
    for issuer_id in made:
        signing.client().delete(f"{path}/{issuer_id}")
    assert document(signing, server["serverId"]).json()["authorization_servers"] == [issuer.url]


def test_pages_of_every_origin_may_read_it(signing: Service) -> None:
    url = signing.url + WELL_KNOWN + new_server(signing)["serverId"]
    page = {"Origin": "https://inspector.example.com"}
    answer = httpx.get(url, headers=page, trust_env=False)
    assert (answer.status_code, answer.headers.get_list("access-control-allow-origin")) == (200, ["*"])
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "mcp-protocol-version"}
    preflight = httpx.options(url, headers=page | asked, trust_env=False)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-headers"] == "mcp-protocol-version"
    assert "access-control-allow-credentials" not in answer.headers
    # And nothing else.
    other = httpx.get(f"{signing.url}/health/live", headers=page, trust_env=False)
    assert "access-control-allow-origin" not in other.headers
    assert httpx.options(f"{signing.url}/api/servers", headers=page | asked, trust_env=False).status_code == 405


def test_where_cors_is_on_the_header_is_there_once(tmp_path: Any, issuer: Issuer) -> None:
    page = "https://app.example.com"
    settings = {"TOOLGATE_CORS_ORIGINS": page, "TOOLGATE_JWT_ISSUER": issuer.url}
    with serving(tmp_path, **settings) as running:
        answer = httpx.get(running.url + WELL_KNOWN + "a", headers={"Origin": page}, trust_env=False)
        assert answer.headers.get_list("access-control-allow-origin") == ["*"]
        assert answer.headers.get_list("access-control-allow-credentials") == []


def test_the_public_address_is_the_one_that_counts(tmp_path: Any, issuer: Issuer) -> None:
    settings = {
        "TOOLGATE_BASE_URL": "https://gate.example.com/tools/",
        "TOOLGATE_JWT_SECRET": "",
        "TOOLGATE_JWT_ISSUER": issuer.url,
        "TOOLGATE_JWT_JWKS_URL": issuer.jwks_url,
        "TOOLGATE_JWT_AUDIENCE": "server",
    }
    with serving(tmp_path, **settings) as running:
        server = new_server(running)
        assert server["url"] == f"https://gate.example.com/tools/mcp/{server['serverId']}"
        here = f"{running.url}/mcp/{server['serverId']}"
        # A Host header, however it came, changes nothing.
        forged = httpx.get(
            running.url + WELL_KNOWN + server["serverId"], headers={"Host": "localhost"}, trust_env=False
        )
        assert forged.json()["resource"] == server["url"]
        challenge = ping(here).headers["www-authenticate"]
        found = re.search(r'resource_metadata="([^"]+)"', challenge)
        assert found
        assert found[1] == f"https://gate.example.com/tools{WELL_KNOWN}{server['serverId']}"
        assert ping(here, issuer.token("admin", aud=server["url"])).status_code == 200
        for aud in (here, None, "server", "https://gate.example.com/tools", "https://gate.example.com/tools/mcp/other"):
            assert ping(here, issuer.token("admin", aud=aud)).status_code == 401
        assert (
            running.client(Authorization=f"Bearer {issuer.token('admin', aud=server['url'])}")
            .get("/api/servers")
            .status_code
            == 401
        )
