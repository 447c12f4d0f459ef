"""One world for all tests here: see support/isolation/world.py."""

from collections.abc import Iterator

import pytest

from support.isolation.world import World, furnished
from support.service import serving


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with furnished(tmp_path_factory.mktemp("isolation"), serving) as made:
        yield made
