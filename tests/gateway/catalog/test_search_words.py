"""What a text becomes before it is searched for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.search.words import (
    MAX_CLAUSES,
    MAX_GOAL,
    MAX_WORD,
    STOP_WORDS,
    all_words,
    clauses,
    implied,
    kinds,
    readable,
    several,
    spelled,
    stem,
    words,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("listUserGroups", ["list", "user", "group"]),
        ("HTTPServer", ["http", "server"]),
        ("chat_postMessage", ["chat", "post", "messag"]),
        ("/v1/line-items.json", ["v1", "line", "item", "json"]),
        ("the IDs of users", ["id", "user"]),
        ("user's", ["user"]),
        ("user\N{RIGHT SINGLE QUOTATION MARK}s", ["user"]),
        ("Café Größe", ["cafe", "große"]),
        ("заказы", ["заказы"]),
        ("", []),
    ],
)
def test_words_are_split_folded_and_stemmed(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_stop_words_are_dropped_but_kept_in_names() -> None:
    assert words("find me the list of all details") == ["list"]
    assert all_words("find of") == ["find", "of"]
    assert len(STOP_WORDS) == 117


def test_singular_and_plural_meet() -> None:
    assert words("companies") == words("company")


def test_a_word_has_an_end() -> None:
    assert words("x" * 500) == [stem("x" * MAX_WORD)]


def test_a_name_of_two_parts_is_also_one_word() -> None:
    assert spelled("in GitHub") == {"git": "GitHub", "hub": "GitHub", "github": "GitHub"}
    assert spelled("in github") == {"github": "github"}


def test_a_goal_is_read_up_to_its_limit() -> None:
    assert len(readable("word " * 1000)) == MAX_GOAL
    # One character that is decomposed to eighteen.
    assert len(readable("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * MAX_GOAL)) == MAX_GOAL


def test_an_e_mail_address_is_no_word() -> None:
    assert words(readable("mail ana.lopez@shop.example.com now")) == ["mail", "now"]


def test_clauses_are_the_parts_that_could_be_steps() -> None:
    goal = "Create a contact in HubSpot, then tell the sales team. Thanks! And send ana an email"
    assert clauses(goal) == ["Create a contact in HubSpot", "tell the sales team", "send ana an email"]
    assert len(clauses("send mail, " * 100)) == MAX_CLAUSES


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ("find the contact", {"~list"}),
        ("who is in charge", {"~list"}),
        ("cancel the order and update the stock", {"~delete", "~update"}),
        ("tell the team", {"~create"}),
        ("tell me the weather", set()),
        ("let us know", set()),
        ("weather in Paris", set()),
    ],
)
def test_what_kind_of_thing_a_goal_asks_for(goal: str, expected: set[str]) -> None:
    assert kinds(goal) == expected


def test_plurals_are_told_by_their_ending() -> None:
    assert all(several(goal) for goal in ("show the orders", "Companies", "listUsers"))
    assert not any(several(goal) for goal in ("the order", "this address", "its status", "an analysis", "gas", ""))


def test_a_goal_implies_what_its_verbs_stand_for() -> None:
    assert set(implied("update the deal")) == {"~update"}
    assert set(implied("look up the deal")) == {"search"}
    assert set(implied("tell the team")) == {stem("message")}
    assert implied("weather in Paris") == {}


@given(st.text(st.characters()))
def test_any_text_is_read(text: str) -> None:
    read = readable(text)
    assert set(words(read)) <= set(all_words(read))
    assert set(words(read)) <= set(spelled(read))
    assert set(spelled(read)).isdisjoint({""})
    assert all(part in read for part in clauses(read))
