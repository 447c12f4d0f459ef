"""The MCP servers that benchmarks.mcp compares: how each is started, and what it is asked."""

import contextlib
import http.client
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.environments import Absent, environment, last_line, versions
from benchmarks.peers import contextforge
from benchmarks.peers.upstream import TOKEN, document
from benchmarks.processes import ROOT, Process, free_port, running
from benchmarks.works import ARGUMENTS, KEY, MCP_HEADERS, RECORDING, exchange, message, post

_FAST = ("uvloop==0.23.0", "httptools==0.9.0")
PEERS = {
    "sdk": ("mcp==2.3.0", "uvicorn==0.54.0", "aiohttp==3.14.5", "orjson", *_FAST),
    "fastmcp": ("fastmcp==4.0.11", "uvicorn==0.54.0", *_FAST),
    "contextforge": ("mcp-contextforge-gateway==1.0.7.post20260921", *_FAST),
}
_PACKAGE = {"sdk": "mcp", "fastmcp": "fastmcp", "contextforge": "mcp-contextforge-gateway"}
_SIZES = (20, 1000)
# Said by the platform; in whatever form a server hands it back, it is there.
_SAID = b"1732380000.000100"
# How long one answer may take before a load is given up, beyond its own time.
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to one server, which may answer for several names (`starlette, recording`)."""

    server: str
    path: str
    body: bytes

    def encoded(self, port: int) -> bytes:
        """As it goes over the wire. Some servers refuse a Host without their port."""
        headers = {"host": f"127.0.0.1:{port}", **MCP_HEADERS, "content-length": len(self.body)}
        lines = [f"POST {self.path} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


class Bench:
    """The folder of a run, its servers, and what is asked of them."""

    def __init__(self, folder: Path, upstream: str, cache: Path, stack: contextlib.ExitStack) -> None:
        self._folder = folder
        self._upstream = upstream
        self._cache = cache
        self._stack = stack
        self.processes: dict[str, Process] = {}
        # Work -> name -> what is asked.
        self.asks: dict[str, dict[str, Ask]] = {}
        self.packages: dict[str, str] = {}
        self.absent: dict[str, str] = {}
        self._lists = folder / "lists"
        self._lists.mkdir()
        for size in _SIZES:
            (folder / f"document-{size}.json").write_text(json.dumps(document(size)))

    def start(self, wanted: list[str]) -> None:
        """Start Toolgate, make its data, and then all who are wanted of the others."""
        self._toolgate()
        self._starlette()
        for name, requirements in PEERS.items():
            if name not in wanted:
                continue
            try:
                python = environment(self._cache, name, requirements)
                self.packages |= versions(python, [_PACKAGE[name]])
                for size in _SIZES:
                    self._peer(name, size, str(python))
            except (Absent, SystemExit) as error:
                self.absent[name] = last_line(str(error))
                print(f"{name} is left out: {self.absent[name]}", file=sys.stderr)

    def check(self) -> dict[str, dict[str, dict[str, Any]]]:
        """What each answers, once: `{"bytes", "tools"?}`, or `{"failed"}` for a peer that does not answer rightly.

        SystemExit where we ourselves do not.
        """
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for work, by in self.asks.items():
            for name, ask in by.items():
                try:
                    found.setdefault(work, {})[name] = self._answer(work, ask)
                except (SystemExit, OSError, http.client.HTTPException, ValueError) as error:
                    if name not in PEERS:
                        raise SystemExit(f"{work}: {name}: {error}") from None
                    found[work][name] = {"failed": last_line(str(error))}
        return found

    def _answer(self, work: str, ask: Ask) -> dict[str, Any]:
        port = self.processes[ask.server].port
        headers = {"host": f"127.0.0.1:{port}", **MCP_HEADERS}
        answer = exchange(port, "POST", ask.path, headers, ask.body)
        result = json.loads(answer).get("result", {})
        tools = len(result.get("tools", ()))
        right = tools > 0 if work.startswith("tools/list") else _SAID in answer and not result.get("isError")
        if not right:
            raise SystemExit(f"the answer was {answer[:200].decode(errors='replace')}")
        return {"bytes": len(answer), **({"tools": tools} if tools else {})}

    def _toolgate(self) -> None:
        port = free_port()
        settings = {
            "TOOLGATE_DATA_DIR": str(self._folder / "toolgate"),
            "TOOLGATE_PORT": str(port),
            "TOOLGATE_BASE_URL": "http://127.0.0.1:3000",
            "TOOLGATE_API_KEY": KEY,
            "TOOLGATE_RATE_LIMIT": "0",
            "TOOLGATE_EGRESS_ALLOW": "127.0.0.0/8",
        }
        arguments = ["-c", "from gateway.cli import main; main()", "serve"]
        log = self._folder / "toolgate.log"
        with running(arguments, port, settings, log):
            self._make(port)
        # The proxy that keeps audit rows writes them for the same user.
        shutil.copytree(self._folder / "toolgate", self._folder / "starlette")
        self._run("toolgate", arguments, port, settings)

    def _make(self, port: int) -> None:
        for size in _SIZES:
            path = self._server(port, size)
            listed = self._tools(port, path)
            (self._folder / f"tools-{size}.json").write_text(json.dumps(listed))
            called = {"connectorId": f"messages{size}", "actionId": "postMessage", "parameters": ARGUMENTS}
            call = ("execute_action_alloy", called) if size == _SIZES[0] else ("postMessage", ARGUMENTS)
            self._ask("toolgate", "toolgate", size, path, call)
            answer = exchange(port, "POST", path, MCP_HEADERS, message("tools/list", {}))
            (self._lists / f"{size}.json").write_bytes(answer)

    def _server(self, port: int, size: int) -> str:
        """Make a server with a connector of `size` actions; the path of its token URL."""
        name = f"messages{size}"
        about = {"id": name, "name": "Messages", "document": document(size)}
        post(port, "/connectors", {**about, "baseUrl": self._upstream, "auth": {"type": "bearer"}})
        credential = {"userId": "me", "authenticationType": "bearer", "data": {"token": TOKEN}}
        post(port, f"/connectors/{name}/credentials", credential)
        allowed = {"connectors": {"mode": "allowlist", "allowedIds": [name]}}
        mode = "connectivity" if size == _SIZES[0] else "direct"
        made = post(port, "/api/servers", {"name": f"Server {size}", "mode": mode, "restrictions": allowed})
        return "/mcp/" + str(made["accessUrl"]).partition("/mcp/")[2]

    def _tools(self, port: int, path: str) -> list[Any]:
        """All pages of `tools/list`."""
        tools: list[Any] = []
        params: dict[str, str] = {}
        while True:
            answer = exchange(port, "POST", path, MCP_HEADERS, message("tools/list", params))
            result = json.loads(answer)["result"]
            tools += result["tools"]
            if "nextCursor" not in result:
                return tools
            params = {"cursor": result["nextCursor"]}

    def _starlette(self) -> None:
        port = free_port()
        settings = {
            "TOOLGATE_DATA_DIR": str(self._folder / "starlette"),
            "TOOLGATE_PORT": str(port),
            "BENCHMARK_UPSTREAM": self._upstream,
            "BENCHMARK_TOOL_LISTS": str(self._lists),
        }
        self._run("starlette", ["-m", "benchmarks.peers.starlette_app"], port, settings)
        call = message("tools/call", {"name": "execute_action_alloy", "arguments": {"parameters": ARGUMENTS}})
        for size in _SIZES:
            listing, calling = _works(size)
            self.asks[listing]["starlette"] = Ask("starlette", f"/tools/list/{size}", message("tools/list", {}))
            self.asks[calling]["starlette"] = Ask("starlette", "/tools/call", call)
            self.asks[calling][RECORDING] = Ask("starlette", "/tools/call-and-record", call)

    def _peer(self, name: str, size: int, python: str) -> None:
        port = free_port()
        server = f"{name} {size}"
        settings = {"BENCHMARK_UPSTREAM": self._upstream, "BENCHMARK_TOKEN": TOKEN, "BENCHMARK_PORT": str(port)}
        called = {"connectorId": f"messages{size}", "actionId": "postMessage", "parameters": ARGUMENTS}
        call: tuple[str, Any] = ("postMessage", ARGUMENTS)
        folder, patience = ROOT, 30.0
        if name == "sdk":
            arguments = [str(ROOT / "benchmarks/peers/sdk_app.py"), str(self._folder / f"tools-{size}.json")]
            if size == _SIZES[0]:
                call = ("execute_action_alloy", called)
        elif name == "fastmcp":
            arguments = [str(ROOT / "benchmarks/peers/fastmcp_app.py"), str(self._folder / f"document-{size}.json")]
        else:
            folder, patience = self._folder / server.replace(" ", "-"), _PATIENCE
            folder.mkdir()
            settings |= contextforge.settings(folder)
            arguments = [*contextforge.ARGUMENTS, str(port)]
        self._run(server, arguments, port, settings, python=python, folder=folder, patience=patience)
        if name == "contextforge":
            contextforge.register(port, document(size), self._upstream, TOKEN)
            # Its own spelling of names.
            call = (call[0].lower(), ARGUMENTS)
        self._ask(name, server, size, "/mcp", call)

    def _run(self, server: str, arguments: list[str], port: int, settings: Mapping[str, str], **how: Any) -> None:
        log = self._folder / f"{server.replace(' ', '-')}.log"
        self.processes[server] = self._stack.enter_context(running(arguments, port, settings, log, **how))

    def _ask(self, name: str, server: str, size: int, path: str, call: tuple[str, Any]) -> None:
        listing, calling = _works(size)
        self.asks.setdefault(listing, {})[name] = Ask(server, path, message("tools/list", {}))
        body = message("tools/call", {"name": call[0], "arguments": call[1]})
        self.asks.setdefault(calling, {})[name] = Ask(server, path, body)


def _works(size: int) -> tuple[str, str]:
    what = "8 tools" if size == _SIZES[0] else f"{size:,} tools"
    return f"tools/list, {what}", f"tools/call, {what}"
