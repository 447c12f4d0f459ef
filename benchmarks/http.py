"""What a request costs, beside other frameworks that do the same. From the checkout, on Linux:

    pip install . -r benchmarks/requirements.txt
    python -m benchmarks.http --output benchmarks/results/http.json
    python -m benchmarks.readme

Each server is a process of its own (uvicorn, one worker, uvloop, httptools, no access log); the load comes from another
one. The servers take turns, work by work and round by round, and the median over the rounds counts. CPU is that of the
server's process, all its threads, user and system: it says more than requests per second on a machine that has other
things to do. `benchmarks/peers` says what the others do.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT, Process, free_port, running, tail
from benchmarks.works import KEY, Work, ask, prepare, works

_SERVERS = ("toolgate", "fastapi", "starlette")
_STARTS = 5
_PACKAGES = ("connexion", "fastapi", "pydantic", "starlette", "uvicorn", "uvloop", "httptools", "aiohttp", "sqlalchemy")
Figures = dict[str, float]


class Bench:
    """The folder of a run, and how its servers are started."""

    def __init__(self, folder: Path, upstream: str) -> None:
        self._folder = folder
        self._upstream = upstream
        self._tool_list = ""

    @contextlib.contextmanager
    def server(self, name: str, data: str, **settings: str) -> Iterator[Process]:
        """One of `_SERVERS` on the data directory `data`, with these settings beside the usual ones."""
        port = free_port()
        environment = {
            "TOOLGATE_DATA_DIR": str(self._folder / data),
            "TOOLGATE_PORT": str(port),
            "TOOLGATE_BASE_URL": "http://127.0.0.1:3000",
            "TOOLGATE_API_KEY": KEY,
            "TOOLGATE_RATE_LIMIT": "0",
            "TOOLGATE_EGRESS_ALLOW": "127.0.0.0/8",
            "BENCHMARK_UPSTREAM": self._upstream,
            "BENCHMARK_TOOL_LIST": self._tool_list,
            **settings,
        }
        ours = ["-c", "from gateway.cli import main; main()", "serve"]
        arguments = ours if name == "toolgate" else ["-m", f"benchmarks.peers.{name}_app"]
        with running(arguments, port, environment, self._folder / f"{name}.log") as process:
            yield process

    def prepare(self) -> tuple[list[Work], Figures]:
        """The data of all servers, the same for each; and how long Toolgate takes to start."""
        with self.server("toolgate", "made") as process:
            first_start = process.start_s
            todo = works(prepare(process.port, self._upstream))
            (listing,) = (work for work in todo if work.name == "tools/list")
            self._tool_list = ask(process.port, listing, "toolgate").decode()
        for name in _SERVERS:
            shutil.copytree(self._folder / "made", self._folder / name)
        starts = []
        for _ in range(_STARTS):
            with self.server("toolgate", "made") as process:
                starts.append(process.start_s)
        return todo, {"first_start_s": first_start, "start_s": statistics.median(starts)}


def check(todo: Sequence[Work], processes: Mapping[str, Process]) -> None:
    """SystemExit unless all servers give the same answers."""
    for work in todo:
        said = {name: work.same(ask(_of(processes, name).port, work, name)) for name in work.paths}
        for name, answer in said.items():
            if answer != said["toolgate"]:
                raise SystemExit(f"{work.name}: {name} answered {answer}, and Toolgate {said['toolgate']}")


def _of(processes: Mapping[str, Process], name: str) -> Process:
    return processes[name.partition(",")[0]]


def load(process: Process, request: Path, options: argparse.Namespace) -> Figures:
    """One round of one work on one server."""
    before = process.cpu_s()
    size = ["--connections", str(options.connections), "--seconds", str(options.seconds)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", str(process.port), str(request), *size],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=options.seconds + 120,
    )
    if done.returncode:
        raise SystemExit(f"the load failed: {done.stderr}\n{tail(process.log)}")
    told = json.loads(done.stdout)
    return {
        "cpu_us": (process.cpu_s() - before) / told["answers"] * 1_000_000,
        "requests_per_s": told["answers"] / told["seconds"],
        "p50_ms": told["p50_ms"],
        "p99_ms": told["p99_ms"],
    }


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The whole run, as JSON."""
    port = free_port()
    with contextlib.ExitStack() as stack:
        upstream = ["-m", "benchmarks.peers.upstream", str(port)]
        stack.enter_context(running(upstream, port, {}, folder / "upstream.log"))
        bench = Bench(folder, f"http://127.0.0.1:{port}")
        todo, start = bench.prepare()
        processes = {name: stack.enter_context(bench.server(name, name)) for name in _SERVERS}
        resident = {name: process.resident_mib() for name, process in processes.items()}
        check(todo, processes)
        rounds: dict[str, dict[str, list[Figures]]] = {work.name: {name: [] for name in work.paths} for work in todo}
        # The first round only warms up.
        for number in range(options.rounds + 1):
            for work in todo:
                for name in work.paths:
                    request = folder / "request"
                    request.write_bytes(work.encoded(name))
                    figures = load(_of(processes, name), request, options)
                    if number:
                        rounds[work.name][name].append(figures)
            print(f"round {number} of {options.rounds}", file=sys.stderr)
        check(todo, processes)
        start |= {"resident_mib": resident["toolgate"], "resident_after_mib": processes["toolgate"].resident_mib()}
    return {
        "works": {work: {name: medians(each) for name, each in by.items()} for work, by in rounds.items()},
        "start": _rounded(start),
    }


def medians(rounds: Sequence[Figures]) -> dict[str, Any]:
    """Over the rounds, of each figure."""
    figures: dict[str, Any] = _rounded({name: statistics.median(each[name] for each in rounds) for name in rounds[0]})
    return {**figures, "cpu_us_by_round": [round(each["cpu_us"], 1) for each in rounds]}


def _rounded(figures: Figures) -> Figures:
    return {name: round(value, 3 if name.endswith(("_s", "_ms")) else 1) for name, value in figures.items()}


def about(module: str = "benchmarks.http", packages: Sequence[str] = _PACKAGES) -> dict[str, Any]:
    """Where and when this is measured, and by which command."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "command": "python -m " + " ".join([module, *sys.argv[1:]]),
    }


def show(figures: Mapping[str, Any]) -> None:
    print(f"{'':14}{'':21}{'CPU us':>8}{'ratio':>8}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}")
    for work, by in figures["works"].items():
        ours = by["toolgate"]["cpu_us"]
        for name, row in by.items():
            print(
                f"{work if name == 'toolgate' else '':14}{name:21}{row['cpu_us']:>8.1f}"
                f"{ours / row['cpu_us']:>8.2f}{row['requests_per_s']:>9.0f}{row['p50_ms']:>9.2f}{row['p99_ms']:>9.2f}"
            )
    start = figures["start"]
    print(
        f"start to first answer {start['start_s']:.2f} s (the very first {start['first_start_s']:.2f} s), "
        f"resident {start['resident_mib']:.0f} MiB, after the run {start['resident_after_mib']:.0f} MiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what a request costs, beside other frameworks.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each server has each work in a round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--output", type=Path, help="file to write the figures to, as JSON")
    options = parser.parse_args()
    if not Path("/proc/self/stat").exists():
        raise SystemExit("This reads /proc: it runs on Linux only.")
    with tempfile.TemporaryDirectory() as folder:
        figures = {**about(), **measure(Path(folder), options)}
    show(figures)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
