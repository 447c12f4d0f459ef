"""No value of an argument or a credential can lead anywhere but where the document says."""

import posixpath
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from execution_samples import connector, parameter, request
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.credentials.model import Secret
from gateway.errors import InvalidRequest
from gateway.outbound.messages import origin_of

PARTS = ["/", ".", "..", "\\", "%2e", "%2F", "%", "?", "#", "a", " ", "\x00", "\n", ";", ":", "@", "é"]
NASTY = st.lists(st.sampled_from(PARTS), max_size=6).map("".join)
VALUES = NASTY | st.text(max_size=20)


def of(template: str, *names: str, **more: Any) -> Any:
    return connector({"parameters": [parameter(name, location="path", **more) for name in names]}, path=template)


def outcome(made: Any, values: dict[str, Any], secret: Secret | None = None) -> str | InvalidRequest:
    """The URL that is called, or the refusal."""
    try:
        return request(made, values, secret).url
    except InvalidRequest as error:
        return error


def sent(made: Any, values: dict[str, Any]) -> str | None:
    """The path that is sent; None where it is refused."""
    url = outcome(made, values)
    if isinstance(url, InvalidRequest):
        assert url.details["field"].startswith("parameters")
        return None
    assert origin_of(url) == ("https", "things.example.com", 443)
    parts = urlsplit(url)
    assert not parts.query
    return parts.path


def climbs(path: str) -> bool:
    """Whether a careless server, which decodes before it cuts, would see a dot segment."""
    return any(segment in (".", "..") for segment in re.split(r"[/\\]", unquote(path)))


ONE = of("/repos/{owner}/files", "owner")
TWO = of("/repos/{a}{b}/{c}.json", "a", "b", "c")
MANY = of("/contents/{path}/raw", "path", **{"x-multi-segment": True})


@given(VALUES)
@example("..")
@example("%2e%2e")
@example("a/../..")
@example("..\\..")
def test_one_segment_stays_one_segment(value: str) -> None:
    path = sent(ONE, {"owner": value})
    if path is None:
        assert value == "" or climbs(value) or re.search("[\ud800-\udfff]", value)
        return
    segments = path.split("/")
    assert len(segments) == 5
    assert unquote(segments[3]) == value
    assert not climbs(path)
    assert posixpath.normpath(path) == path


@given(VALUES, VALUES, VALUES)
@example(".", ".", "x")
@example("..", "x", "x")
@example(".", "x", ".")
def test_values_that_meet_in_a_segment(a: str, b: str, c: str) -> None:
    path = sent(TWO, {"a": a, "b": b, "c": c})
    if path is not None:
        assert len(path.split("/")) == 5
        assert unquote(path) == f"/v1/repos/{a}{b}/{c}.json"
        assert not climbs(path)


def test_two_dots_from_two_values() -> None:
    assert sent(of("/x/{a}{b}/y", "a", "b"), {"a": ".", "b": "."}) is None
    assert sent(of("/x/{a}./y", "a"), {"a": "."}) is None
    assert sent(of("/x/{a}./y", "a"), {"a": "b"}) == "/v1/x/b./y"


@given(VALUES)
@example("src/main.py")
@example("src/../..")
@example("/etc/passwd")
@example("a//b")
def test_several_segments_where_the_document_allows_them(value: str) -> None:
    path = sent(MANY, {"path": value})
    if path is None:
        assert "" in value.split("/") or climbs(value) or re.search("[\ud800-\udfff]", value)
        return
    assert unquote(path) == f"/v1/contents/{value}/raw"
    assert [unquote(part) for part in path.split("/")[3:-1]] == value.split("/")
    assert not climbs(path)


@pytest.mark.parametrize("value", ["", ".", "..", "a/..", "../a", "a\\..\\b", [], {}, None])
def test_refusals_name_the_parameter(value: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        request(ONE, {"owner": value})
    assert caught.value.details["field"] == "parameters.owner"


@pytest.mark.parametrize("value", [["..", ".."], [".."], {"a": ".."}, ["a/../b"]])
def test_containers_climb_no_better(value: Any) -> None:
    path = sent(ONE, {"owner": value})
    assert path is None or not climbs(path)


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("/values/{range}:append", {"range": "Sheet1!A1:B2"}, "/v1/values/Sheet1%21A1%3AB2:append"),
        ("/Messages/{Sid}.json", {"Sid": "SM1"}, "/v1/Messages/SM1.json"),
        ("/Users('{id}')/x", {"id": "a'b"}, "/v1/Users('a%27b')/x"),
        ("/projects/{id}", {"id": "group/proj"}, "/v1/projects/group%2Fproj"),
        ("/a b/ü/%20/{id}", {"id": 5}, "/v1/a%20b/%C3%BC/%20/5"),
        ("/users/@me", {}, "/v1/users/@me"),
        ("/{a}/{a}", {"a": "x"}, "/v1/x/x"),
        ("/graphql.json#listOrders", {}, "/v1/graphql.json"),
        ("/x/{id}#second", {"id": True}, "/v1/x/true"),
        ("/", {}, "/v1/"),
    ],
)
def test_templates(template: str, values: dict[str, Any], expected: str) -> None:
    assert sent(of(template, *values), values) == expected


SHOP = {
    "servers": [{"url": "https://{shop}.things.example.com/{tenant}/v1"}],
    "x-connector": {
        "fields": {"shop": {"pattern": "^.*$"}, "tenant": {"pattern": "^.*$"}, "user": {"pattern": "^.*$"}}
    },
    "components": {"securitySchemes": {"t": {"type": "http", "scheme": "bearer"}}},
}


def credential(**data: str) -> Secret:
    return Secret("bearer", {"token": "tok-123456", **data})


@given(VALUES, VALUES, VALUES)
@example("evil.example/", "t", "u")
@example("evil.example#", "t", "u")
@example("me@evil.example:443/x?", "t", "u")
@example("evil.example\\", "t", "u")
@example("a", "..", "u")
@example("a", "t", "../..")
def test_fields_cannot_move_the_origin_or_the_path(shop: str, tenant: str, user: str) -> None:
    made = connector({}, path="/{user}/x", **SHOP)
    url = outcome(made, {}, credential(shop=shop, tenant=tenant, user=user))
    if isinstance(url, InvalidRequest):
        assert url.details["field"].startswith("credential.")
        return
    assert re.fullmatch(r"[A-Za-z0-9.-]+\.things\.example\.com", origin_of(url).host)
    path = urlsplit(url).path
    assert [unquote(part) for part in path.split("/")] == ["", tenant, "v1", user, "x"]
    assert not climbs(path)


def test_fields_fill_the_base_url() -> None:
    made = connector({}, path="/{user}/x", **SHOP)
    url = request(made, {}, credential(shop="acme", tenant="t 1", user="u/1")).url
    assert url == "https://acme.things.example.com/t%201/v1/u%2F1/x"


def test_a_field_that_its_pattern_refuses() -> None:
    made = connector(
        {},
        servers=[{"url": "https://{shop}.things.example.com"}],
        **{"x-connector": {"fields": {"shop": {"pattern": "^[a-z]+$"}}, "authentication": [{"type": "bearer"}]}},
    )
    assert request(made, {}, credential(shop="acme")).url == "https://acme.things.example.com/things"
    for shop in ("acme1", "acme\n", "", "acme.evil"):
        with pytest.raises(InvalidRequest) as caught:
            request(made, {}, credential(shop=shop))
        assert caught.value.details == {"field": "credential.shop", "rule": "field"}
    with pytest.raises(InvalidRequest, match="the credential does not hold it"):
        request(made, {}, credential())


def test_a_default_fills_what_the_credential_leaves_out() -> None:
    made = connector(
        {},
        servers=[{"url": "https://{region}.things.example.com"}],
        **{"x-connector": {"fields": {"region": {"default": "eu"}}}},
    )
    assert request(made, {}).url == "https://eu.things.example.com/things"


def test_another_base_url() -> None:
    made = connector({})
    assert request(made, {}, base_url="https://other.example/v9/").url == "https://other.example/v9/things"
    for url in ("ftp://a.example", "https://me@a.example", "https://a.example/?x", "https://{a}.example.com"):
        with pytest.raises(InvalidRequest) as caught:
            request(made, {}, base_url=url)
        assert caught.value.details["field"] == "baseUrl"


def test_a_server_of_the_action_s_own_stays() -> None:
    made = connector({"servers": [{"url": "https://up.example.com"}]})
    assert request(made, {}).url == "https://up.example.com/things"
    assert request(made, {}, base_url="https://other.example").url == "https://up.example.com/things"
