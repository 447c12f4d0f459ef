"""The rate limit: how many pass, when the next one does, and that it stays small."""

import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.access import limits
from gateway.access.limits import RateLimiter, Window
from gateway.errors import RateLimited

MINUTE = 1_800_000_000.0  # a moment at which one of the library's windows begins


class Clock:
    def __init__(self) -> None:
        self.now = MINUTE

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def passes(limiter: RateLimiter, key: str = "key:1") -> bool:
    try:
        limiter.hit(key)
    except RateLimited:
        return False
    return True


def test_the_limit_passes_and_no_more(clock: Clock) -> None:
    limiter = RateLimiter(5)
    assert [passes(limiter) for _ in range(7)] == [True] * 5 + [False] * 2


def test_each_key_has_its_own(clock: Clock) -> None:
    limiter = RateLimiter(1)
    assert passes(limiter, "key:1")
    assert passes(limiter, "key:2")
    assert not passes(limiter, "key:1")


def test_the_window_slides(clock: Clock) -> None:
    limiter = RateLimiter(10)
    clock.now += 59
    assert all(passes(limiter) for _ in range(10))
    # A fixed window would let ten more through here.
    clock.now += 2
    assert [passes(limiter) for _ in range(2)] == [True, False]
    clock.now += 29
    assert [passes(limiter) for _ in range(6)] == [True] * 4 + [False] * 2


def test_a_refusal_says_when_to_come_back(clock: Clock) -> None:
    limiter = RateLimiter(10)
    assert all(passes(limiter) for _ in range(10))
    with pytest.raises(RateLimited) as caught:
        limiter.hit("key:1")
    assert caught.value.retry_after == 61
    assert caught.value.body()["error"]["code"] == "RATE_LIMITED"
    clock.now += 60.5
    limiter.hit("key:1")
    with pytest.raises(RateLimited) as caught:
        limiter.hit("key:1")
    assert caught.value.retry_after == 6


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 20), st.lists(st.floats(0, 90), max_size=60))
def test_who_comes_back_when_told_passes_and_not_before(clock: Clock, limit: int, waits: list[float]) -> None:
    clock.now = MINUTE
    limiter = RateLimiter(limit)
    for wait in waits:
        clock.now += wait if wait > 1 else 0
        told = limiter.window("key:1")
        assert told.limit == limit
        assert passes(limiter) is (told.remaining > 0)
        if told.remaining == 0:
            assert told.reset >= 1
            clock.now += told.reset - 1
            if told.reset > 1:
                assert not passes(limiter)
            clock.now += 1
            assert passes(limiter)


def test_what_is_left_can_be_told(clock: Clock) -> None:
    limiter = RateLimiter(10)
    assert limiter.window("key:1") == Window(limit=10, remaining=10, reset=0)
    clock.now += 15
    for _ in range(3):
        limiter.hit("key:1")
    assert limiter.window("key:1") == Window(limit=10, remaining=7, reset=46)
    # To look costs nothing.
    assert limiter.window("key:1").remaining == 7
    assert limiter.window("key:2").remaining == 10
    clock.now += 120
    assert limiter.window("key:1") == Window(limit=10, remaining=10, reset=0)


def test_0_switches_it_off() -> None:
    limiter = RateLimiter(0)
    assert all(passes(limiter) for _ in range(1000))
    assert limiter.window("key:1") == Window(0, 0, 0)


@pytest.mark.parametrize("text", ["é\ud800" * 40, "ж" * 10_000, ""])
def test_any_key_counts_by_itself(clock: Clock, text: str) -> None:
    limiter = RateLimiter(1)
    assert passes(limiter, text)
    assert not passes(limiter, text)
    assert passes(limiter, text + "x" * 64)


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MOST_COUNTERS", 10)
    limiter = RateLimiter(2)
    storage = limiter._storage
    for number in range(100):
        limiter.hit("x" * 9_000 + str(number))
        assert len(storage.storage) == len(storage.expirations) == min(number + 1, 10)
    assert all(len(key) < 100 for key in storage.storage)
    assert not storage.locks
    # The newest still count.
    assert [passes(limiter, "x" * 9_000 + "99") for _ in range(2)] == [True, False]


def test_what_is_over_is_swept(clock: Clock) -> None:
    limiter = RateLimiter(5)
    storage = limiter._storage
    for number in range(100):
        limiter.hit(f"key:{number}")
    clock.now += 121
    limiter.hit("key:new")
    assert len(storage.storage) == len(storage.expirations) == 1


def test_no_thread_is_left_running() -> None:
    def timers() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]

    limiter = RateLimiter(5)
    deadline = time.monotonic() + 5
    while timers():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    for number in range(10):
        limiter.hit(str(number))
    assert not timers()
