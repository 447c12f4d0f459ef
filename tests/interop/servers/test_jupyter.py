"""Jupyter Server: Swagger 2.0, no operationIds, a token scheme of its own, file paths with slashes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.service import Service

from . import driving, peers

TOKEN = "a-token-of-jupyter-0123456789"
REQUIREMENTS = ("jupyter_server==2.21.1",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def jupyter(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("jupyter")
    port = peers.free_port()
    command = [
        str(peers.python("jupyter", *REQUIREMENTS) / "jupyter-server"),
        "--no-browser",
        f"--port={port}",
        f"--ServerApp.root_dir={folder}",
        "--allow-root",
    ]
    settings = {"JUPYTER_TOKEN": TOKEN, "JUPYTER_DATA_DIR": str(home), "JUPYTER_RUNTIME_DIR": str(home)}
    with peers.running(command, "/api", home / "log", port, **settings) as url:
        yield url


@pytest.fixture(scope="module")
def gate(jupyter: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    document = httpx.get(f"{jupyter}/api/spec.yaml", headers={"Authorization": f"token {TOKEN}"}, trust_env=False).text
    assert document.startswith("swagger:"), document[:200]
    with driving.toolgate(tmp_path_factory.mktemp("gate")) as service:
        # The document has no host, and names no scheme that works: the operator says both.
        driving.register(
            service,
            "jupyter",
            document=document,
            baseUrl=jupyter,
            auth={"type": "apiKey", "header": "Authorization"},
        )
        driving.store(service, "jupyter", "apiKey", apiKey=f"token {TOKEN}")
        yield service


async def do(session: Any, ids: dict[tuple[str, str], str], method: str, path: str, /, **parameters: Any) -> Any:
    return await driving.execute(session, "jupyter", ids[(method, path)], **parameters)


async def test_every_operation_has_a_safe_name(gate: Service) -> None:
    async with driving.client(driving.server(gate, "names", "jupyter")) as session:
        ids = await driving.actions(session, "jupyter")
        assert len(ids) > 30
        assert len(set(ids.values())) == len(ids)


async def test_files_in_folders(gate: Service, folder: Path) -> None:
    contents = "/api/contents/{path}"
    async with driving.client(driving.server(gate, "files", "jupyter")) as session:
        ids = await driving.actions(session, "jupyter")
        await do(session, ids, "PUT", contents, path="reports", type="directory")
        await do(
            session, ids, "PUT", contents, path="reports/an año #1.txt", type="file", format="text", content="héllo"
        )
        assert (folder / "reports" / "an año #1.txt").read_text() == "héllo"
        read = await do(session, ids, "GET", contents, path="reports/an año #1.txt", content=1)
        assert read["content"] == "héllo"
        # `path` stands in the path and in the body: the split form says which is which.
        renamed = "reports/renamed.txt"
        await do(
            session,
            ids,
            "PATCH",
            contents,
            pathParams={"path": "reports/an año #1.txt"},
            requestBody={"path": renamed},
        )
        assert (folder / renamed).read_text() == "héllo"
        point = await do(session, ids, "POST", "/api/contents/{path}/checkpoints", path=renamed)
        assert point["id"]
        await do(session, ids, "DELETE", contents, path=renamed)
        assert not (folder / renamed).exists()


async def test_nothing_climbs_out_of_the_folder(gate: Service, folder: Path) -> None:
    (folder.parent / "outside.txt").write_text("secret")
    async with driving.client(driving.server(gate, "climbing", "jupyter")) as session:
        ids = await driving.actions(session, "jupyter")
        for path in ("../outside.txt", "reports/../../outside.txt", "..%2Foutside.txt", "."):
            result = await session.call_tool(
                "execute_action_alloy",
                {
                    "connectorId": "jupyter",
                    "actionId": ids[("GET", "/api/contents/{path}")],
                    "parameters": {"path": path},
                },
            )
            assert result.is_error, path
            assert "secret" not in result.content[0].text


async def test_kernels(gate: Service) -> None:
    async with driving.client(driving.server(gate, "kernels", "jupyter")) as session:
        ids = await driving.actions(session, "jupyter")
        assert await do(session, ids, "GET", "/api/kernels") == []
        specs = await do(session, ids, "GET", "/api/kernelspecs")
        assert "kernelspecs" in specs


async def test_a_wrong_token_is_jupyters_own_refusal(gate: Service, jupyter: str) -> None:
    other = gate.run("keys", "create", "--user", "mallory").stdout.split()[-1]
    client = gate.client(Authorization=f"Bearer {other}")
    client.post(
        "/connectors/jupyter/credentials",
        json={"userId": "me", "authenticationType": "apiKey", "data": {"apiKey": "token wrong"}},
    ).raise_for_status()
    made = client.post("/api/servers", json={"name": "wrong"}).json()
    async with driving.client(made["accessUrl"]) as session:
        ids = await driving.actions(session, "jupyter")
        result = await session.call_tool(
            "execute_action_alloy",
            {"connectorId": "jupyter", "actionId": ids[("GET", "/api/kernels")], "parameters": {}},
        )
        assert result.is_error
        assert "403" in result.content[0].text
        assert TOKEN not in result.content[0].text
