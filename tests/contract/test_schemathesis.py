"""Schemathesis against the running service: every check, every phase, every way to authenticate. Zero failures."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.jwts import token
from support.service import Service, serving

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("TOOLGATE_CONTRACT_EXAMPLES", "25")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Service]:
    with serving(tmp_path) as running:
        yield running


def fuzz(service: Service, folder: Path, *arguments: str) -> None:
    """Run `st run`, print what it says, and fail unless it found nothing and the service still stands."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("st")),
            "--config-file",
            str(CONFIGURATION),
            "run",
            f"{service.url}/openapi.json",
            "--max-examples",
            EXAMPLES,
            "--continue-on-failure",
            *arguments,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=1500,
        env={**os.environ, "NO_COLOR": "1"},
    )
    print(done.stdout[-20_000:], done.stderr[-5_000:])
    assert done.returncode == 0, "Schemathesis found failures; its report is above"
    assert service.process.poll() is None
    assert "Traceback" not in service.log()
    assert service.client().get("/api/servers").status_code == 200


def test_with_an_api_key(fresh: Service, tmp_path: Path) -> None:
    fuzz(fresh, tmp_path, "--header", f"Authorization: Bearer {fresh.key}")


def test_with_a_jwt(fresh: Service, tmp_path: Path) -> None:
    fuzz(fresh, tmp_path, "--header", f"Authorization: Bearer {token('fuzzed', lasts=7200)}")


def test_with_an_api_key_for_a_user(fresh: Service, tmp_path: Path) -> None:
    # Two checks take the Authorization header away and want to be refused. Here x-alloy-user-token still proves the
    # caller, and the service rightly lets it in; both checks are on where one header alone authenticates.
    user = f"x-alloy-user-token: {token('fuzzed', lasts=7200)}"
    headers = ["--header", f"Authorization: Bearer {fresh.key}", "--header", user]
    fuzz(fresh, tmp_path, *headers, "--exclude-checks", "ignored_auth,missing_required_header")
