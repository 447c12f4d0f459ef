"""What platforms answer where there is more, and the arguments that get it."""

from typing import Any

import pytest
from execution_samples import arguments, body, connector, only, parameter

from gateway.execution.paging import next_page
from gateway.execution.plan import plan_of


def following(
    names: list[str], answer: Any, given: dict[str, Any] | None = None, link: str | None = None
) -> dict[str, Any] | None:
    """The arguments for the next page of an action with these query parameters (`page` and `offset` are numbers)."""
    schemas = {"page": {"type": "integer"}, "offset": {"type": "integer"}}
    loaded = connector({"parameters": [parameter(name, schemas.get(name)) for name in names]}, method="get")
    plan = plan_of(only(loaded), loaded.document)
    found = next_page(plan, arguments(loaded, given or {}), {"link": link} if link else {}, answer)
    return None if found is None else found["parameters"]


@pytest.mark.parametrize(
    ("platform", "names", "answer", "expected"),
    [
        ("Slack", ["limit", "cursor"], {"response_metadata": {"next_cursor": "dXNl"}}, {"cursor": "dXNl"}),
        ("Slack's end", ["limit", "cursor"], {"response_metadata": {"next_cursor": ""}}, None),
        ("Google", ["pageToken"], {"nextPageToken": "t1", "items": []}, {"pageToken": "t1"}),
        ("Zoom", ["next_page_token"], {"next_page_token": "t2"}, {"next_page_token": "t2"}),
        ("HubSpot", ["after"], {"paging": {"next": {"after": "33", "link": "https://x/?after=33"}}}, {"after": "33"}),
        ("Microsoft Graph", ["$skip"], {"@odata.nextLink": "https://g/me?$skip=10"}, {"$skip": "10"}),
        ("Notion", ["start_cursor"], {"has_more": True, "next_cursor": "c"}, {"start_cursor": "c"}),
        ("Notion's end", ["start_cursor"], {"has_more": False, "next_cursor": None}, None),
        ("Stripe", ["starting_after"], {"has_more": True, "data": [{"id": "a"}, {"id": "b"}]}, {"starting_after": "b"}),
        ("Stripe's end", ["starting_after"], {"has_more": False, "data": [{"id": "b"}]}, None),
        ("Klaviyo", ["page[cursor]"], {"links": {"next": "https://k/?page%5Bcursor%5D=x"}}, {"page[cursor]": "x"}),
        ("Airtable", ["offset"], {"records": [], "offset": "itr/rec"}, {"offset": "itr/rec"}),
        ("where we are", ["offset"], {"offset": 50, "total": 400}, None),
        ("Asana", ["offset"], {"next_page": {"offset": "eyJ", "uri": "https://a/tasks?offset=eyJ"}}, {"offset": "eyJ"}),
        ("Bitbucket", ["page"], {"next": "https://b/repos?page=2"}, {"page": 2}),
        ("Pipedrive", ["start"], {"additional_data": {"pagination": {"next_start": 100}}}, {"start": 100}),
        ("Intercom", ["starting_after"], {"pages": {"next": {"starting_after": "W1"}}}, {"starting_after": "W1"}),
        (
            "GraphQL",
            ["after"],
            {"data": {"issues": {"pageInfo": {"hasNextPage": True, "endCursor": "e"}}}},
            {"after": "e"},
        ),
        ("GraphQL's end", ["after"], {"data": {"i": {"pageInfo": {"hasNextPage": False, "endCursor": "e"}}}}, None),
        ("nothing that the action takes", ["limit"], {"next_cursor": "c", "nextPageToken": "t"}, None),
        ("no cursors", ["cursor"], {"next_cursor": {"a": 1}, "nextPageToken": True}, None),
        ("one that is too long", ["cursor"], {"next_cursor": "c" * 5000}, None),
        ("a list", ["cursor"], [1, 2], None),
        ("text", ["cursor"], "next_cursor", None),
    ],
)
def test_bodies(platform: str, names: list[str], answer: Any, expected: dict[str, Any] | None) -> None:
    assert following(names, answer) == expected


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ('<https://api.github.com/r?page=2&per_page=9>; rel="next", <https://x/?page=7>; rel="last"', {"page": 2}),
        ('<https://x/?page=1>; rel="prev", <https://x/?page=3>; rel=next', {"page": 3}),
        ('<https://x/?page=3>; title="a, b"; rel="up next"', {"page": 3}),
        ('<https://x/?page=7>; rel="last"', None),
        ('<https://x/?unknown=7>; rel="next"', None),
        ("<<<;;;rel=next", None),
        ("", None),
    ],
)
def test_link_headers(link: str, expected: dict[str, Any] | None) -> None:
    # What is the same as in this call is not repeated.
    assert following(["page", "per_page"], [], {"per_page": 9}, link) == expected


def test_a_header_with_the_address_alone() -> None:
    loaded = connector({"parameters": [parameter("_limit"), parameter("_token")]}, method="get")
    plan, given = plan_of(only(loaded), loaded.document), arguments(loaded, {"_limit": "2"})
    found = next_page(plan, given, {"next-page": "http://x/records?_limit=2&_token=ab"}, {"data": []})
    assert found is not None
    assert found["parameters"] == {"_token": "ab"}
    assert next_page(plan, given, {"next-page": "2"}, {"data": []}) is None


def test_a_cursor_may_stand_in_a_body() -> None:
    schema = {"type": "object", "properties": {"start_cursor": {"type": "string"}}}
    loaded = connector({"requestBody": body(schema)})
    plan, given = plan_of(only(loaded), loaded.document), arguments(loaded, {"start_cursor": "a"})
    found = next_page(plan, given, {}, {"next_cursor": "b"})
    assert found is not None
    assert found["parameters"] == {"start_cursor": "b"}
    assert next_page(plan, given, {}, {"next_cursor": "a"}) is None
