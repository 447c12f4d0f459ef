"""The rate limit: how many pass, when the next one does, and that it stays small."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.access import limits
from gateway.access.caller import Caller
from gateway.access.limits import RateLimiter, RateLimits, Window
from gateway.errors import RateLimited

MINUTE = 1_800_000_000.0  # a moment at which a minute begins


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
    monkeypatch.setattr(limits, "_MOST_CALLERS", 10)
    limiter = RateLimiter(2)
    for number in range(100):
        limiter.hit("x" * 9_000 + str(number))
        assert len(limiter._current) == min(number + 1, 10)
    assert all(len(key) < 100 for key in limiter._current)
    # The newest still count.
    assert [passes(limiter, "x" * 9_000 + "99") for _ in range(2)] == [True, False]


def test_what_is_over_is_swept(clock: Clock) -> None:
    limiter = RateLimiter(5)
    for number in range(100):
        limiter.hit(f"key:{number}")
    clock.now += 121
    limiter.hit("key:new")
    assert (list(limiter._current), list(limiter._previous)) == (["key:new"], [])


def caller(user: str = "ada", key: str = "1", account: str = "default") -> Caller:
    return Caller(account_id=account, user_id=user, principal_id="admin", door="api_key", rate_key=f"key:{key}")


def told(rates: RateLimits, who: Caller) -> str:
    """What is left, as `window:number`; `-`: nothing is limited; `window!`: refused by it."""
    try:
        window = rates.hit(who)
    except RateLimited as refused:
        return f"{refused.window}!"
    return f"{window.name}:{window.remaining}" if window else "-"


def test_a_user_of_a_shared_key_does_not_use_it_up(clock: Clock) -> None:
    rates = RateLimits(10, 3)
    assert [told(rates, caller()) for _ in range(5)] == ["user:2", "user:1", "user:0", "user!", "user!"]
    # Of the key three are gone, not five.
    assert told(rates, caller("bob")) == "user:2"
    assert [told(rates, caller(user)) for user in ("bob", "bob", "cyd", "cyd", "cyd")][-1] == "user:0"
    assert told(rates, caller("dan")) == "default:0"
    assert told(rates, caller("eve")) == "default!"


def test_a_user_with_many_keys_has_one_window(clock: Clock) -> None:
    rates = RateLimits(2, 3)
    assert [told(rates, caller(key=key)) for key in "1223"] == ["default:1", "default:1", "default:0", "user!"]
    # The same id in another account is somebody else.
    assert told(rates, caller(account="other", key="4")) == "default:1"


def test_what_the_key_refuses_is_not_counted_for_the_user(clock: Clock) -> None:
    rates = RateLimits(1, 3)
    assert [told(rates, caller()) for _ in range(9)] == ["default:0"] + ["default!"] * 8
    assert told(rates, caller(key="2")) == "default:0"


@pytest.mark.parametrize(("of_key", "of_user", "first"), [(0, 0, "-"), (0, 2, "user:1"), (2, 0, "default:1")])
def test_each_limit_can_be_off(clock: Clock, of_key: int, of_user: int, first: str) -> None:
    assert told(RateLimits(of_key, of_user), caller()) == first


def failures(rates: RateLimits, *hosts: str) -> list[bool]:
    passed = []
    for host in hosts:
        try:
            rates.failed(host)
        except RateLimited:
            passed.append(False)
        else:
            passed.append(True)
    return passed


def test_failures_are_counted_by_address_and_lock_no_key_out(clock: Clock) -> None:
    rates = RateLimits(5, 5, 2)
    assert failures(rates, *["192.0.2.1"] * 3, "192.0.2.2") == [True, True, False, True]
    assert told(rates, caller()) == "default:4"
    assert failures(RateLimits(5), *["192.0.2.1"] * 100) == [True] * 100


def test_an_ipv6_client_cannot_move_within_its_network(clock: Clock) -> None:
    rates = RateLimits(0, 0, 2)
    assert failures(rates, "2001:db8::1", "2001:db8::2:1", "2001:db8:0:0:9::", "2001:db8:0:1::1") == [
        True,
        True,
        False,
        True,
    ]
    # What a dual-stack socket calls an IPv4 client, and names that are no address at all.
    assert failures(rates, "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1") == [True, True, False]
    assert failures(rates, "", "fe80::1%eth0", "a:b", "unix:") == [True] * 4


def test_a_flood_of_addresses_makes_no_key_start_anew(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MOST_CALLERS", 10)
    rates = RateLimits(1, 0, 1)
    assert told(rates, caller()) == "default:0"
    assert all(failures(rates, *(f"192.0.2.{number}" for number in range(100))))
    assert told(rates, caller()) == "default!"
