"""What a command loads: each library takes its tenths of a second, at every command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.service import environment

SHOW = """
import json, sys
from gateway.cli import main
try:
    main()
finally:
    json.dump(sorted({name.split(".")[0] for name in sys.modules}), sys.stderr)
"""
SERVES = {"aiohttp", "alembic", "connexion", "httptools", "numpy", "uvicorn"}


def loaded(data_dir: Path, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", SHOW, *arguments], env=environment(data_dir), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    # The first command makes the database, for which it needs more.
    assert "alembic" in loaded(folder, "keys", "create", "--user", "ann")
    return folder


@pytest.mark.parametrize(
    "command", ["servers list", "keys list", "users list", "credentials list --user ann", "approvals list"]
)
def test_a_command_loads_nothing_of_the_service(data_dir: Path, command: str) -> None:
    modules = loaded(data_dir, *command.split())
    assert "sqlalchemy" in modules
    assert not modules & SERVES


def test_the_version_is_said_at_once(data_dir: Path) -> None:
    modules = loaded(data_dir, "--version")
    assert "click" in modules
    assert not modules & {*SERVES, "cryptography", "sqlalchemy", "yaml"}
