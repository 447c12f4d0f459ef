"""Every operation of the spec, answered well and badly: what the answer carries, and by which names it is served."""

import re
from collections.abc import Iterator

import httpx
import pytest

from support.raw import RawAnswer, request
from support.secret_walk import OPERATIONS
from support.service import Service, serving

PUBLIC = {"get-docs", "get-docs-asset", "get-openapi", "get-liveness", "get-readiness", "get-protected-resource"}
HTTPS = "https://toolgate.example.com"


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("https"), TOOLGATE_BASE_URL=HTTPS) as running:
        yield running


def ask(service: Service, name: str, query: bytes = b"", **options: object) -> RawAnswer:
    method, path, spec = OPERATIONS[name]
    target = re.sub(r"\{(\w+)\}", lambda found: "page.css" if found[1] == "asset" else "nobody", path).encode()
    body = b"{}" if "requestBody" in spec else None
    return request(service, method.encode(), target + query, body, **options)  # type: ignore[arg-type]  # by name


def check(name: str, answer: RawAnswer) -> None:
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff", name
    assert headers["referrer-policy"] == "no-referrer", name
    assert headers["x-request-id"], name
    assert "server" not in headers, name
    kind = headers.get("content-type", "")
    if kind.startswith("text/html"):
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; "), name
        assert "frame-ancestors 'none'" in policy, name
        assert "unsafe" not in policy, name
    if name not in ("get-docs", "get-docs-asset") or answer.status >= 400:
        assert headers["cache-control"] == "no-store", name


@pytest.mark.parametrize("name", OPERATIONS)
def test_security_headers(service: Service, https: Service, name: str) -> None:
    found = [
        ask(service, name),
        ask(service, name, auth=None),
        ask(service, name, b"?unknown=1"),
        ask(service, name, host=b"evil.example.com"),
        ask(service, name, content_type=b"text/plain"),
        ask(service, name, headers=(b"idempotency-key: ",)),
    ]
    for answer in found:
        check(name, answer)
        assert "strict-transport-security" not in answer.headers
    for answer in (ask(https, name), ask(https, name, auth=None)):
        check(name, answer)
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("name", OPERATIONS)
def test_hosts_and_origins(service: Service, name: str) -> None:
    for host in (b"evil.example.com", b"evil.example.com:3000", b"127.0.0.1.evil.example.com", b"a b"):
        answer = ask(service, name, host=host)
        assert (answer.status == 403) is (name not in PUBLIC), (host, answer.status)
    is_page = "OAuth" in OPERATIONS[name][2]["tags"]
    for origin in (b"http://evil.example.com", b"null"):
        answer = ask(service, name, headers=(b"origin: " + origin,), auth=None)
        # Of a page's own form a browser says `null`: there the cookie and the form's proof decide.
        if name not in PUBLIC and not is_page:
            assert answer.status == 403, origin


def test_an_answer_with_a_secret_is_not_kept(service: Service) -> None:
    client = service.client()
    made = client.post("/api/servers", json={"name": "not kept"})
    key = client.post("/keys", json={})
    for answer in (made, key, client.get(f"/api/servers/{made.json()['serverId']}"), client.get("/api/servers")):
        assert answer.headers["cache-control"] == "no-store"
    client.delete(f"/api/servers/{made.json()['serverId']}")
    client.delete(f"/keys/{key.json()['keyId']}")


@pytest.mark.parametrize("path", ["/nope", "/api/servers/", "//docs", "/docs/nope.js", "/mcp"])
def test_what_there_is_not(service: Service, https: Service, path: str) -> None:
    for running in (service, https):
        answer = httpx.get(running.url + path, trust_env=False)
        assert answer.status_code in (404, 405)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert ("strict-transport-security" in answer.headers) is (running is https)
