"""What `tools/list` and `tools/call` cost, beside other MCP servers. From the checkout, on Linux:

    pip install . -r benchmarks/requirements.txt
    python -m benchmarks.mcp --output benchmarks/results/mcp.json
    python -m benchmarks.readme

As in `benchmarks.http`, each server is a process of its own with one worker, the servers take turns, and CPU is that of
the server's process. Peers whose packages do not go with ours get an environment each, which is kept in a cache folder;
what cannot be installed or started is named with its reason, and so is a work that a peer cannot do.

The platform has 20 operations, or 1,000. Toolgate offers the former by its eight tools and the latter as a tool each,
in pages of 200. FastMCP and ContextForge make a tool of each operation; the SDK's server is given Toolgate's tools.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.environments import default_folder
from benchmarks.http import Figures, about, load, medians
from benchmarks.mcp_servers import PEERS, Ask, Bench
from benchmarks.processes import free_port, running

CONNECTIONS = (1, 16, 256)

Cell = tuple[str, int, str]
"""A work, the number of connections, and the name of who does it."""


def rounds(
    bench: Bench, answers: Mapping[str, Any], folder: Path, options: argparse.Namespace
) -> Iterator[tuple[Cell, Figures | str]]:
    """Each round's figures; in place of them the reason, once, where a peer could not do a work."""
    given_up = {
        (work, connections, name): str(answer["failed"])
        for work, by in answers.items()
        for name, answer in by.items()
        for connections in options.connections
        if "failed" in answer
    }
    yield from given_up.items()
    # The first round only warms up, at the first number of connections.
    for number in range(options.rounds + 1):
        for cell, ask in _cells(bench, options.connections if number else options.connections[:1]):
            if cell in given_up:
                continue
            process = bench.processes[ask.server]
            request = folder / "request"
            request.write_bytes(ask.encoded(process.port))
            try:
                figures = load(process, request, argparse.Namespace(connections=cell[1], seconds=options.seconds))
            except (SystemExit, subprocess.TimeoutExpired) as error:
                if cell[2] not in PEERS:
                    raise
                given_up[cell] = str(error).splitlines()[0][:300]
                yield cell, given_up[cell]
            else:
                if number:
                    yield cell, figures
        print(f"round {number} of {options.rounds}", file=sys.stderr)


def _cells(bench: Bench, numbers: Sequence[int]) -> Iterator[tuple[Cell, Ask]]:
    """In the order in which they are measured: the servers take turns."""
    for work, by in bench.asks.items():
        for connections in numbers:
            for name, ask in by.items():
                yield (work, connections, name), ask


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The whole run, as JSON."""
    port = free_port()
    with contextlib.ExitStack() as stack:
        upstream = ["-m", "benchmarks.peers.upstream", str(port)]
        stack.enter_context(running(upstream, port, {}, folder / "upstream.log"))
        bench = Bench(folder, f"http://127.0.0.1:{port}", options.cache, stack)
        bench.start(options.peers)
        answers = bench.check()
        seen: dict[str, dict[str, dict[str, Any]]] = {}
        for (work, connections, name), figures in rounds(bench, answers, folder, options):
            cells = seen.setdefault(work, {}).setdefault(str(connections), {})
            if isinstance(figures, str):
                cells[name] = figures
            elif not isinstance(cells.get(name), str):
                cells.setdefault(name, []).append(figures)
        resident = {server: round(process.resident_mib(), 1) for server, process in bench.processes.items()}
    return {
        "works": {
            work: {
                connections: {
                    name: {"failed": found} if isinstance(found, str) else medians(found)
                    for name, found in cells.items()
                }
                for connections, cells in by.items()
            }
            for work, by in seen.items()
        },
        "answers": answers,
        "absent": bench.absent,
        "peers": bench.packages,
        "resident_mib": resident,
    }


def show(figures: Mapping[str, Any]) -> None:
    for work, by in figures["works"].items():
        for connections, cells in by.items():
            print(f"{work}, {connections} connections")
            ours = cells["toolgate"]["cpu_us"]
            for name, row in cells.items():
                if "failed" in row:
                    print(f"  {name:21} {row['failed']}")
                    continue
                print(
                    f"  {name:21}{row['cpu_us']:>10.1f} us{ours / row['cpu_us']:>8.3f} x{row['requests_per_s']:>9.0f}/s"
                    f"{row['p50_ms']:>10.2f} ms{row['p99_ms']:>10.2f} ms"
                )
    for name, why in figures["absent"].items():
        print(f"left out: {name}: {why}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure tools/list and tools/call beside other MCP servers.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each server has each work in a round")
    parser.add_argument("--connections", type=int, nargs="+", default=list(CONNECTIONS))
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--cache", type=Path, default=default_folder(), help="where the peers' environments are kept")
    parser.add_argument("--output", type=Path, help="file to write the figures to, as JSON")
    options = parser.parse_args()
    if not Path("/proc/self/stat").exists():
        raise SystemExit("This reads /proc: it runs on Linux only.")
    with tempfile.TemporaryDirectory() as folder:
        figures = {**about("benchmarks.mcp"), **measure(Path(folder), options)}
    show(figures)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
