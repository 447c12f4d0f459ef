"""Schemathesis against the running service: every check, every phase, every way to authenticate. Zero failures."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.jwts import token
from support.service import Service, serving

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
WALK = {"GET", "PUT", "DELETE"}
EXAMPLES = int(os.environ.get("TOOLGATE_CONTRACT_EXAMPLES", "25"))
# A run takes about a minute for 25 examples; a hung one must not hold up the others for a day.
TIMEOUT = 1500 * max(1, EXAMPLES // 25)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Service]:
    with serving(tmp_path, TOOLGATE_ACCESS_LOG="on") as running:
        yield running


def fuzz(
    service: Service, folder: Path, *arguments: str, examples: int = EXAMPLES, configuration: Path = CONFIGURATION
) -> str:
    """Run `st run`; returns what it printed. Fails unless it found nothing and the service still stands."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("st")),
            "--config-file",
            str(configuration),
            "run",
            f"{service.url}/openapi.json",
            "--max-examples",
            str(examples),
            "--continue-on-failure",
            *arguments,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env={**os.environ, "NO_COLOR": "1"},
    )
    print(done.stdout[-20_000:], done.stderr[-5_000:])
    assert done.returncode == 0, "Schemathesis found failures; its report is above"
    assert service.process.poll() is None
    assert "Traceback" not in service.log()
    assert service.client().get("/api/servers").status_code == 200
    return done.stdout


def links_covered(report: str) -> int:
    """How many of the contract's links the stateful phase followed."""
    found = re.search(r"API Links:\s+(\d+) covered", report)
    assert found is not None, "the stateful phase did not run"
    return int(found[1])


def answered(service: Service, method: str, path: str) -> list[int]:
    """The statuses of all answers so far to requests whose path matches a pattern."""
    lines = re.findall(rf"toolgate\.access: {method} {path} (\d{{3}}) ", service.log())
    return [int(status) for status in lines]


# The three that walk the whole contract come first and so run at once, a minute each; what is short follows.
def test_with_an_api_key(fresh: Service, tmp_path: Path) -> None:
    report = fuzz(fresh, tmp_path, "--header", f"Authorization: Bearer {fresh.key}")
    # 18 as a rule; which ones, is chance.
    assert links_covered(report) >= 6


def test_with_a_jwt(fresh: Service, tmp_path: Path) -> None:
    fuzz(fresh, tmp_path, "--header", f"Authorization: Bearer {token('fuzzed', lasts=7200)}")


def test_with_an_api_key_for_a_user(fresh: Service, tmp_path: Path) -> None:
    # Two checks take the Authorization header away and want to be refused. Here x-alloy-user-token still proves the
    # caller, and the service rightly lets it in; both checks are on where one header alone authenticates.
    user = f"x-alloy-user-token: {token('fuzzed', lasts=7200)}"
    headers = ["--header", f"Authorization: Bearer {fresh.key}", "--header", user]
    fuzz(fresh, tmp_path, *headers, "--exclude-checks", "ignored_auth,missing_required_header")


def test_it_walks_the_life_of_a_server(fresh: Service, tmp_path: Path) -> None:
    """The links lead from a created server to reading, changing and deleting that very server."""
    seen: set[str] = set()
    covered = 0
    # Hypothesis gives a walk up where it finds no next step, after 10 scenarios or 80: most walks come by one or two of
    # the three, and each of these walks is the same every time but for the identifiers.
    for seed in range(1, 13):
        report = fuzz(
            fresh,
            tmp_path,
            *("--phases", "stateful", "--include-tag", "Server Management", "--seed", str(seed)),
            *("--header", f"Authorization: Bearer {fresh.key}"),
            examples=max(100, EXAMPLES),
        )
        covered = max(covered, links_covered(report))
        seen |= {method for method in WALK if 200 in answered(fresh, method, r"/api/servers/[^/\s]+")}
        if seen == WALK and covered >= 4:
            break
    assert 201 in answered(fresh, "POST", "/api/servers")
    assert seen == WALK, "no walk came by the others with success"
    # 7 to 15 as a rule.
    assert covered >= 4


@pytest.mark.parametrize("door", ["execute-mcp-token", "execute-mcp-api"])
def test_the_doors_of_a_real_server(fresh: Service, tmp_path: Path, door: str) -> None:
    """With the path parameters of a server that is there, bodies get past the door, to the protocol."""
    server = fresh.client().post("/api/servers", json={"name": "Fuzzed"}).json()
    fixed = {"path.serverId": server["serverId"]}
    headers = ["--header", f"Authorization: Bearer {fresh.key}"]
    if door == "execute-mcp-token":
        fixed, headers = {**fixed, "path.accessToken": server["accessToken"]}, []
    configuration = tmp_path / "schemathesis.toml"
    values = ", ".join(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in fixed.items())
    configuration.write_text(f"parameters = {{ {values} }}\n\n{CONFIGURATION.read_text()}")
    # Links lead to this operation and not from it, so that there is no state to walk.
    phases = ("--phases", "examples,coverage,fuzzing")
    fuzz(fresh, tmp_path, "--include-operation-id", door, *phases, *headers, configuration=configuration)
    taken = [status for status in answered(fresh, "POST", rf"/mcp/{server['serverId']}\S*") if status in (200, 202)]
    assert len(taken) >= 10, "hardly a body reached the protocol"
