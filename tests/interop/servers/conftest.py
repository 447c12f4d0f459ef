"""Each module starts a server of its own, so that its tests stay together when tests run side by side."""

from pathlib import Path

import pytest

_HERE = Path(__file__).parent


# First of all: xdist reads the marks in its own hook of this name.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == _HERE:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
