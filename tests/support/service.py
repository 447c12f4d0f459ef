"""A real Toolgate for tests: the command line as installed, its own data directory, HTTP on loopback."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

API_KEY = "test-key-0123456789abcdef"
JWT_SECRET = "an-invented-secret-of-more-than-32-bytes"
_START_SECONDS = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from gateway.cli import main; main()", *arguments]


@dataclass
class Service:
    """One running service."""

    url: str
    data_dir: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    output: Path
    key: str = API_KEY
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def client(self, **headers: str) -> httpx.Client:
        """A client with the first API key, unless `Authorization` says otherwise; an empty value leaves it out."""
        given = {"Authorization": f"Bearer {self.key}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        client = httpx.Client(
            base_url=self.url, headers={k: v for k, v in given.items() if v}, timeout=30, trust_env=False
        )
        self.clients.append(client)
        return client

    def run(self, *arguments: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """`toolgate ARGUMENTS` on this service's data directory, while it runs."""
        done = subprocess.run(
            command(*arguments, "--data-dir", str(self.data_dir)),
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if check and done.returncode:
            raise AssertionError(f"toolgate {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done

    def log(self) -> str:
        return self.output.read_text(errors="replace")


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOOLGATE_")}
    return {
        **kept,
        "TOOLGATE_DATA_DIR": str(data_dir),
        "TOOLGATE_API_KEY": API_KEY,
        "TOOLGATE_JWT_SECRET": JWT_SECRET,
        "TOOLGATE_RATE_LIMIT": "0",
        "TOOLGATE_EGRESS_ALLOW": "127.0.0.0/8",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }


@contextlib.contextmanager
def serving(
    folder: Path,
    port: int | None = None,
    checkout: Path | None = None,
    launch: Callable[[list[str]], list[str]] = list,
    **settings: str,
) -> Iterator[Service]:
    """Start `toolgate serve`, wait until it is ready, and stop it by SIGTERM. An empty setting is left out.

    The code is the current directory's, or that of another `checkout`. `launch` turns the command line into another.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    data_dir = folder / "data"
    values = {name: value for name, value in environment(data_dir, **settings).items() if value}
    output = folder / "output.txt"
    with output.open("ab") as sink:
        process = subprocess.Popen(
            launch(command("serve", "--port", str(port))),
            env=values,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd=checkout,
        )
    service = Service(f"http://127.0.0.1:{port}", data_dir, values, process, output)
    try:
        _wait(service)
        yield service
    finally:
        for client in service.clients:
            client.close()
        process.terminate()
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(service: Service) -> None:
    end = time.monotonic() + _START_SECONDS
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < end:
            if service.process.poll() is not None:
                raise AssertionError(f"the service ended with {service.process.returncode}:\n{service.log()}")
            with contextlib.suppress(httpx.TransportError):
                if client.get(f"{service.url}/health/ready").status_code == 200:
                    return
            time.sleep(0.05)
    raise AssertionError(f"the service was not ready after {_START_SECONDS} s:\n{service.log()}")
