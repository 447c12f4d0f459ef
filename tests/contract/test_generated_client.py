"""The client that `toolgate regenerate --client` writes, against the running service: typed answers, typed errors."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gateway.contract import load_document
from support.checkouts import ROOT
from support.service import Service, command

pytest.importorskip("openapi_python_client", reason="the generators are an extra: `tox -e regenerate` has them")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("generated") / "client"
    for _ in range(2):  # the second time over the first
        done = subprocess.run(
            command("regenerate", "--client", str(folder)), cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture
def client(generated: Path, service: Service) -> Iterator[Any]:
    package = importlib.import_module("toolgate_client")
    with package.AuthenticatedClient(base_url=service.url, token=service.key) as found:
        yield found


def api(name: str) -> ModuleType:
    return importlib.import_module(f"toolgate_client.api.{name}")


def model(name: str) -> Any:
    return getattr(importlib.import_module("toolgate_client.models"), name)


def test_every_operation_is_in_it(generated: Path) -> None:
    expected = {
        operation["operationId"].replace("-", "_")
        for item in load_document()["paths"].values()
        for operation in item.values()
        if "operationId" in operation
    }
    modules = {path.stem for path in (generated / "toolgate_client" / "api").glob("*/[a-z]*.py")}
    assert modules == expected
    assert (generated / "pyproject.toml").is_file()


def test_it_drives_the_life_of_a_server(client: Any) -> None:
    servers = "server_management"
    body = model("CreateServer")(name="By the generated client", description="typed", token_expires_in_days=7)
    made = api(f"{servers}.create_server").sync(client=client, body=body)
    assert isinstance(made, model("CreatedServer"))
    assert made.access_url == f"{made.url}/{made.access_token}"

    got = api(f"{servers}.get_server").sync(made.server_id, client=client)
    assert isinstance(got, model("Server"))
    assert (got.name, got.has_restrictions) == ("By the generated client", False)
    assert got.created_at.tzinfo is not None

    listed = api(f"{servers}.list_servers").sync(client=client, limit=1000)
    assert isinstance(listed, model("ServerList"))
    assert made.server_id in {server.server_id for server in listed.servers}

    restrictions = model("ServerRestrictions").from_dict(
        {"connectors": {"mode": "allowlist", "allowedIds": ["slack"]}, "users": None}
    )
    changed = api(f"{servers}.update_server").sync(
        made.server_id, client=client, body=model("UpdateServerBody")(description="", restrictions=restrictions)
    )
    assert isinstance(changed, model("Server"))
    assert changed.restrictions.connectors.allowed_ids == ["slack"]
    assert not changed.restrictions.users
    assert (changed.name, changed.description, changed.has_restrictions) == ("By the generated client", "", True)

    gone = api(f"{servers}.delete_server").sync_detailed(made.server_id, client=client)
    assert (gone.status_code, gone.parsed.server_id) == (200, made.server_id)
    missing = api(f"{servers}.get_server").sync_detailed(made.server_id, client=client)
    assert missing.status_code == 404
    assert isinstance(missing.parsed, model("Error"))
    assert missing.parsed.error.code == model("ErrorCode").NOT_FOUND


def test_its_errors_are_typed(client: Any, service: Service) -> None:
    bad = api("server_management.create_server").sync(client=client, body=model("CreateServer")(name=" x "))
    assert isinstance(bad, model("Error"))
    assert bad.error.code == model("ErrorCode").INVALID_REQUEST
    assert bad.error.details["field"] == "name"
    stranger = importlib.import_module("toolgate_client").AuthenticatedClient(base_url=service.url, token="no-such-key")
    with stranger as other:
        refused = api("server_management.list_servers").sync_detailed(client=other)
    assert refused.status_code == 401
    assert refused.parsed.error.code == model("ErrorCode").UNAUTHORIZED


@pytest.mark.usefixtures("generated")
async def test_it_is_asynchronous_too(service: Service) -> None:
    async with importlib.import_module("toolgate_client").Client(base_url=service.url) as client:
        found = await api("service.get_liveness").asyncio(client=client)
    assert found.status == "ok"


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = subprocess.run(
        command("regenerate", "--client", str(tmp_path)), cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "neither empty nor an earlier client" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
