"""Addresses and cursors: every id survives the way there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.content.pages import page_of
from gateway.content.uris import action_uri, connector_uri, parts_of
from gateway.errors import InvalidRequest

ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(ids, ids)
def test_ids_come_back_as_they_were(connector: str, action: str) -> None:
    assert parts_of(connector_uri(connector)) == ("connectors", connector)
    assert parts_of(action_uri(connector, action)) == ("connectors", connector, "actions", action)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "toolgate:",
        "toolgate://",
        "TOOLGATE://connectors",
        "toolgate://connectors/",
        "toolgate:///connectors",
        "toolgate://connectors//actions/x",
        "toolgate://connectors/a b",
        "toolgate://connectors/a#b",
        "toolgate://connectors/a?b",
        "toolgate://connectors/%zz",
        "toolgate://connectors/%C3",
        "toolgate://connectors/é",
        "toolgate://connectors/a\n",
    ],
)
def test_what_is_no_address(uri: str) -> None:
    assert parts_of(uri) is None


@given(st.sets(ids, max_size=12), st.integers(1, 5))
def test_pages_hold_every_entry_once(keys: set[str], limit: int) -> None:
    entries = {key: {"name": key} for key in sorted(keys)}
    seen: list[str] = []
    cursor = None
    while True:
        page = page_of("entries", entries, cursor, limit)
        assert len(page["entries"]) <= limit
        seen += [entry["name"] for entry in page["entries"]]
        cursor = page.get("nextCursor")
        if cursor is None:
            break
    assert seen == sorted(keys)


@pytest.mark.parametrize("cursor", ["", "x", "bm9wZQ==", "YWZ0ZXI6/w==", "YWZ0ZXI6_w==", "é"])
def test_cursors_that_nobody_gave(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor is not one"):
        page_of("entries", {"a": {}}, cursor)
