"""The MCP Inspector's command line: one process, and so one connection, for each step; see lines.py for the steps.

The arguments of this driver are the command itself: `node .../index.js --cli`.
"""

import json
import subprocess
import sys
from typing import Any


def main() -> None:
    connection: list[str] = []
    version = inspector("--version").stdout.strip()
    for line in sys.stdin:
        step = json.loads(line)
        if step["do"] == "connect":
            connection = connecting(step)
            outcome = run(connection, "initialize", [])
            if "ok" in outcome:
                begun = outcome["ok"]
                outcome["ok"] = {
                    "client": f"@modelcontextprotocol/inspector {version}",
                    "revision": begun["protocolVersion"],
                    "server": begun["serverInfo"]["name"],
                    "instructions": begun.get("instructions"),
                }
        else:
            outcome = run(connection, step["do"], options(step["do"], step["with"]))
        print(json.dumps(outcome), flush=True)


def connecting(step: dict[str, Any]) -> list[str]:
    # Without the last one a 401 would open a browser.
    fixed = ["--transport", "http", "--format", "json", "--quiet", "--stored-auth-only"]
    headers = [f"{name}: {value}" for name, value in step.get("headers", {}).items()]
    return [
        *("--server-url", step["url"], "--protocol-era", step["mode"], *fixed),
        *(("--header", *headers) if headers else ()),
    ]


def options(method: str, parameters: dict[str, Any]) -> list[str]:
    if method == "tools/call":
        return ["--tool-name", parameters["name"], "--tool-args-json", json.dumps(parameters.get("arguments", {}))]
    if method == "resources/read":
        return ["--uri", parameters["uri"]]
    if method == "prompts/get":
        pairs = [f"{name}={value}" for name, value in parameters.get("arguments", {}).items()]
        return ["--prompt-name", parameters["name"], *(["--prompt-args", *pairs] if pairs else [])]
    return []


def run(connection: list[str], method: str, given: list[str]) -> dict[str, Any]:
    done = inspector(*connection, "--method", method, *given)
    if done.stdout.strip():
        return {"ok": json.loads(done.stdout)["result"]}
    said = json.loads(done.stderr)["error"]
    error = {"message": f"{said['code']}: {said['message']}"}
    return {"error": error | ({"status": 401} if said["code"] == "auth_required" else {})}


def inspector(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*sys.argv[1:], *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=50
    )


main()
