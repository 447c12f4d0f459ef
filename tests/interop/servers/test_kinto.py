"""Kinto: Swagger 2.0 without a security scheme, ETags in headers, pages by a header of its own, free-form records."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.service import Service

from . import driving, peers

REQUIREMENTS = ("kinto==26.5.0", "setuptools<81")
PASSWORD = "a-password-of-kinto-0123456789"
RECORDS = "/buckets/{bucket_id}/collections/{collection_id}/records"
ARTICLES = {"bucket_id": "blog", "collection_id": "articles"}


@pytest.fixture(scope="module")
def kinto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("kinto")
    settings = home / "kinto.ini"
    settings.write_text(
        "[app:main]\nuse = egg:kinto\n"
        "kinto.storage_backend = kinto.core.storage.memory\n"
        "kinto.cache_backend = kinto.core.cache.memory\n"
        "kinto.permission_backend = kinto.core.permission.memory\n"
        "kinto.includes = kinto.plugins.accounts\n"
        "multiauth.policies = account\n"
        "multiauth.policy.account.use = kinto.plugins.accounts.AccountsPolicy\n"
        "kinto.account_create_principals = system.Everyone\n"
        "kinto.bucket_create_principals = system.Authenticated\n"
        "[server:main]\nuse = egg:waitress#main\nhost = 127.0.0.1\nport = %(http_port)s\n"
    )
    port = peers.free_port()
    command = [str(peers.python("kinto", *REQUIREMENTS) / "kinto"), "start", "--ini", str(settings)]
    with peers.running([*command, "--port", str(port)], "/v1/", home / "log", port) as url:
        # Accounts are what Kinto asks for, and not in its document: the operator says so.
        account = {"data": {"password": PASSWORD}}
        httpx.put(f"{url}/v1/accounts/ana", json=account, trust_env=False).raise_for_status()
        yield f"{url}/v1"


@pytest.fixture(scope="module")
def gate(kinto: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with driving.toolgate(tmp_path_factory.mktemp("gate")) as service:
        made = driving.register(service, "kinto", url=f"{kinto}/__api__", auth={"type": "basic"})
        assert made["baseUrl"] == kinto
        driving.store(service, "kinto", "basic", username="ana", password=PASSWORD)
        yield service


def stored(kinto: str, path: str) -> httpx.Response:
    """What Kinto itself has there."""
    return httpx.get(f"{kinto}{path}", auth=("ana", PASSWORD), trust_env=False)


async def test_every_operation_is_an_action(gate: Service) -> None:
    async with driving.client(driving.server(gate, "all of Kinto", "kinto")) as session:
        ids = await driving.actions(session, "kinto")
        assert len(ids) == len(set(ids.values())) > 40
        for action_id in ids.values():
            details = await driving.tool(session, "get_action_details_alloy", connectorId="kinto", actionId=action_id)
            assert details["action"]["id"] == action_id


async def test_records_live_through_the_gate(gate: Service, kinto: str) -> None:
    async with driving.client(driving.server(gate, "records", "kinto")) as session:
        ids = await driving.actions(session, "kinto")

        async def do(method: str, path: str, /, **parameters: Any) -> Any:
            return await driving.execute(session, "kinto", ids[(method, path)], **parameters)

        await do("PUT", "/buckets/{id}", id="blog")
        await do("POST", "/buckets/{bucket_id}/collections", bucket_id="blog", data={"id": "articles"})
        one = f"{RECORDS}/{{id}}"
        article = {"title": "Grüße", "tags": ["a,b", 1.5, None], "nested": {"x": {}}}
        await do("PUT", one, **ARTICLES, id="first", data=article, **{"If-None-Match": "*"})
        first = "/buckets/blog/collections/articles/records/first"
        kept = stored(kinto, first).json()["data"]
        assert {name: kept[name] for name in article} == article
        again = await session.call_tool(
            "execute_action_alloy",
            {
                "connectorId": "kinto",
                "actionId": ids[("PUT", one)],
                "parameters": {**ARTICLES, "id": "first", "data": {}, "If-None-Match": "*"},
            },
        )
        assert again.is_error
        assert "412" in again.content[0].text
        await do("PATCH", one, **ARTICLES, id="first", data={"title": "Other"})
        assert stored(kinto, first).json()["data"]["title"] == "Other"
        await do("DELETE", one, **ARTICLES, id="first")
        assert stored(kinto, first).status_code == 404


async def test_pages_go_on(gate: Service) -> None:
    async with driving.client(driving.server(gate, "pages", "kinto")) as session:
        ids = await driving.actions(session, "kinto")
        bucket = {"bucket_id": "shelf"}
        await driving.execute(session, "kinto", ids[("PUT", "/buckets/{id}")], id="shelf")
        collections = "/buckets/{bucket_id}/collections"
        await driving.execute(session, "kinto", ids[("POST", collections)], **bucket, data={"id": "books"})
        for number in range(5):
            await driving.execute(
                session, "kinto", ids[("POST", RECORDS)], **bucket, collection_id="books", data={"n": number}
            )
        call: dict[str, Any] = {"connectorId": "kinto", "actionId": ids[("GET", RECORDS)]}
        parameters: dict[str, Any] = {**bucket, "collection_id": "books", "_limit": 2, "_sort": ["n"]}
        numbers: list[int] = []
        while True:
            page = await driving.tool(session, "execute_action_alloy", **call, parameters=parameters)
            numbers += [record["n"] for record in page["responseData"]["data"]]
            if "nextPage" not in page:
                break
            parameters |= page["nextPage"]["parameters"]
        assert numbers == [0, 1, 2, 3, 4]


async def test_direct_mode_and_wrong_input(gate: Service, kinto: str) -> None:
    async with driving.client(driving.server(gate, "direct", "kinto", mode="direct")) as session:
        names = {tool.name for tool in (await session.list_tools()).tools}
        assert {"update_bucket", "get_records", "batch"} <= names
        made = await session.call_tool("update_bucket", {"id": "direct"})
        assert not made.is_error, made.content[0].text
        assert stored(kinto, "/buckets/direct").status_code == 200
        wrong = await session.call_tool("batch", {"requests": [{"method": "FETCH", "path": "/"}]})
        assert wrong.is_error
        assert "requests.0.method must be one of" in wrong.content[0].text
