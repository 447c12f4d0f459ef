"""What the tests of clients share: one gate, one platform behind it, and the clients of npm."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from support.mcp_clients import FOLDER, Client, Opener, node
from support.service import Service, serving
from support.upstream import Upstream, running

# Modules whose tests share something that takes long to start.
_WHOLE = ("test_gradio", "test_jupyter", "test_kinto", "test_prefect", "test_python_sdk_sign_in")


class _Scheduling(LoadScopeScheduling):
    """Each test for itself, and each of the modules above in one process; marks of groups do nothing in pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if Path(module).stem in _WHOLE else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _Scheduling:
    return _Scheduling(config, log)


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
    """The drivers of tests/interop/node with their node_modules, in this Python environment.

    The lock file pins every package by its hash, no package runs a script of its own, and what is there already stays.
    """
    source = FOLDER / "node"
    wanted = (source / "package-lock.json").read_text()
    installed = Path(sys.prefix) / "interop-node"
    mark = installed / "installed.json"
    # Several test processes come here at once.
    with installed.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.copytree(source, installed, dirs_exist_ok=True)
        if not mark.exists() or mark.read_text() != wanted:
            done = subprocess.run(
                [str(node().with_name("npm")), "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=installed,
                env={**os.environ, "PATH": f"{node().parent}{os.pathsep}{os.environ['PATH']}"},
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, done.stderr
            mark.write_text(wanted)
    return installed


@pytest.fixture(scope="session")
def openers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Client, str, Path | None], Opener]]:
    """A client in one of its ways: one driver process for all its tests, a new one where that has ended."""
    running: dict[tuple[str, str], Opener] = {}

    def opener(client: Client, mode: str, npm: Path | None) -> Opener:
        found = running.get((client.id, mode))
        if found is not None and found.alive:
            return found
        if found is not None:
            found.close()
        running[client.id, mode] = Opener(client, mode, npm, tmp_path_factory.mktemp(client.id))
        return running[client.id, mode]

    yield opener
    for one in running.values():
        one.close()
