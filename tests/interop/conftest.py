"""What the tests of clients share: one gate, one platform behind it, and the clients of npm."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.mcp_clients import FOLDER, node
from support.service import Service, serving
from support.upstream import Upstream, running


@pytest.fixture(scope="session")
def platform() -> Iterator[Upstream]:
    with running() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def tasks(tmp_path_factory: pytest.TempPathFactory, platform: Upstream) -> Iterator[Service]:
    """A gate with the platform as its connector `tasks`, and a credential for it."""
    with serving(tmp_path_factory.mktemp("tasks")) as gate:
        api = gate.client()
        added = api.post("/connectors", json={"id": "tasks", "document": platform.document()})
        assert added.status_code == 201, added.text
        credential = {"userId": "me", "authenticationType": "bearer", "data": {"token": "the-token-of-tasks"}}
        stored = api.post("/connectors/tasks/credentials", json=credential)
        assert stored.status_code == 200, stored.text
        yield gate


@pytest.fixture(scope="session")
def npm() -> Path:
    """The folder with node_modules, in this Python environment; installed anew when tests/interop/node has changed.

    The lock file pins every package by its hash, and no package runs a script of its own.
    """
    source = FOLDER / "node"
    state = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(source.iterdir()))).hexdigest()
    installed = Path(sys.prefix) / "interop-node"
    mark = installed / "state"
    # Several test processes come here at once.
    with installed.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_text() != state:
            shutil.rmtree(installed, ignore_errors=True)
            shutil.copytree(source, installed)
            search = f"{node().parent}{os.pathsep}{os.environ['PATH']}"
            done = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                executable=node().with_name("npm"),
                cwd=installed,
                env={**os.environ, "PATH": search},
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, done.stderr
            mark.write_text(state)
    return installed
