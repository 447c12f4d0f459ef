"""A platform with OAuth 2.0, and what renews its tokens, over a real store."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from refreshing import Bench

from support.oauth_platform import OAuthPlatform, running


@pytest.fixture
def platform() -> Iterator[OAuthPlatform]:
    with running() as started:
        yield started


@pytest.fixture
async def bench(tmp_path: Path, platform: OAuthPlatform) -> AsyncIterator[Bench]:
    made = await Bench.make(tmp_path / "toolgate.db", platform)
    yield made
    await made.close()
