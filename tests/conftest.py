"""Fixtures that many tests share. Tests talk to real services on loopback."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))  # `support` is beside the tests, not installed

from support.figures import figures, pytest_terminal_summary
from support.service import Service, serving

__all__ = ["figures", "pytest_terminal_summary"]  # pytest finds both here

# Other tests and builds run beside: how long an example takes says nothing.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests that only need one; each test names its own servers."""
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running
