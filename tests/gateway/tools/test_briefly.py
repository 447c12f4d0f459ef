"""Arguments as a person reads them before saying yes."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.redacting import REDACTED
from gateway.tools.briefly import LARGEST, in_short, shown

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("password", True),
        ("newPassword", True),
        ("client_secret", True),
        ("api_key", True),
        ("X-Api-Key", True),
        ("Authorization", True),
        ("token", True),
        ("accessToken", True),
        ("refresh_token", True),
        ("cvc", True),
        ("cardNumber", True),
        ("Cookie", True),
        ("secretId", False),
        ("password_id", False),
        ("tokenIds", False),
        ("credentialID", False),
        ("id", False),
        ("title", False),
        ("pageToken", True),
        ("pinned", False),
    ],
)
def test_what_is_nobodys_to_read(name: str, hidden: bool) -> None:
    nested = {"body": [{name: "abc-123"}], name: {"deep": "abc-123"}}
    found = shown(nested)["arguments"]
    assert found == ({"body": [{name: REDACTED}], name: REDACTED} if hidden else nested)
    assert ("abc-123" in in_short(nested, 1000)) is not hidden
    assert shown({name: None})["arguments"] == {name: None}


@pytest.mark.parametrize(
    "char", ["\n", "\r", "\u2028", "\u202e", "\u200b", "\x07", "\x7f", "\x85", "\u00a0", "\U000e0041"]
)
def test_every_character_is_seen(char: str) -> None:
    text = in_short({"a": f"x{char}y", f"k{char}": 1}, 1000)
    assert char not in text
    assert json.loads(text) == {"a": f"x{char}y", f"k{char}": 1}


def test_words_of_all_languages_stay_readable() -> None:
    assert in_short({"título": "日本語 🗑"}, 100) == '{"título": "日本語 🗑"}'


@given(JSON, st.integers(min_value=10, max_value=3000))
def test_whatever_it_is_one_short_line(value: Any, longest: int) -> None:
    text = in_short(value, longest)
    assert len(text) <= longest
    assert text.isprintable()


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {"a": 1}
    for _ in range(depth):
        found = {"a": found}
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        nested(300),
        {"a": "x" * LARGEST},
        {"a": ["x" * 400] * 10_000},
        {f"name {number} {'x' * 200}": {"b": ["y" * 600] * 50} for number in range(500)},
        {"a": {str(one): {str(two): ["z" * 600] * 30 for two in range(30)} for one in range(30)}},
    ],
)
def test_what_is_large_is_cut_and_says_so(arguments: dict[str, Any]) -> None:
    found = shown(arguments)
    assert found["argumentsShortened"] is True
    assert len(json.dumps(found, ensure_ascii=False).encode()) <= LARGEST * 1.2


def test_what_is_small_is_whole() -> None:
    arguments = {
        "id": "7",
        "body": {"list": list(range(100)), "deep": {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}},
    }
    assert shown(arguments) == {"arguments": arguments, "argumentsShortened": False}


def test_what_looks_like_a_secret_wherever_it_stands() -> None:
    arguments = {"note": "use ghp_0123456789abcdefABCDEF or https://ann:pw-12345@example.com"}
    for text in (in_short(arguments, 1000), json.dumps(shown(arguments))):
        assert "ghp_" not in text
        assert "pw-12345" not in text


@pytest.mark.parametrize(
    "text", ["eyJ" * 1_000_000, "a" * 9_000_000, "token " * 500_000, "-----BEGIN " * 300_000, "://" * 1_000_000]
)
@pytest.mark.parametrize("make", [lambda text: {"a": text}, lambda text: {"a": [[text[:9_000]] * 20] * 20}])
def test_to_show_it_takes_no_time_that_others_wait_for(text: str, make: Any) -> None:
    begun = time.process_time()
    in_short(make(text), 1000)
    assert shown(make(text))["argumentsShortened"] is True
    # It took minutes, or never ended; collecting the garbage of other tests may take a second.
    assert time.process_time() - begun < 5


def test_how_long_a_text_was_is_said_truly() -> None:
    assert "(1,000,000 characters)" in in_short({"a": "x " * 500_000}, 1000)
    # Found whole, although it stands where the text is cut.
    assert "hunter" not in in_short({"a": "x" * 490 + " Bearer hunter2-hunter2-hunter2"}, 1000)
