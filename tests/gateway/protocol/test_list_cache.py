"""Encoded lists are kept while they are true, and no more of them than there is room for."""

from gateway.protocol.lists import Lists

CATALOGUE = object()


def test_what_was_put_is_found() -> None:
    lists = Lists()
    lists.put("a", CATALOGUE, b"1")
    assert lists.get("a", CATALOGUE) == b"1"
    assert lists.get("b", CATALOGUE) is None


def test_another_catalogue_makes_it_stale() -> None:
    lists = Lists()
    lists.put("a", [1], b"1")
    assert lists.get("a", [1]) is None
    assert len(lists) == 0


def test_the_least_used_go_first() -> None:
    lists = Lists(most_entries=2)
    lists.put("a", CATALOGUE, b"1")
    lists.put("b", CATALOGUE, b"2")
    assert lists.get("a", CATALOGUE)
    lists.put("c", CATALOGUE, b"3")
    assert [lists.get(key, CATALOGUE) for key in "abc"] == [b"1", None, b"3"]


def test_bytes_are_bounded() -> None:
    lists = Lists(most_bytes=100)
    for key in range(10):
        lists.put(key, CATALOGUE, b"x" * 25)
    assert len(lists) == 4
    lists.put("large", CATALOGUE, b"x" * 26)
    assert lists.get("large", CATALOGUE) is None
    lists.put(9, CATALOGUE, b"y")
    lists.put(10, CATALOGUE, b"z" * 24)
    assert len(lists) == 5
