"""Wherever an address is given, a private one is refused or never dialled, in whatever spelling it comes."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from gateway.access.caller import DEFAULT_ACCOUNT
from support.hostile import Hostile, answer, hostile
from support.inside import Inside, inside
from support.service import Service, serving

# Hosts, as they would stand in a URL.
LITERALS = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0", "0.0.0.0",
    "127.0.0.1.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    "[::127.0.0.1]", "169.254.169.254", "169.254.169.254.", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376",
    "169.254.43518", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]",
    "[2001:0:4136:e378:8000:63bf:5601:5601]", "[fd00:ec2::254]", "[fe80::1%25eth0]", "[fe80::1]", "100.64.0.1",
    "100.100.100.200", "10.0.0.1", "172.16.0.1", "192.168.0.1", "168.63.129.16", "192.0.2.1", "198.18.0.1",
    "224.0.0.1", "255.255.255.255", "240.0.0.1", "[ff02::1]", "[2001:db8::1]", "localhost", "LOCALHOST", "localhost.",
    "a.localhost", "ip6-localhost", "\uff11\uff12\uff17.0.0.1", "127\u30020.0.1", "127%2e0%2e0%2e1", "user@10.0.0.1",
    "user:word@127.0.0.1", "example.com@127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x",
]  # fmt: skip
# What a value would have to hold in order to end the host name that it is part of.
OUT_OF_A_LABEL = [
    "169.254.169.254/", "169.254.169.254#", "169.254.169.254?", "x@169.254.169.254", "a:80", "a/b", "a\\b", "..", "a b",
    "a%2e", "[::1]", "\uff11", "x\n", "-a",
]  # fmt: skip
OF_ANOTHER_SCHEME = ["file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "//127.0.0.1/", "127.0.0.1", ""]


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a service that may call public addresses only."""
    with serving(tmp_path_factory.mktemp("strict"), TOOLGATE_EGRESS_ALLOW="") as service:
        yield service.client()


def document(url: str) -> dict[str, Any]:
    read = {"operationId": "read", "summary": "read", "responses": {"200": {"description": "ok"}}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "There", "version": "1"},
        "servers": [{"url": url}],
        "paths": {"/a": {"get": read}},
    }


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize("url", [*(f"http://{host}/v1" for host in LITERALS), *OF_ANOTHER_SCHEME])
def test_no_connector_is_registered_for_it(strict: httpx.Client, url: str) -> None:
    """By the address of a document, by a server in it, by that of one operation, and by a base URL beside it."""
    good = document("https://api.example.com")
    of_a_path = json.loads(json.dumps(good))
    of_a_path["paths"]["/a"]["get"]["servers"] = [{"url": url}]
    new = {"id": f"there-{uuid.uuid4().hex[:8]}"}
    refused(strict.post("/connectors", json={**new, "url": url}))
    refused(strict.post("/connectors", json={**new, "document": good, "baseUrl": url}))
    if "://" in url:
        # Without a scheme it is relative to where the document was, which was nowhere.
        refused(strict.post("/connectors", json={**new, "document": document(url)}))
        refused(strict.post("/connectors", json={**new, "document": of_a_path}))
    assert strict.get(f"/connectors/{new['id']}/actions").status_code == 404


@pytest.mark.parametrize("pattern", ["^[a-z0-9-]+$", "^.+$", None])
def test_a_field_of_the_base_url_stays_within_its_label(strict: httpx.Client, pattern: str | None) -> None:
    """Whatever its pattern says, and wherever it is refused: when it is registered, stored or used."""
    connector_id = f"field-{uuid.uuid4().hex[:8]}"
    described = {
        **document("https://{shop}.example.com"),
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}],
    }
    described["servers"][0]["variables"] = {"shop": {"default": "shop"}}
    if pattern is not None:
        described["x-connector"] = {"fields": {"shop": {"title": "Shop", "pattern": pattern}}}
    made = strict.post("/connectors", json={"id": connector_id, "document": described})
    assert made.status_code in (201, 400)
    assert made.status_code == 201 or pattern == "^.+$", made.text
    if made.status_code == 400:
        return
    for value in OUT_OF_A_LABEL:
        stored = strict.post(
            f"/connectors/{connector_id}/credentials",
            json={"userId": "me", "authenticationType": "bearer", "data": {"token": "a-token-of-it", "shop": value}},
        )
        if stored.status_code != 200:
            refused(stored)
            continue
        called = strict.post(
            f"/connectors/{connector_id}/actions/read/execute", json={"credentialId": stored.json()["credentialId"]}
        )
        refused(called)
        assert "part of a host name" in called.text or "does not match" in called.text


def test_the_keys_of_an_issuer_are_not_fetched_from_it(tmp_path: Any) -> None:
    asked: list[str] = []

    async def keys(_: Hostile, call: Any) -> None:
        asked.append(call.target)
        await call.send(answer(b'{"keys": []}'))

    with hostile(keys=keys) as platform:
        for allow, times in (("", 0), ("127.0.0.1/32", 1)):
            settings = {"TOOLGATE_JWT_JWKS_URL": f"{platform.url}/keys", "TOOLGATE_JWT_SECRET": ""}
            with serving(tmp_path / f"allow-{times}", TOOLGATE_EGRESS_ALLOW=allow, **settings) as service:
                key = "-".join(["an invented secret that signs nothing"] * 2)
                token = jwt.encode({"sub": "somebody", "exp": 9999999999}, key, headers={"kid": "1"})
                head, rest = token.split(".", 1)
                forged = jwt.utils.base64url_encode(b'{"alg":"RS256","kid":"1"}').decode() + "." + rest
                assert head != forged
                said = service.client(Authorization=f"Bearer {forged}").get("/api/servers")
                # A key that is not known, or keys that cannot be fetched.
                assert said.status_code == (401 if times else 503)
                assert bool(asked) == bool(times)


def test_a_next_page_is_arguments_and_never_an_address(strict: httpx.Client, service: Service) -> None:
    """A platform that names another address for the next page gets the same action called, with its arguments."""
    elsewhere = "http://169.254.169.254/latest/meta-data/?page=2&count=3"

    async def paged(_: Hostile, call: Any) -> None:
        field = f'Link: <{elsewhere}>; rel="next"'
        await call.send(answer(json.dumps({"next": elsewhere}).encode(), 200, "application/json", field))

    with hostile(paged=paged) as platform:
        described = document(platform.url)
        page = {"name": "page", "in": "query", "schema": {"type": "integer"}}
        described["paths"] = {"/paged": {"get": {**described["paths"]["/a"]["get"], "parameters": [page]}}}
        connector_id = f"paged-{uuid.uuid4().hex[:8]}"
        client = service.client()
        assert client.post("/connectors", json={"id": connector_id, "document": described}).status_code == 201
        said = client.post(f"/connectors/{connector_id}/actions/read/execute", json={"credentialId": "none"}).json()
        client.delete(f"/connectors/{connector_id}")
    assert said["nextPage"]["parameters"] == {"page": 2}
    # What the platform said is data, and stays as it is.
    assert said["responseData"] == {"next": elsewhere}


class TestBreaker:
    """From end to end, with a clock that is put forward."""

    @pytest.fixture
    def started(self, tmp_path: Any) -> Iterator[Inside]:
        with inside(tmp_path) as running:
            yield running

    def test_it_opens_half_opens_and_closes(self, started: Inside) -> None:
        ahead = 0.0
        broken = True

        async def sick(_: Hostile, call: Any) -> bool:
            await call.send(answer(b"{}", 503 if broken else 200))
            return True

        with hostile(sick=sick) as platform, httpx.Client(base_url=started.url, trust_env=False) as client:
            client.headers["Authorization"] = f"Bearer {started.key}"
            described = document(platform.url)
            described["paths"] = {
                "/sick": {"post": {**described["paths"]["/a"]["get"], "operationId": "write"}},
                "/good": {"get": {**described["paths"]["/a"]["get"], "operationId": "good"}},
            }
            assert client.post("/connectors", json={"id": "sick", "document": described}).status_code == 201

            def call(action: str = "write") -> tuple[int, str]:
                said = client.post(f"/connectors/sick/actions/{action}/execute", json={"credentialId": "none"})
                return said.status_code, said.json().get("error", {}).get("code", "ok")

            def later(seconds: float) -> None:
                nonlocal ahead
                ahead += seconds
                for tenant in started.gate.outbound.client._tenants:
                    for lane in tenant._lanes.values():
                        lane.breaker._clock = lambda: time.monotonic() + ahead

            assert call() == (502, "UPSTREAM_ERROR")
            assert {call() for _ in range(9)} == {(502, "UPSTREAM_ERROR")}
            sent = platform.calls["sick"]
            assert sent == 10
            # The account's own, and nobody else's.
            assert set(started.gate.outbound.client._tenants._tenants) == {DEFAULT_ACCOUNT}
            # Open: nothing is sent, neither there nor to another path of the same origin.
            assert call() == call("good") == (503, "UNAVAILABLE")
            assert platform.calls["sick"] == sent
            later(14)
            assert call() == (503, "UNAVAILABLE")
            later(2)
            # Half-open: one probe goes, which fails, and it is open again.
            assert call() == (502, "UPSTREAM_ERROR")
            assert call() == (503, "UNAVAILABLE")
            assert platform.calls["sick"] == sent + 1
            later(16)
            broken = False
            assert call() == (200, "ok")
            assert {call() for _ in range(5)} == {(200, "ok")}
