"""What a storm on one connector is to another: `python -m benchmarks.storm --output benchmarks/results/storm.json`.

A healthy platform is called through the running service at a steady rate, alone and while another platform is called by
many connections at once and misbehaves in one way; by another account, and by the same one. What counts is the ratio:
both figures come from one run on one machine. On Linux, from the checkout.
"""

import argparse
import contextlib
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.http import about
from benchmarks.peers.stormy import document
from benchmarks.processes import ROOT, Process, free_port, running
from benchmarks.works import KEY

STORMS = ("black-hole", "slow-body", "status-503", "reset", "bomb", "endless", "large", "largest", "dense")
WHO = ("another account", "the same account")
_HEALTHY = "healthy"


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        # A platform for each storm, so that none is held back for what another did.
        ports = {name: free_port() for name in (_HEALTHY, *options.storms)}
        for name, port in ports.items():
            arguments = ["-m", "benchmarks.peers.stormy", str(port)]
            stack.enter_context(running(arguments, port, {}, folder / f"{name}.log"))
        port = free_port()
        settings = {
            "TOOLGATE_DATA_DIR": str(folder / "data"),
            "TOOLGATE_PORT": str(port),
            "TOOLGATE_API_KEY": KEY,
            "TOOLGATE_RATE_LIMIT": "0",
            "TOOLGATE_EGRESS_ALLOW": "127.0.0.0/8",
        }
        serve = ["-c", "from gateway.cli import main; main()", "serve"]
        service = stack.enter_context(running(serve, port, settings, folder / "toolgate.log"))
        other = _account(folder)
        keys = {"another account": other, "the same account": KEY}
        for key in keys.values():
            for name, platform in ports.items():
                _connect(port, key, name, document(f"http://127.0.0.1:{platform}"))
        healthy = _request(folder / "healthy", KEY, _HEALTHY, "good")
        _steady(service, healthy, options)
        before = service.resident_mib()
        alone: list[Mapping[str, Any]] = []
        rounds: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
        for number in range(options.rounds):
            for storm in options.storms:
                for who in WHO:
                    alone.append(_steady(service, healthy, options))
                    request = _request(folder / "storm", keys[who], storm, storm)
                    under = _under(service, healthy, request, options)
                    rounds.setdefault(storm, {}).setdefault(who, []).append(under)
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        return {
            "rate": options.rate,
            "connections": options.connections,
            "pause_s": options.pause,
            "alone": _medians(alone),
            "storms": {
                storm: {who: {**_medians(found), "statuses": found[-1]["statuses"]} for who, found in by.items()}
                for storm, by in rounds.items()
            },
            "resident_mib": {"before": round(before, 1), "after": round(service.resident_mib(), 1)},
        }


def _medians(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of the times the medians, of the calls that failed all."""
    times = {
        name: round(statistics.median(row[name] for row in rows), 3) for name in ("p50_ms", "p99_ms", "longest_ms")
    }
    return {**times, "failed": sum(row["failed"] for row in rows)}


def _under(service: Process, healthy: Path, request: Path, options: argparse.Namespace) -> dict[str, Any]:
    """One storm, and what the healthy connector is meanwhile."""
    size = ["--storm", str(options.connections), "--seconds", str(options.seconds + 1), "--pause", str(options.pause)]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.steady", str(service.port), str(request), *size],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        under = _steady(service, healthy, options)
        told, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    return {**under, **json.loads(told)}


def _account(folder: Path) -> str:
    command = ["-c", "from gateway.cli import main; main()", "accounts", "create", "Storm", "--json"]
    done = subprocess.run(
        [sys.executable, *command, "--data-dir", str(folder / "data")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return str(json.loads(done.stdout)["key"])


def _connect(port: int, key: str, name: str, described: Mapping[str, Any]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", "/connectors", json.dumps({"id": name, "document": described}), headers)
    answer = connection.getresponse()
    if answer.status != 201:
        raise SystemExit(f"{name} could not be registered: {answer.read().decode()}")
    connection.close()


def _request(path: Path, key: str, connector: str, action: str) -> Path:
    body = b'{"credentialId": "none", "timeout": 5000}'
    lines = [
        f"POST /connectors/{connector}/actions/{action}/execute HTTP/1.1",
        "host: 127.0.0.1",
        f"authorization: Bearer {key}",
        "content-type: application/json",
        f"content-length: {len(body)}",
    ]
    path.write_bytes("\r\n".join([*lines, "", ""]).encode() + body)
    return path


def _steady(service: Process, request: Path, options: argparse.Namespace) -> dict[str, Any]:
    size = ["--rate", str(options.rate), "--seconds", str(options.seconds)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.steady", str(service.port), str(request), *size],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=options.seconds + 60,
    )
    if done.returncode:
        raise SystemExit(f"the steady load failed: {done.stderr}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def show(figures: Mapping[str, Any]) -> None:
    print(f"alone: {figures['alone']}")
    for storm, by in figures["storms"].items():
        for who, row in by.items():
            print(
                f"{storm:12}{who:18}p50 {row['p50_ms']:8.2f} ms ({row['p50_ms'] / figures['alone']['p50_ms']:5.2f} x)"
                f"   p99 {row['p99_ms']:8.2f} ms ({row['p99_ms'] / figures['alone']['p99_ms']:6.2f} x)"
                f"   failed {row['failed']}   {row['statuses']}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what a storm on one connector is to another.")
    parser.add_argument("--rounds", type=int, default=3, help="the figures are the medians of so many")
    parser.add_argument("--rate", type=float, default=100.0, help="healthy calls a second")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each storm goes on")
    parser.add_argument("--connections", type=int, default=64, help="connections that make the storm")
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between an answer and the next call in it")
    parser.add_argument("--storms", nargs="+", default=list(STORMS), choices=STORMS)
    parser.add_argument("--output", type=Path, help="file to write the figures to, as JSON")
    options = parser.parse_args()
    if not Path("/proc/self/stat").exists():
        raise SystemExit("This reads /proc: it runs on Linux only.")
    with tempfile.TemporaryDirectory() as folder:
        figures = {
            **about("benchmarks.storm", ("uvicorn", "uvloop", "aiohttp", "orjson")),
            **measure(Path(folder), options),
        }
    show(figures)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
