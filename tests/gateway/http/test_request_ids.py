"""Ids of requests: never twice, and in the order of time."""

import re
import time

import pytest

from gateway.http import request_id
from gateway.http.request_id import new_request_id


def test_ids_differ_and_come_in_order() -> None:
    made = [new_request_id() for _ in range(5_000)]
    assert made == sorted(set(made))
    assert all(re.fullmatch(rb"[0-9a-f]{16}", each) for each in made)


def test_a_clock_that_is_set_back_makes_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_request_id()
    monkeypatch.setattr(time, "time", lambda: 1_000.0)
    assert before < new_request_id() < new_request_id()


@pytest.mark.parametrize("given", [None, b"", b"a b", b"x" * 129, "é".encode(), b"a\r\nb"])
def test_what_cannot_be_an_id_is_replaced(given: bytes | None) -> None:
    assert request_id.request_id(given) != given
    assert request_id.request_id(b"abc-1.2_3") == b"abc-1.2_3"
