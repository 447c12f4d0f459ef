"""docs/clients.md, tox.ini and package.json say of the tested clients what tests/interop/clients.yaml says."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from support.mcp_clients import FOLDER, Client, every_client

ROOT = Path(__file__).parents[1]


def row_of_tested(client: Client) -> str:
    revisions = " and ".join(dict.fromkeys(client.speaks.values()))
    return (
        f"| {client.name} | `{client.package}` ({client.registry}) | {client.version} | {client.over} | {revisions} |"
    )


def row_of_refusal(client: Client) -> str:
    opening, later = (" or ".join(f'"{words}"' for words in client.refused[when]) for when in ("opening", "later"))
    return f"| {client.name} | {opening} | {later} |"


@pytest.mark.parametrize(("table", "row"), [(0, row_of_tested), (1, row_of_refusal)], ids=["tested", "refusals"])
def test_the_tables_are_those_of_the_data(table: int, row: Callable[[Client], str]) -> None:
    page = (ROOT / "docs" / "clients.md").read_text()
    found = re.findall(r"<!-- from tests/interop/clients.yaml.*?\|\n\|[-|]+\|\n(.*?)<!-- end -->", page, re.DOTALL)
    assert found[table] == "".join(f"{row(client)}\n" for client in every_client())


@pytest.mark.parametrize("client", every_client(), ids=lambda client: client.id)
def test_what_is_installed_is_what_is_said(client: Client) -> None:
    if client.registry == "npm":
        pinned = json.loads((FOLDER / "node" / "package.json").read_text())["dependencies"]
        locked = json.loads((FOLDER / "node" / "package-lock.json").read_text())["packages"]
        assert pinned[client.package] == locked[f"node_modules/{client.package}"]["version"] == client.version
        return
    factor = "sdk1" if client.environment.endswith("sdk1") else "!sdk1"
    assert f"    {factor}: {client.package}=={client.version}\n" in (ROOT / "tox.ini").read_text()
