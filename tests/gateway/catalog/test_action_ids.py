"""Ids of actions: safe, unique, and the same whatever stands around them."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.actions.names import assign, humanised

SAFE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def test_a_safe_id_stays_as_it_is() -> None:
    assert assign([("chat_postMessage", "POST", "/a"), ("v1.list-all", "GET", "/b"), ("x" * 64, "GET", "/c")]) == [
        "chat_postMessage",
        "v1.list-all",
        "x" * 64,
    ]


# These stand in people's restrictions: they must be the same in each release.
@pytest.mark.parametrize(
    ("operation_id", "made"),
    [
        ("issues/create", "issues_create-ee7a18aa"),
        ("get-/crm/v3/objects", "get_crm_v3_objects-16428e1f"),
        ("", "GET_pets_petId-9f76bf03"),
        ("名前", "7ec26292"),
        ("x" * 65, "x" * 55 + "-9537c5fd"),
        ("a b", "a_b-c8687a08"),
    ],
)
def test_other_ids_become_a_slug_and_a_hash(operation_id: str, made: str) -> None:
    assert assign([(operation_id, "GET", "/pets/{petId}")]) == [made]


def test_the_hash_is_of_the_id_so_a_moved_operation_keeps_it() -> None:
    assert assign([("issues/create", "POST", "/a")]) == assign([("issues/create", "PUT", "/b")])


def test_without_an_id_method_and_path_tell_apart() -> None:
    made = assign([("", "GET", "/a"), ("", "POST", "/a"), ("", "GET", "/b")])
    assert len(set(made)) == 3


def test_no_bearer_of_a_doubled_id_keeps_it() -> None:
    made = assign([("list", "GET", "/a"), ("list", "GET", "/b"), ("other", "GET", "/c")])
    assert "list" not in made
    assert made[2] == "other"
    assert made[:2] == list(reversed(assign([("list", "GET", "/b"), ("list", "GET", "/a")])))


def test_an_id_that_looks_like_a_made_one_keeps_its_name() -> None:
    (made,) = assign([("a b", "GET", "/x")])
    ids = assign([("a b", "GET", "/x"), (made, "GET", "/y")])
    assert ids[1] == made
    assert ids[0] != made
    assert ids[0].startswith("a_b-")


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["", "a", "b", "a/b", "a b", "ü", "x" * 70, "x" * 70 + "y", "-", "."]) | st.text(max_size=80),
        st.sampled_from(["GET", "POST"]),
        st.sampled_from(["/a", "/b", "/a/{b}"]) | st.text(max_size=10),
    ),
    unique_by=lambda operation: operation[1:],
    max_size=30,
)


@given(OPERATIONS, st.randoms(use_true_random=False))
def test_ids_are_safe_unique_and_do_not_depend_on_the_order(
    operations: list[tuple[str, str, str]], shuffler: random.Random
) -> None:
    ids = assign(operations)
    assert all(SAFE.fullmatch(each) for each in ids)
    assert len(set(ids)) == len(ids)
    shuffled = operations.copy()
    shuffler.shuffle(shuffled)
    assert dict(zip(shuffled, assign(shuffled), strict=True)) == dict(zip(operations, ids, strict=True))


@given(OPERATIONS, st.tuples(st.text(max_size=10), st.just("PUT"), st.text(max_size=10)))
def test_another_operation_changes_only_the_ids_that_it_doubles(
    operations: list[tuple[str, str, str]], more: tuple[str, str, str]
) -> None:
    before = dict(zip(operations, assign(operations), strict=True))
    after = dict(zip([*operations, more], assign([*operations, more]), strict=True))
    for operation in operations:
        assert after[operation] == before[operation] or operation[0] == more[0] or before[operation] == more[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chat_postMessage", "Chat post message"),
        ("listHTTPRoutes", "List HTTP routes"),
        ("v1.pets-list", "V 1 pets list"),
        ("---", "---"),
    ],
)
def test_titles_of_ids(text: str, said: str) -> None:
    assert humanised(text) == said
