"""The generators that do the heavy work are programs of their own, an optional extra that no service needs."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from gateway.regenerate.checkout import RegenerateError


class GeneratorMissing(RegenerateError):
    """A generator is not installed."""


def require(module: str, name: str) -> None:
    """Raise GeneratorMissing, which says how to install it, where a generator's module is not there."""
    if find_spec(module) is None:
        raise _missing(name)


def ruff() -> str:
    """The absolute path of ruff: the generators look for it on PATH, and do not find one that is relative."""
    beside = Path(sys.executable).with_name("ruff")
    found = str(beside) if beside.is_file() else shutil.which("ruff")
    if found is None:
        raise _missing("ruff")
    return str(Path(found).absolute())


def run(
    command: list[str], *, folder: Path, given: str | None = None, environment: dict[str, str] | None = None
) -> str:
    """Run a generator in `folder`; returns what it printed. Raises RegenerateError with its last line if it fails."""
    done = subprocess.run(  # noqa: S603 (programs of our own choice, arguments as a list)
        command, cwd=folder, input=given, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise RegenerateError(f"{Path(command[0]).name} {' '.join(command[1:3])} failed: {said}")
    return done.stdout + done.stderr


def _missing(name: str) -> GeneratorMissing:
    return GeneratorMissing(f"{name} is not installed; `pip install '.[regenerate]'` installs the generators.")
