"""Answers of a size that an assistant can use, at each boundary."""

import time
from typing import Any
from unittest import mock

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.execution.shape import LONGEST, shape


def items(count: int) -> list[dict[str, Any]]:
    return [{"id": number} for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 24, 25])
def test_few_items_are_unchanged(count: int) -> None:
    for answer in (items(count), {"ok": True, "members": items(count), "cursor": "c"}):
        shaped = shape(answer)
        assert shaped.value is answer
        assert shaped.cut == []


@pytest.mark.parametrize("count", [26, 45, 50])
def test_more_items_are_shown_in_part(count: int) -> None:
    assert shape(items(count)).value == {
        "data": items(25),
        "metadata": {
            "originalCount": count,
            "displayedCount": 25,
            "truncated": True,
            "paginationHint": f"Showing first 25 of {count} items. Ask for 25 or fewer at a time to see them all: "
            f"a cursor goes on after item {count}.",
        },
    }


@pytest.mark.parametrize("count", [51, 298, 10_000])
def test_too_many_items_are_guidance(count: int) -> None:
    found = shape(items(count), noun="users", parameters=["per_page", "q", "createdAfter", "owner"]).value
    assert found == {
        "needsRefinement": True,
        "message": f"Found {count} users. This is too many to display effectively.",
        "guidance": "Ask for 50 or fewer: up to 25 are shown whole. The first 2 stand under samples.",
        "suggestions": [
            "Set per_page to 25 or fewer, and go on from page to page.",
            "Narrow the request with createdAfter.",
            "Ask for one of them by its id, where the connector has an action for that.",
        ],
        "searchInstructions": found["searchInstructions"],
        "samples": items(2),
    }
    assert "discover_action_path_alloy" in found["searchInstructions"]


def test_the_wrapper_of_a_list_is_kept_so_that_paging_goes_on() -> None:
    answer = {"ok": True, "members": items(60), "response_metadata": {"next_cursor": "c=="}, "warnings": ["w"]}
    envelope = {"ok": True, "response_metadata": {"next_cursor": "c=="}, "warnings": ["w"]}
    found = shape(answer).value
    assert found["message"] == "Found 60 members. This is too many to display effectively."
    assert found["samples"] == items(2)
    assert found["envelope"] == envelope
    found = shape({**answer, "members": items(30)}).value
    assert list(found) == ["data", "metadata", "envelope"]
    assert found["data"] == items(25)
    assert found["envelope"] == envelope


def test_the_longest_list_is_the_answer_s_own() -> None:
    found = shape({"included": items(3), "data": items(40), "errors": items(99)}).value
    assert found["data"] == items(25)
    assert found["envelope"] == {"included": items(3), "errors": items(25)}


def test_wrappers_with_nothing_beside_are_looked_through() -> None:
    graphql = {
        "data": {"orders": {"nodes": items(40), "pageInfo": {"endCursor": "e"}}},
        "extensions": {"cost": {"actual": 5}},
    }
    found = shape(graphql).value
    assert found["data"] == items(25)
    assert found["envelope"] == {
        "data": {"orders": {"pageInfo": {"endCursor": "e"}}},
        "extensions": {"cost": {"actual": 5}},
    }
    assert graphql["data"]["orders"]["nodes"] == items(40), "the answer itself is not changed"


def test_lists_inside_one_thing_are_only_cut() -> None:
    issue = {"id": 1, "fields": {"comments": {"all": items(60)}}, "more": {}}
    shaped = shape(issue)
    assert shaped.value == {"id": 1, "fields": {"comments": {"all": items(25)}}, "more": {}}
    assert shaped.cut == ["/fields/comments/all"]


def test_other_lists_are_cut_wherever_they_stand() -> None:
    shaped = shape([{"labels": items(26)}, {"a/b~c": {"x": items(30)}}])
    assert shaped.value == [{"labels": items(25)}, {"a/b~c": {"x": items(25)}}]
    assert shaped.cut == ["/0/labels", "/1/a~1b~0c/x"]
    shaped = shape([{"labels": items(26)} for _ in range(30)])
    assert all(len(item["labels"]) == 25 for item in shaped.value["data"])
    assert shaped.cut[0] == "/data/0/labels"
    assert len(shaped.cut) == 20


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * LONGEST, "x" * LONGEST),
        ("x" * (LONGEST + 1), "x" * LONGEST + "…"),
        ("é" * (LONGEST // 2), "é" * (LONGEST // 2)),
        ("é" * (LONGEST // 2) + "x", "é" * (LONGEST // 2) + "…"),
        ("xé" + "é" * (LONGEST // 2), "x" + "é" * (LONGEST // 2 - 1) + "…"),
        ("😀" * 2000, "😀" * (LONGEST // 4) + "…"),
        ("a" * 10_000_000, "a" * LONGEST + "…"),
    ],
)
def test_long_texts_end_in_an_ellipsis(text: str, kept: str) -> None:
    assert shape(text).value == kept
    shaped = shape({"a": [text]})
    assert shaped.value == {"a": [kept]}
    assert shaped.cut == ([] if text == kept else ["/a/0"])
    shape(kept).value.encode()


def test_what_fits_is_kept_beside_what_is_cut() -> None:
    text = "é" * (LONGEST // 2)
    assert shape({"a": {"b": items(30), "c": text, "d": [], "e": None}, "f": 1}).value == {
        "a": {"b": items(25), "c": text, "d": [], "e": None},
        "f": 1,
    }


def nested(levels: int, inner: Any) -> Any:
    for _ in range(levels):
        inner = {"in": inner, "beside": 1}
    return inner


def test_nesting_ends_at_ten_levels() -> None:
    assert shape(nested(10, "x")).value == nested(10, "x")
    assert shape(nested(10, {})).value == nested(10, {})
    shaped = shape(nested(10, {"a": 1}))
    assert shaped.value == nested(10, "… (nested deeper than 10 levels)")
    assert shaped.cut == ["/in" * 10]


def test_nesting_of_a_hundred_thousand_levels_is_no_recursion() -> None:
    deep = nested(100_000, 1)
    shape(deep)
    listed: Any = 1
    for _ in range(100_000):
        listed = [listed]
    shape(listed)
    single: Any = 1
    for _ in range(100_000):
        single = {"in": single}
    shape(single)
    while isinstance(deep, dict):  # taken apart by hand: freeing it at once would recurse as deeply
        deep = deep["in"]
    while isinstance(listed, list):
        listed = listed[0]
    while isinstance(single, dict):
        single = single["in"]


@pytest.mark.parametrize("value", [None, True, 5, 2.5, "text", {}, []])
def test_small_answers_pass(value: Any) -> None:
    assert shape(value).value == value


def test_time_is_linear_in_what_is_kept() -> None:
    def seconds(count: int) -> float:
        answer = {"a": {"b": [{"c": [{"d": "x" * 100} for _ in range(25)]} for _ in range(count)]}, "e": 1}
        begun = time.process_time()
        for _ in range(20):
            shape(answer)
        return time.process_time() - begun

    seconds(10)
    # What is cut away costs nothing.
    assert seconds(2_000) < 5 * max(seconds(50), 0.001)


# Limits that small values reach; the arithmetic is the same.
SMALL = {"WHOLE": 3, "MOST": 5, "SAMPLES": 1, "LONGEST": 8, "_SURELY_SHORT": 2, "DEEPEST": 4}
TEXT = st.text("xé😀", max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=30,
)


def limits_hold(value: Any, level: int = 1) -> bool:
    if isinstance(value, str):
        return len(value.removesuffix("…").encode()) <= 8 or "nested deeper" in value
    if isinstance(value, (dict, list)):
        if level > 4 and value:
            return False
        inner = value if isinstance(value, list) else list(value.values())
        return (isinstance(value, dict) or len(value) <= 3) and all(limits_hold(item, level + 1) for item in inner)
    return True


@given(VALUES)
def test_the_limits_hold_and_the_answer_is_left_alone(value: Any) -> None:
    before = orjson.dumps(value)
    with mock.patch.multiple("gateway.execution.shape", **SMALL):
        shaped = shape(value)
    assert orjson.dumps(value) == before
    found = shaped.value
    if isinstance(found, dict) and found.get("needsRefinement"):
        assert len(found["samples"]) == 1
        found = {"samples": found["samples"], "envelope": found.get("envelope")}
    elif isinstance(found, dict) and isinstance(found.get("metadata"), dict):
        assert found["metadata"]["originalCount"] in (4, 5)
        assert len(found["data"]) == 3
        found = {"data": found["data"], "envelope": found.get("envelope")}
    elif not shaped.cut:
        assert found is value
        assert limits_hold(value)
    assert limits_hold(found)
