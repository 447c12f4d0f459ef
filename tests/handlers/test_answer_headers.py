"""What every answer carries: the request's id, the limit, security headers, and what pages of other origins need."""

import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.raw import exchange, request
from support.service import Service, serving

PAGE = "https://app.example.com"
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.fixture(scope="module")
def open_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a limit, an access log, and one page of another origin that may call."""
    folder = tmp_path_factory.mktemp("conventions")
    with serving(folder, TOOLGATE_RATE_LIMIT="50", TOOLGATE_ACCESS_LOG="on", TOOLGATE_CORS_ORIGINS=PAGE) as running:
        yield running


def answers(service: Service) -> dict[str, httpx.Response]:
    """One answer of each kind, by a caller of its own."""
    client = service.client()
    client.headers["Authorization"] = f"Bearer {service.run('keys', 'create').stdout.strip()}"
    made = client.post("/api/servers", json={"name": uuid.uuid4().hex})
    path = f"/api/servers/{made.json()['serverId']}"
    return {
        "201": made,
        "200": client.get(path),
        "400": client.put(path, json={"name": ""}),
        "401": httpx.get(f"{service.url}{path}"),
        "403": client.put(path, json={}, headers={"x-alloy-userid": "nobody"}),
        "404 of a server": client.get("/api/servers/nobody"),
        "404": client.get("/nope"),
        "405": client.patch(path),
        "413": client.put(path, content=b"x" * 11_000_000, headers={"content-type": "application/json"}),
        "415": client.put(path, content=b"x", headers={"content-type": "text/plain"}),
        "MCP": httpx.post(made.json()["accessUrl"], json=PING),
        "MCP 202": httpx.post(made.json()["accessUrl"], json={"jsonrpc": "2.0", "method": "notifications/initialized"}),
        "MCP 400": httpx.post(made.json()["accessUrl"], content=b"{", headers={"content-type": "application/json"}),
        "MCP 401": httpx.post(made.json()["accessUrl"] + "x", json=PING),
        "health": client.get("/health/live"),
        "document": client.get("/openapi.json"),
        "deleted": client.delete(path),
    }


def test_every_answer_has_its_own_id_and_is_not_kept(service: Service) -> None:
    found = answers(service)
    ids = [answer.headers["x-request-id"] for answer in found.values()]
    assert len(set(ids)) == len(ids)
    for name, answer in found.items():
        assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"]), name
        assert answer.headers["x-content-type-options"] == "nosniff", name
        assert answer.headers["cache-control"] == "no-store", name
        assert answer.headers["referrer-policy"] == "no-referrer", name
        # No limit and no other origin: nothing is said of them.
        assert not {"ratelimit", "ratelimit-policy", "vary", "access-control-allow-origin"} & set(answer.headers), name


def test_what_is_no_http_is_answered_alike(service: Service) -> None:
    answer = exchange(service, b"FOO / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert answer.status == 400
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])
    assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize("given", ["a", "5f0c.A_b-9", "x" * 128])
def test_a_callers_id_is_taken(service: Service, given: str) -> None:
    for path in ("/api/servers", "/nope"):
        assert service.client().get(path, headers={"X-Request-Id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", [b"", b" ", b"a b", b"x" * 129, b"a\xc3\xa9", b"a,b", b"\xff", b"<script>", b"a;b=c"])
def test_another_id_is_replaced(service: Service, given: bytes) -> None:
    answer = request(service, b"GET", b"/api/servers", headers=(b"x-request-id: " + given,))
    assert answer.status == 200
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])


def test_the_id_is_in_the_log_records_of_its_request(open_service: Service) -> None:
    names = [uuid.uuid4().hex for _ in range(4)]
    for name in names:
        open_service.client(X_Request_Id=name).get("/health/live")
    # The line is written once the answer is out, so that the last may come a moment after it.
    end = time.monotonic() + 10
    while time.monotonic() < end and names[-1] not in open_service.log():
        time.sleep(0.02)
    lines = [line for line in open_service.log().splitlines() if "GET /health/live" in line]
    assert [sum(name in line for line in lines) for name in names] == [1, 1, 1, 1]
    # What no request caused has none.
    assert any(" INFO - toolgate:" in line for line in open_service.log().splitlines())


def limit_of(answer: httpx.Response) -> tuple[int, int]:
    assert answer.headers["ratelimit-policy"] == '"default";q=50;w=60'
    found = re.fullmatch(r'"default";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert found, answer.headers["ratelimit"]
    return int(found[1]), int(found[2])


def test_the_limit_is_on_each_answer_that_was_counted(open_service: Service) -> None:
    found = answers(open_service)
    counted = ["201", "200", "400", "403", "404 of a server", "413", "415", "deleted"]
    left = [limit_of(found[name])[0] for name in counted]
    assert left == [49 - number for number in range(len(counted))]
    assert all(1 <= limit_of(found[name])[1] <= 61 for name in counted)
    # Token URLs and addresses that guess have their own.
    assert [limit_of(found[name])[0] for name in ("MCP", "MCP 202", "MCP 400")] == [49, 48, 47]
    assert limit_of(found["401"])[0] > limit_of(found["MCP 401"])[0]
    for name in ("404", "405", "health", "document"):
        assert "ratelimit" not in found[name].headers


def test_beyond_the_limit(tmp_path: Path) -> None:
    with serving(tmp_path, TOOLGATE_RATE_LIMIT="2") as running:
        found = [running.client().get("/api/servers") for _ in range(3)]
        assert [answer.status_code for answer in found] == [200, 200, 429]
        assert [answer.headers["ratelimit"].split(";")[1] for answer in found] == ["r=1", "r=0", "r=0"]
        assert found[2].headers["ratelimit"] == f'"default";r=0;t={found[2].headers["retry-after"]}'
        assert found[2].headers["ratelimit-policy"] == '"default";q=2;w=60'


def preflight(service: Service, path: str = "/api/servers", origin: str = PAGE, **headers: str) -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", **headers}
    return httpx.options(f"{service.url}{path}", headers=asked)


def test_preflight(open_service: Service) -> None:
    wanted = "authorization, content-type, idempotency-key, mcp-protocol-version"
    answer = preflight(open_service, **{"Access-Control-Request-Headers": wanted})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-methods"] == "GET, POST"
    assert answer.headers["access-control-allow-headers"] == wanted
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-max-age"] == "600"
    assert "Origin" in answer.headers.get_list("vary")
    assert "x-request-id" in answer.headers
    assert preflight(open_service, "/mcp/any/token").headers["access-control-allow-methods"] == "POST"


def test_preflight_says_nothing_of_what_is_no_header(open_service: Service) -> None:
    answer = preflight(open_service, **{"Access-Control-Request-Headers": "a\tb: c"})
    assert answer.status_code == 204
    assert "access-control-allow-headers" not in answer.headers


def test_preflight_is_for_known_paths_and_pages(open_service: Service) -> None:
    unknown = preflight(open_service, "/nope")
    assert (unknown.status_code, unknown.headers["access-control-allow-origin"]) == (404, PAGE)
    for origin in ("https://evil.example.com", "null", f"{PAGE}.evil.example.com", "http://app.example.com"):
        refused = preflight(open_service, origin=origin)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FORBIDDEN")
        assert "access-control-allow-origin" not in refused.headers
        assert refused.headers["vary"] == "Origin"
    # Without the question there is no preflight.
    assert httpx.options(f"{open_service.url}/api/servers", headers={"Origin": PAGE}).status_code == 405


def test_a_page_may_read_answers_and_errors(open_service: Service) -> None:
    client = open_service.client(Origin=PAGE)
    for path, status in (("/api/servers", 200), ("/api/servers/nobody", 404), ("/nope", 404)):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, PAGE)
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert {"X-Request-Id", "RateLimit", "Retry-After", "Idempotent-Replayed", "WWW-Authenticate"} <= set(exposed)
        assert answer.headers["vary"] == "Origin"
    unauthorized = open_service.client(Authorization="", Origin=PAGE).get("/api/servers")
    assert (unauthorized.status_code, unauthorized.headers["access-control-allow-origin"]) == (401, PAGE)


def test_another_page_may_not(open_service: Service) -> None:
    answer = open_service.client(Origin="https://evil.example.com").get("/api/servers")
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_no_page_is_served_unless_it_is_set(service: Service) -> None:
    answer = preflight(service)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert service.client(Origin=PAGE).get("/api/servers").status_code == 403


def test_any_page_but_no_cookies(tmp_path: Path) -> None:
    with serving(tmp_path, TOOLGATE_CORS_ORIGINS="*") as running:
        for answer in (
            preflight(running, origin="https://anything.example.org"),
            running.client(Origin="https://anything.example.org").get("/api/servers"),
        ):
            assert answer.is_success
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in answer.headers
        # Rebinding is still refused.
        assert request(running, b"GET", b"/api/servers", host=b"evil.example.com").status == 403
