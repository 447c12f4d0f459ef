"""What `get-server-client` says to paste, run as it is: by both doors, with the client that it is for."""

import os
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import mcp
import pytest
from mcp.client.stdio import StdioServerParameters, stdio_client

from support.mcp_clients import node
from support.service import Service

DOORS = ["token", "key"]
FIRST = "list_connectors_alloy"


@pytest.fixture(scope="module")
def server(tasks: Service) -> dict[str, Any]:
    made = tasks.client().post("/api/servers", json={"name": "snippets"})
    assert made.status_code == 201, made.text
    return made.json()


def snippet(gate: Service, server: dict[str, Any], client: str, door: str) -> str:
    got = gate.client().get(f"/api/servers/{server['serverId']}/clients/{client}", params={"door": door})
    assert got.status_code == 200, got.text
    return str(got.json()["snippet"])


def said(gate: Service, *command: str, cwd: Path) -> str:
    """What a program prints that finds the API key where the snippets say."""
    environment = {**os.environ, "TOOLGATE_API_KEY": gate.key}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def require(package: str, major: str) -> None:
    """Skip where this environment has not the package that a snippet is for."""
    try:
        there = metadata.version(package)
    except metadata.PackageNotFoundError:
        there = "missing"
    if not there.startswith(major):
        pytest.skip(f"needs {package} {major}*, which tox -e interop installs; here it is {there}")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("client", "package", "major"), [("python", "mcp", "2."), ("fastmcp", "fastmcp", "4.")])
def test_python(
    tasks: Service, server: dict[str, Any], tmp_path: Path, client: str, package: str, major: str, door: str
) -> None:
    require(package, major)
    program = tmp_path / "program.py"
    program.write_text(snippet(tasks, server, client, door))
    assert FIRST in said(tasks, sys.executable, str(program), cwd=tmp_path)


@pytest.mark.parametrize("door", DOORS)
def test_typescript(tasks: Service, server: dict[str, Any], npm: Path, door: str) -> None:
    # Beside node_modules, where Node looks for the packages. It is JavaScript as it stands.
    program = npm / f"snippet-{door}-{os.getpid()}.mjs"
    program.write_text(snippet(tasks, server, "typescript", door))
    try:
        assert FIRST in said(tasks, str(node()), str(program), cwd=npm)
    finally:
        program.unlink()


@pytest.mark.parametrize("door", DOORS)
async def test_the_bridge(tasks: Service, server: dict[str, Any], npm: Path, door: str) -> None:
    require("mcp", "2.")
    # As a shell would: the variable filled in, `npx -y` finding the package that is installed here.
    words = shlex.split(snippet(tasks, server, "mcp-remote", door).replace("$TOOLGATE_API_KEY", tasks.key))
    assert words[:3] == ["npx", "-y", "mcp-remote"]
    program = [str(npm / "node_modules" / "mcp-remote" / "dist" / "proxy.js"), *words[3:]]
    environment = {**os.environ, "PATH": f"{node().parent}{os.pathsep}{os.environ['PATH']}"}
    parameters = StdioServerParameters(command=str(node()), args=program, env=environment)
    async with mcp.Client(stdio_client(parameters)) as client:
        assert FIRST in [tool.name for tool in (await client.list_tools()).tools]
