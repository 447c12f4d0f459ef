"""What clients carry between rounds opens for what it was sealed for, unchanged and in time."""

import pytest

from gateway.access.states import LIFETIME, BadState, States

KEY = b"k" * 32
BOUND = ["account", "user", "server"]


def test_what_is_sealed_opens() -> None:
    states = States(KEY)
    assert States(KEY).open(states.seal({"a": [1]}, BOUND), BOUND) == {"a": [1]}
    assert states.seal(1, BOUND) != states.seal(1, BOUND)


def test_nothing_shows() -> None:
    assert "inside" not in States(KEY).seal("inside", BOUND)


@pytest.mark.parametrize("bound", [["account", "user"], ["accountuser", "server"], ["account", "user", "server", ""]])
def test_it_opens_for_nothing_else(bound: list[str]) -> None:
    state = States(KEY).seal(1, BOUND)
    with pytest.raises(BadState):
        States(KEY).open(state, bound)
    with pytest.raises(BadState):
        States(b"x" * 32).open(state, BOUND)


def test_it_expires() -> None:
    moment = [1000.0]
    states = States(KEY, lambda: moment[0])
    state = states.seal(1, BOUND)
    moment[0] += LIFETIME
    assert states.open(state, BOUND) == 1
    moment[0] += 1
    with pytest.raises(BadState):
        states.open(state, BOUND)


@pytest.mark.parametrize("state", ["", "x", "é", "\ud800", "A" * 40, "A" * 300_000, "====", " "])
def test_any_text_is_taken(state: str) -> None:
    with pytest.raises(BadState):
        States(KEY).open(state, BOUND)
