"""Fixtures that many tests share. Tests talk to real services on loopback."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))  # `support` is beside the tests, not installed

from support.figures import figures, pytest_terminal_summary
from support.service import Service, serving

__all__ = ["figures", "pytest_terminal_summary"]  # pytest finds both here

# Other tests and builds run beside: how long an example takes says nothing.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """See support/balance.py."""
    if config.getvalue("dist") != "loadscope":
        return None
    from support.balance import Balanced  # noqa: PLC0415 (pytest-xdist is there where this is called)

    # The order of pytest_collection_modifyitems counts, not the number of tests.
    config.option.loadscopereorder = False
    return Balanced(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        from support.balance import longest_first  # noqa: PLC0415 (as above)

        longest_first(items)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests that only need one; each test names its own servers."""
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running
