"""The processes of a benchmark: started, waited for, and read from /proc while they work (Linux)."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE = 30.0
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Process:
    """One server. `start_s` is how long it took from the start of the process to its first answer, `log` its output."""

    pid: int
    port: int
    start_s: float
    log: Path

    def cpu_s(self) -> float:
        """The CPU seconds, user and system, that all its threads have used so far."""
        after_name = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / _TICKS

    def resident_mib(self) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        (resident,) = (line.split()[1] for line in lines if line.startswith("VmRSS:"))
        return int(resident) / 1024


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    arguments: Sequence[str],
    port: int,
    environment: Mapping[str, str],
    log: Path,
    *,
    python: str = sys.executable,
    folder: Path = ROOT,
    patience: float = _PATIENCE,
) -> Iterator[Process]:
    """`python ARGUMENTS` in `folder`, until the context ends.

    SystemExit with its output where it has not come up after `patience` seconds.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOOLGATE_")}
    with log.open("ab") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [python, *arguments], cwd=folder, env={**kept, **environment}, stdout=output, stderr=output
        )
    try:
        while not _answers(port):
            if process.poll() is not None or time.perf_counter() - begun > patience:
                raise SystemExit(f"{' '.join(arguments)} did not come up:\n{tail(log)}")
            time.sleep(0.005)
        yield Process(process.pid, port, time.perf_counter() - begun, log)
    finally:
        process.terminate()
        process.wait(30)


def tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-30:])


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
