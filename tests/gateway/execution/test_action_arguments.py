"""Arguments: where each goes, what is refused before anything leaves, and what a refusal may say."""

import time
from typing import Any

import pytest
from execution_samples import arguments, body, connector, parameter, request
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.loader import load_shipped
from gateway.catalog.model import Connector
from gateway.errors import InvalidRequest
from gateway.execution import plan
from gateway.execution.arguments import NO_BODY, split

ISSUE = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "labels": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        "id": {"type": "integer"},
    },
    "required": ["title"],
}
PARAMETERS = [
    parameter("repo", {"type": "string"}, "path"),
    parameter("limit", {"type": "integer", "minimum": 1, "maximum": 100}),
    parameter("state", {"type": "string", "enum": ["open", "closed"]}),
    parameter("draft", {"type": "boolean"}),
    parameter("X-Trace", {"type": "string"}, "header"),
    parameter("session", {"type": "string"}, "cookie"),
    parameter("id", {"type": "string"}),
]


def issues(schema: dict[str, Any] | None = None, **more: Any) -> Connector:
    node = {"parameters": PARAMETERS, "requestBody": body(ISSUE if schema is None else schema)}
    return connector({**node, **more}, path="/{repo}/issues")


def test_flat_names_find_their_places() -> None:
    found = arguments(
        issues(), {"repo": "r", "limit": 5, "X-Trace": "t", "session": "s", "id": "q", "title": "T", "labels": ["a"]}
    )
    assert found.path == {"repo": "r"}
    assert found.query == {"limit": 5, "id": "q"}
    assert found.headers == {"X-Trace": "t"}
    assert found.cookies == {"session": "s"}
    assert found.body == {"title": "T", "labels": ["a"]}
    assert found.additional_headers == {}


@pytest.mark.parametrize("headers", ["additionalHeaders", "headers"])
def test_groups_find_their_places(headers: str) -> None:
    found = arguments(
        issues(),
        {
            "pathParams": {"repo": "r"},
            "queryParameters": {"limit": 5},
            headers: {"x-trace": "t", "Prefer": "wait=5"},
            "cookies": {"session": "s"},
            "requestBody": {"title": "T", "id": 7},
        },
    )
    assert (found.path, found.query, found.cookies) == ({"repo": "r"}, {"limit": 5}, {"session": "s"})
    assert (found.headers, found.additional_headers) == ({"X-Trace": "t"}, {"Prefer": "wait=5"})
    assert found.body == {"title": "T", "id": 7}


def test_flat_names_and_groups_may_be_mixed() -> None:
    found = arguments(issues(), {"repo": "r", "queryParameters": {"limit": 5}, "title": "T", "requestBody": {"id": 7}})
    assert (found.query, found.body) == ({"limit": 5}, {"id": 7, "title": "T"})


def test_empty_groups_say_nothing() -> None:
    found = arguments(
        connector({}), {"requestBody": {}, "queryParameters": {}, "pathParams": None, "additionalHeaders": {}}
    )
    assert found.body is NO_BODY


REPO = {"repo": "r", "title": "T"}
REFUSED: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("nothing", {}, "parameters.repo", "required", "is required"),
    ("a missing body property", {"repo": "r"}, "parameters.title", "required", "is required"),
    (
        "a missing property of a whole body",
        {"repo": "r", "requestBody": {"id": 1}},
        "parameters.requestBody.title",
        "required",
        "is required",
    ),
    (
        "text for a number",
        {**REPO, "limit": "5"},
        "parameters.limit",
        "type",
        "of type integer, not a string: give it without quotation marks",
    ),
    ("text for a boolean", {**REPO, "draft": "true"}, "parameters.draft", "type", "must be of type boolean"),
    ("null", {**REPO, "limit": None}, "parameters.limit", "type", "not null: leave it out"),
    ("JSON in text", {**REPO, "labels": '["a"]'}, "parameters.labels", "type", "not as text that holds JSON"),
    ("too much", {**REPO, "limit": 101}, "parameters.limit", "maximum", "must be 100 or less"),
    (
        "too little",
        {**REPO, "queryParameters": {"limit": 0}},
        "parameters.queryParameters.limit",
        "minimum",
        "must be 1 or more",
    ),
    ("another value", {**REPO, "state": "secret"}, "parameters.state", "enum", "must be one of open, closed"),
    ("an item", {**REPO, "labels": ["a", 5]}, "parameters.labels.1", "type", "must be of type string"),
    (
        "an item of a whole body",
        {"repo": "r", "requestBody": {"title": "T", "labels": [5]}},
        "parameters.requestBody.labels.0",
        "type",
        "string",
    ),
    ("too many", {**REPO, "labels": list("abcd")}, "parameters.labels", "maxItems", "at most 3 items"),
    ("an empty text", {"repo": "r", "title": ""}, "parameters.title", "minLength", "at least 1 character"),
    ("a slip", {**REPO, "limt": 5}, "parameters.limt", "unknown", "did you mean limit? Known: X-Trace, draft, id"),
    ("an unknown name", {**REPO, "zzz": 5}, "parameters.zzz", "unknown", "is not known. Known: "),
    (
        "an unknown name in a group",
        {**REPO, "queryParameters": {"x": 1}},
        "parameters.queryParameters.x",
        "unknown",
        "Known: draft, id, limit, state",
    ),
    (
        "a path parameter in the query",
        {"title": "T", "queryParameters": {"repo": "r"}},
        "parameters.queryParameters.repo",
        "unknown",
        "Known",
    ),
    ("twice", {**REPO, "queryParameters": {"limit": 1}, "limit": 1}, "parameters.limit", "twice", "is given twice"),
    ("twice in the body", {**REPO, "requestBody": {"title": "T"}}, "parameters.title", "twice", "is given twice"),
    ("a list as a group", {**REPO, "pathParams": []}, "parameters.pathParams", "type", "must be an object"),
    ("a list beside flat names", {**REPO, "requestBody": []}, "parameters.requestBody", "type", "must be an object"),
    ("a list as body", {"repo": "r", "requestBody": [1]}, "parameters.requestBody", "type", "must be of type object"),
]


@pytest.mark.parametrize(
    ("given_arguments", "field", "rule", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refusals_name_field_and_rule(given_arguments: dict[str, Any], field: str, rule: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        arguments(issues(), given_arguments)
    assert caught.value.details == {"field": field, "rule": rule}
    assert words in caught.value.message


def test_arguments_must_be_an_object() -> None:
    with pytest.raises(InvalidRequest) as caught:
        arguments(issues(), [])  # type: ignore[arg-type]  # on purpose
    assert caught.value.details == {"field": "parameters", "rule": "type"}


def test_a_body_where_there_is_none() -> None:
    with pytest.raises(InvalidRequest, match="takes no body"):
        arguments(connector({}), {"requestBody": {"a": 1}})


def test_bodies_that_are_given_whole() -> None:
    loaded = connector({"requestBody": body({"type": "array", "items": {"type": "integer"}})})
    assert arguments(loaded, {"requestBody": [1, 2]}).body == [1, 2]
    with pytest.raises(InvalidRequest) as caught:
        arguments(loaded, {})
    assert caught.value.details == {"field": "parameters.requestBody", "rule": "required"}
    with pytest.raises(InvalidRequest) as caught:
        arguments(loaded, {"requestBody": [1, "x"]})
    assert caught.value.details == {"field": "parameters.requestBody.1", "rule": "type"}
    # Who gives it in another way is told how.
    with pytest.raises(InvalidRequest, match="Known: requestBody"):
        arguments(loaded, {"items": [1]})


def test_a_required_object_may_be_empty() -> None:
    assert arguments(connector({"requestBody": body({"type": "object"})}), {}).body == {}


def test_an_optional_body_may_be_left_out_and_counts_whole_where_it_is_given() -> None:
    loaded = connector({"requestBody": {**body(ISSUE), "required": False}})
    assert arguments(loaded, {}).body is NO_BODY
    assert arguments(loaded, {"requestBody": None}).body is NO_BODY
    with pytest.raises(InvalidRequest) as caught:
        arguments(loaded, {"id": 5})
    assert caught.value.details == {"field": "parameters.title", "rule": "required"}


def test_an_open_body_takes_other_names() -> None:
    loaded = issues({"type": "object", "additionalProperties": {"type": "string"}})
    assert arguments(loaded, {"repo": "r", "Custom__c": "x"}).body == {"Custom__c": "x"}
    with pytest.raises(InvalidRequest) as caught:
        arguments(loaded, {"repo": "r", "Custom__c": 5})
    assert caught.value.details == {"field": "parameters.Custom__c", "rule": "type"}


def test_names_that_are_not_listed_may_stand_in_the_body_itself() -> None:
    assert arguments(issues(), {"repo": "r", "requestBody": {"title": "T", "more": 1}}).body == {
        "title": "T",
        "more": 1,
    }


def test_a_body_property_that_a_parameter_hides() -> None:
    found = arguments(issues(), {"repo": "r", "title": "T", "id": "of the query", "requestBody": {"id": 7}})
    assert found.query == {"id": "of the query"}
    assert found.body == {"id": 7, "title": "T"}


def test_safe_names_stand_for_others() -> None:
    node = {
        "parameters": [parameter("page[size]", {"type": "integer"}), parameter("$top", {"type": "integer"})],
        "requestBody": {**body({"type": "object", "properties": {"a b": {"type": "integer"}}}), "required": False},
    }
    loaded = connector(node)
    for given_arguments in ({"page[size]": 1, "$top": 2, "a b": 3}, {"page_size": 1, "top": 2, "a_b": 3}):
        found = arguments(loaded, given_arguments)
        assert (found.query, found.body) == ({"page[size]": 1, "$top": 2}, {"a b": 3})
    for wrong, field in (({"page_size": "x"}, "page_size"), ({"page[size]": "x"}, "page[size]"), ({"a_b": "x"}, "a_b")):
        with pytest.raises(InvalidRequest) as caught:
            arguments(loaded, wrong)
        assert caught.value.details == {"field": f"parameters.{field}", "rule": "type"}
    with pytest.raises(InvalidRequest) as caught:
        arguments(loaded, {"page_size": 1, "page[size]": 1})
    assert caught.value.details["rule"] == "twice"


CHOICES: list[tuple[dict[str, Any], Any, str, str, str]] = [
    ({"type": "integer", "maximum": 5, "nullable": True}, 6, "", "maximum", "must be 5 or less"),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "5", "", "type", "must be of type integer"),
    (
        {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"id": {"type": "integer"}}}]},
        {"id": "x"},
        ".id",
        "type",
        "must be of type integer",
    ),
    (
        {
            "oneOf": [
                {"type": "object", "properties": {"kind": {"enum": ["a"]}, "n": {"type": "integer"}}},
                {"type": "object", "properties": {"kind": {"enum": ["b"]}, "m": {"type": "string"}}},
            ]
        },
        {"kind": "b", "m": 5},
        ".m",
        "type",
        "must be of type string",
    ),
    ({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}, "x", "", "anyOf", "one of the documented forms"),
    ({"not": {"type": "string"}}, "x", "", "not", "one of the documented forms"),
    ({"type": "string", "pattern": "^[a-z]+$"}, "A", "", "pattern", "must match ^[a-z]+$"),
    ({"type": "number", "multipleOf": 5}, 7, "", "multipleOf", "must be a multiple of 5"),
    ({"type": "number", "minimum": 5, "exclusiveMinimum": True}, 5, "", "exclusiveMinimum", "must be more than 5"),
    ({"type": "object", "minProperties": 1}, {}, "", "minProperties", "must have at least 1 field"),
    ({"type": "array", "uniqueItems": True}, [1, 1], "", "uniqueItems", "must not hold the same item twice"),
    (
        {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
        {"b": 1},
        ".b",
        "additionalProperties",
        "is not known here",
    ),
    ({"enum": [f"option{n}" for n in range(40)]}, "x", "", "enum", "option29, ... (40 in all)"),
]


@pytest.mark.parametrize(("schema", "value", "path", "rule", "words"), CHOICES)
def test_refusals_say_what_came_closest(schema: dict[str, Any], value: Any, path: str, rule: str, words: str) -> None:
    loaded = connector({"requestBody": body({"type": "object", "properties": {"it": schema}})})
    with pytest.raises(InvalidRequest) as caught:
        arguments(loaded, {"it": value})
    assert caught.value.details == {"field": f"parameters.it{path}", "rule": rule}
    assert words in caught.value.message


def test_refusals_of_what_can_only_be_given_in_a_group() -> None:
    loaded = issues({"type": "object", "properties": {"id": {"type": "integer"}, "a": {}}, "required": ["id"]})
    with pytest.raises(InvalidRequest) as caught:
        arguments(loaded, {"repo": "r", "a": 1})
    assert caught.value.details == {"field": "parameters.requestBody.id", "rule": "required"}
    both = connector(
        {"parameters": [parameter("x", {}, "path"), parameter("x", {"type": "integer"}, required=True)]}, path="/{x}"
    )
    with pytest.raises(InvalidRequest) as caught:
        arguments(both, {"x": "p"})
    assert caught.value.details == {"field": "parameters.queryParameters.x", "rule": "required"}


def test_refusals_inside_what_has_a_safe_name() -> None:
    schema = {"type": "object", "properties": {"a b": {"type": "object", "properties": {"c": {"type": "integer"}}}}}
    with pytest.raises(InvalidRequest) as caught:
        arguments(connector({"requestBody": body(schema)}), {"a_b": {"c": "x"}})
    assert caught.value.details["field"] == "parameters.a_b.c"


def test_long_lists_of_names_are_cut() -> None:
    loaded = connector({"parameters": [parameter(f"name{n:03}") for n in range(60)]})
    with pytest.raises(InvalidRequest) as caught:
        arguments(loaded, {"other": 1})
    assert caught.value.message.endswith("name038, name039 and 20 more")


def test_a_property_called_headers_is_a_property() -> None:
    loaded = connector({"requestBody": body({"type": "object", "properties": {"headers": {"type": "array"}}})})
    assert arguments(loaded, {"headers": ["a"]}).body == {"headers": ["a"]}


def test_graphql_arguments_are_variables() -> None:
    shopify = load_shipped("shopify")
    action = shopify.actions["getShop"]
    assert split(action, shopify.document, {}).body == {}


def test_recursive_values_are_checked_all_the_way_down() -> None:
    schemas = {
        "node": {
            "type": "object",
            "properties": {"next": {"$ref": "#/components/schemas/node"}, "n": {"type": "integer"}},
        }
    }
    loaded = connector({"requestBody": body({"$ref": "#/components/schemas/node"})}, components={"schemas": schemas})
    value: dict[str, Any] = {"n": "not a number"}
    for _ in range(20):
        value = {"next": value}
    with pytest.raises(InvalidRequest) as caught:
        arguments(loaded, value)
    assert caught.value.details["field"] == "parameters" + ".next" * 20 + ".n"


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


MORE = {"$ref": "#/components/schemas/filter"}
MANY = {"type": "array", "items": MORE}
FILTER = {
    "oneOf": [
        closed(**{"and": MANY}),
        closed(**{"or": MANY}),
        closed(**{"and": MANY, "not": MORE}),
        {"type": "integer"},
    ]
}


def filtering(value: Any) -> InvalidRequest:
    schema = {"type": "object", "properties": {"filter": {"$ref": "#/components/schemas/filter"}}}
    loaded = connector({"requestBody": body(schema)}, components={"schemas": {"filter": FILTER}})
    with pytest.raises(InvalidRequest) as caught:
        arguments(loaded, {"filter": value})
    return caught.value


@pytest.mark.parametrize("depth", [3, 20, 100])
def test_choices_inside_choices_are_explained_in_bounded_time(depth: int) -> None:
    value: Any = "wrong"
    for _ in range(depth):
        value = {"and": [value]}
    begun = time.process_time()
    error = filtering(value)
    # It took minutes, or never ended; collecting the garbage of other tests may take a second.
    assert time.process_time() - begun < 5
    assert error.details == {"field": "parameters", "rule": "anyOf"}
    assert "holds something that is not documented" in error.message


def test_choices_near_the_top_are_explained_exactly() -> None:
    assert filtering({"or": 5}).details == {"field": "parameters.filter.or", "rule": "type"}
    assert filtering({"or": [1, {"and": "x"}]}).details == {"field": "parameters.filter.or.1.and", "rule": "type"}
    assert filtering({"also": 5}).details == {"field": "parameters.filter.also", "rule": "additionalProperties"}


@pytest.mark.parametrize("depth", [300, 2_000, 50_000])
def test_values_that_are_nested_too_deeply_are_refused(depth: int) -> None:
    schemas = {"node": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/node"}}}}
    loaded = connector({"requestBody": body({"$ref": "#/components/schemas/node"})}, components={"schemas": schemas})
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"next": value}
    with pytest.raises(InvalidRequest) as caught:
        request(loaded, value)
    assert caught.value.details == {"field": "parameters", "rule": "json"}
    while value:  # taken apart by hand: freeing it at once would recurse as deeply
        value = value["next"]


@pytest.mark.parametrize("name", ["repo", "state", "title", "\ud800"])
def test_lone_surrogates_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        request(issues(), {**REPO, name: "\ud800"})
    assert caught.value.details == {"field": "parameters", "rule": "json"}


FORBIDDEN = [
    *("Authorization", "Cookie", "Host", "Content-Length", "Transfer-Encoding", "Connection", "TE", "Upgrade"),
    *("Expect", "Content-Type", "Proxy-Authorization", "X-HTTP-Method-Override", "Keep-Alive", "Trailer"),
    *("X-Forwarded-For", "Forwarded", "User-Agent", "Accept-Encoding", "Sec-Fetch-Mode", "X-Original-URL"),
]


@pytest.mark.parametrize("name", [*FORBIDDEN, *(name.lower() for name in FORBIDDEN), "AUTHORIZATION"])
def test_headers_that_no_caller_sets(name: str) -> None:
    for group in ("additionalHeaders", "headers"):
        with pytest.raises(InvalidRequest) as caught:
            arguments(issues(), {**REPO, group: {name: "x"}})
        assert caught.value.details == {"field": f"parameters.{group}.{name}", "rule": "forbidden"}


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "ü", "a\x00", "x" * 300])
def test_names_that_are_no_header(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        arguments(issues(), {**REPO, "additionalHeaders": {name: "x"}})
    assert caught.value.details["rule"] == "characters"


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb", "a\x00b", "\x7f", "\ud800", "x" * 10_000])
def test_values_that_would_end_a_header(value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        arguments(issues(), {**REPO, "additionalHeaders": {"X-A": value}})
    assert caught.value.details["rule"] in ("characters", "json")


def test_header_values_are_text() -> None:
    with pytest.raises(InvalidRequest) as caught:
        arguments(issues(), {**REPO, "additionalHeaders": {"X-A": 5}})
    assert caught.value.details == {"field": "parameters.additionalHeaders.X-A", "rule": "type"}


MARK = "hunter2-hunter2"
SLOTS = ["repo", "limit", "state", "draft", "X-Trace", "session", "id", "title", "labels", "requestBody", "pathParams"]
SLOTS += ["queryParameters", "additionalHeaders", "cookies"]
MARKED = st.recursive(
    st.sampled_from([MARK, 5, None, True, 1e9]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(SLOTS), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(SLOTS), MARKED, max_size=6))
def test_no_refusal_repeats_a_value(values: dict[str, Any]) -> None:
    error = refusal(values)
    if error is not None:
        assert MARK not in error.message
        assert MARK not in str(error.details)
        assert set(error.details) == {"field", "rule"}
        assert error.details["field"].startswith("parameters")


def refusal(values: dict[str, Any]) -> InvalidRequest | None:
    try:
        request(issues(), values)
    except InvalidRequest as error:
        return error
    return None


def test_plans_are_kept_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "_KEPT", 3)
    first = issues()
    action = next(iter(first.actions.values()))
    made = plan.plan_of(action, first.document)
    assert plan.plan_of(action, first.document) is made
    for _ in range(5):
        other = issues()
        plan.plan_of(next(iter(other.actions.values())), other.document)
        assert len(plan._plans) <= 3
    assert plan.plan_of(action, first.document) is not made
