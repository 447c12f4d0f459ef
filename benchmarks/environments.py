"""Environments of their own for peers whose packages do not go together with ours, kept from run to run."""

import hashlib
import json
import os
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

_PATIENCE = 900.0
_VERSIONS = (
    "import importlib.metadata as m, json, sys; print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))"
)


class Absent(Exception):
    """A peer that cannot be measured here; the message says why."""


def default_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "toolgate-benchmarks"


def environment(folder: Path, name: str, requirements: Sequence[str]) -> Path:
    """The Python of an environment that has the requirements. Made where it is not there. Raises Absent."""
    digest = hashlib.sha256("\n".join([sys.version, *requirements]).encode()).hexdigest()[:12]
    made = folder / f"{name}-{digest}"
    python = made / "bin" / "python"
    done = made / "installed"
    if not done.exists():
        print(f"installing {' '.join(requirements)}", file=sys.stderr)
        venv.create(made, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", *requirements]
        try:
            ran = subprocess.run(install, capture_output=True, text=True, timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            raise Absent(f"pip took more than {_PATIENCE:.0f} seconds") from None
        if ran.returncode:
            raise Absent(f"pip could not install it: {last_line(ran.stderr)}")
        done.touch()
    return python


def versions(python: Path, packages: Sequence[str]) -> Mapping[str, str]:
    ran = subprocess.run([str(python), "-c", _VERSIONS, *packages], capture_output=True, text=True, timeout=60)
    if ran.returncode:
        raise Absent(f"its packages are not there: {last_line(ran.stderr)}")
    found: Mapping[str, str] = json.loads(ran.stdout)
    return found


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
