"""How a paginated answer goes on: the arguments that get the next page, read off what the platform answered.

The answer itself stays as it is. Platforms say it in a header (`Link`, RFC 8288, or `Next-Page`), by an address in the
body, by a cursor, or by `has_more` and the id of the last item.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gateway.catalog.actions.layout import Layout
from gateway.execution.arguments import Arguments
from gateway.execution.plan import Plan
from gateway.execution.styles import text

_LONGEST = 4096
_DEEPEST = 5
_MOST_NODES = 200
_LINK = re.compile(r"<([^<>]{1,8192})>((?:\s*;\s*[^\s;,=]+(?:\s*=\s*(?:\"[^\"]*\"|[^\s;,\"]*))?)*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)
# Where addresses of the next page stand in bodies, as paths of member names.
_ADDRESSES = (
    ("@odata.nextLink",), ("links", "next"), ("_links", "next"), ("_links", "next", "href"), ("links", "next", "href"),
    ("paging", "next"), ("paging", "next", "link"), ("next_page_url",), ("next_url",), ("next_page_uri",),
    ("pagination", "next_url"), ("pagination", "next_page"), ("next_page",), ("next_page", "uri"), ("next",),
    ("nextRecordsUrl",), ("next_href",), ("pages", "next"),
)  # fmt: skip
# Where cursors stand, and under which names the next call may take them; the first that the action has is meant.
_CURSOR = ("cursor", "next_cursor", "page_cursor", "start_cursor", "page[cursor]", "after", "starting_after", "marker")
_TOKEN = (
    "pageToken",
    "page_token",
    "next_page_token",
    "nextPageToken",
    "token",
    "nextToken",
    "next_token",
    "NextToken",
)
_CURSORS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("response_metadata", "next_cursor"), _CURSOR),
    (("meta", "next_cursor"), _CURSOR),
    (("metadata", "next_cursor"), _CURSOR),
    (("pagination", "next_cursor"), _CURSOR),
    (("paging", "next_cursor"), _CURSOR),
    (("additional_data", "next_cursor"), _CURSOR),
    (("next_cursor",), _CURSOR),
    (("nextCursor",), ("cursor", "nextCursor", *_CURSOR)),
    (("paging", "next", "after"), ("after", *_CURSOR)),
    (("paging", "cursors", "after"), ("after", *_CURSOR)),
    (("pages", "next", "starting_after"), ("starting_after", *_CURSOR)),
    (("next_page", "offset"), ("offset",)),
    (("nextPageToken",), _TOKEN),
    (("next_page_token",), ("next_page_token", *_TOKEN)),
    (("nextToken",), ("nextToken", *_TOKEN)),
    (("NextToken",), ("NextToken", *_TOKEN)),
    (("next_token",), ("next_token", *_TOKEN)),
    (("pagination_token",), ("pagination_token", *_TOKEN)),
    (("next_marker",), ("marker", "next_marker")),
    (("additional_data", "pagination", "next_start"), ("start",)),
    (("pagination", "next_page"), ("page",)),
    (("meta", "next_page"), ("page",)),
    (("next_page",), ("page",)),
    (("next_offset",), ("offset",)),
    (("offset",), ("offset",)),
    (("cursor",), ("cursor",)),
)
# Most answers have none of these at their top: one look tells.
_TOPS = frozenset(path[0] for path in (*_ADDRESSES, *(path for path, _ in _CURSORS)))
_MESSAGE = "There is more: call the same action with the same arguments and these."


def next_page(plan: Plan, arguments: Arguments, headers: Mapping[str, str], answer: Any) -> dict[str, Any] | None:
    """`{"parameters": {name: value}, "message"}`, the arguments that differ; None where no next page is told of.

    `headers` and `answer` are the platform's. A next page that no argument leads to is not told of: nobody could ask
    for it.
    """
    if isinstance(answer, dict) and answer.get("has_more") is False:
        return None
    given = {**(arguments.body if isinstance(arguments.body, dict) else {}), **arguments.query}
    told = isinstance(answer, dict) and not answer.keys().isdisjoint(_TOPS)
    for address in _addresses(headers, answer if told else None):
        if found := _of_address(plan, given, address):
            return {"parameters": found, "message": _MESSAGE}
    found = _of_cursor(plan.layout, given, answer) if told else {}
    found = found or _of_last(plan.layout, answer) or _of_graphql(plan.layout, answer)
    return {"parameters": found, "message": _MESSAGE} if found else None


def _addresses(headers: Mapping[str, str], answer: Any) -> Iterator[str]:
    link = headers.get("link", "")[: 4 * _LONGEST]
    for match in _LINK.finditer(link):
        rel = _REL.search(match[2])
        if rel is not None and "next" in (rel[1] or rel[2] or "").lower().split():
            yield match[1]
    # Kinto's way to say it.
    if "?" in headers.get("next-page", ""):
        yield headers["next-page"]
    for path in _ADDRESSES if answer is not None else ():
        value = _at(answer, path)
        if isinstance(value, str) and len(value) <= 2 * _LONGEST and ("?" in value):
            yield value


def _of_address(plan: Plan, given: Mapping[str, Any], address: str) -> dict[str, Any]:
    """The arguments by which an address differs from this call."""
    try:
        pairs = parse_qsl(urlsplit(address).query, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return {}
    said: dict[str, list[str]] = {}
    for name, value in pairs:
        said.setdefault(name, []).append(value)
    return {
        name: _typed(plan.parameters["query"][name].schema, values[0])
        for name, values in said.items()
        if name in plan.parameters["query"]
        and len(values) == 1
        and len(values[0]) <= _LONGEST
        and not isinstance(given.get(name), (list, dict))
        and text(given.get(name)) != values[0]
    }


def _typed(schema: Mapping[str, Any], value: str) -> Any:
    return int(value) if schema.get("type") == "integer" and re.fullmatch(r"[0-9]{1,15}", value) else value


def _of_cursor(plan: Layout, given: Mapping[str, Any], answer: Any) -> dict[str, Any]:
    for path, names in _CURSORS:
        value = _at(answer, path)
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value in ("", 0):
            continue
        if isinstance(value, str) and len(value) > _LONGEST:
            continue
        name = next((name for name in names if name in plan.flat), None)
        # What only repeats where we are (`"offset": 50`) leads nowhere.
        if name is not None and given.get(name) != value and not (path == ("offset",) and isinstance(value, int)):
            return {name: value}
    return {}


def _of_last(plan: Layout, answer: Any) -> dict[str, Any]:
    """Stripe's way: `has_more`, and the next page starts after the last item."""
    if not isinstance(answer, dict) or answer.get("has_more") is not True or "starting_after" not in plan.flat:
        return {}
    items = answer.get("data")
    last = items[-1].get("id") if isinstance(items, list) and items and isinstance(items[-1], dict) else None
    return {"starting_after": last} if isinstance(last, str) else {}


def _of_graphql(plan: Layout, answer: Any) -> dict[str, Any]:
    """A connection of Relay's kind, not far below the top: `pageInfo` with `hasNextPage` and `endCursor`."""
    if "after" not in plan.flat:
        return {}
    level = [answer]
    for _ in range(_DEEPEST):
        level = [child for node in level if isinstance(node, dict) for child in node.values()][:_MOST_NODES]
        for node in level:
            about = node.get("pageInfo") if isinstance(node, dict) else None
            if isinstance(about, dict) and about.get("hasNextPage") is True and isinstance(about.get("endCursor"), str):
                return {"after": about["endCursor"]}
    return {}


def _at(answer: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(answer, dict):
            return None
        answer = answer.get(name)
    return answer
