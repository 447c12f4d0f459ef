"""Many callers in three processes, tokens that hardly last, callers that go away: no refresh token is spent twice."""

import asyncio
import random
import time

from refreshing import Bench, Process

from gateway.errors import UpstreamError, UpstreamTimeout

SECONDS = 6.0


async def test_no_refresh_token_is_spent_twice(bench: Bench) -> None:
    chance = random.Random(20261123)
    # Ends at once for whoever did not make it, and soon for whoever did.
    bench.platform.lifetime = 1
    secret = await bench.connect()
    processes = [bench.first, bench.another(), bench.another()]
    end = time.monotonic() + SECONDS
    used: set[str] = set()
    given_up = 0

    async def caller(process: Process) -> None:
        nonlocal given_up
        while time.monotonic() < end:
            bench.platform.delay = chance.choice((0, 0, 0.05, 0.2))
            known = await bench.stored(secret.credential_id)
            call = asyncio.create_task(bench.fresh(known, process, chance.choice((0.1, 5.0))))
            if chance.random() < 0.2:
                await asyncio.sleep(chance.random() * 0.1)
                call.cancel()
            try:
                used.add((await call).data["token"])
            except (asyncio.CancelledError, UpstreamTimeout):
                given_up += 1
            except UpstreamError as error:
                raise AssertionError(error.message) from None
            if chance.random() < 0.3:
                await bench.after_refusal(known, process)

    await asyncio.gather(*(caller(process) for process in processes for _ in range(4)))
    platform = bench.platform
    assert (platform.reused, platform.count) == (0, 1 + len(platform.asked))
    stored = await bench.stored(secret.credential_id)
    assert (stored.dead, stored.version) == (False, len(platform.asked))
    assert stored.data["refreshToken"] in platform.refresh
    # Every token that somebody was given had been stored, and there were many.
    assert len(platform.asked) > 5
    assert len(used) > 3
    assert given_up
