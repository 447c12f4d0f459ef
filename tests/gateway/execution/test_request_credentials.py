"""Where a credential goes: to its own place, over everything else, and nowhere else."""

import base64
from typing import Any

import pytest
from execution_samples import TOKEN, body, connector, parameter, request
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.model import Connector
from gateway.credentials.model import Secret
from gateway.errors import CredentialNotFound, InvalidRequest
from gateway.execution.headers import put
from gateway.execution.request import USER_AGENT

KEY = Secret("apiKey", {"apiKey": "key 1/=&é"})


def with_way(way: dict[str, Any] | None = None, node: dict[str, Any] | None = None, **extension: Any) -> Connector:
    ways = [{"type": "bearer"}] if way is None else [way]
    return connector(node or {}, **{"x-connector": {"authentication": ways, **extension}})


def test_every_request_says_who_asks_and_what_is_wanted() -> None:
    made = request(connector({}), {})
    assert made.headers == {"User-Agent": USER_AGENT, "Accept": "application/json, */*;q=0.8"}
    assert USER_AGENT.startswith("toolgate")
    assert (made.credential_headers, made.credential_query) == (frozenset(), frozenset())
    assert (made.timeout, made.idempotent) == (30.0, None)


@pytest.mark.parametrize(
    ("way", "secret", "header", "value"),
    [
        ({"type": "bearer"}, TOKEN, "Authorization", "Bearer tok-123456"),
        ({"type": "bearer", "name": "X-Token"}, TOKEN, "X-Token", "tok-123456"),
        ({"type": "bearer", "prefix": "Token "}, TOKEN, "Authorization", "Token tok-123456"),
        ({"type": "oauth2"}, Secret("oauth2", {"token": "t-1"}), "Authorization", "Bearer t-1"),
        # A token is a token, whoever fetched it.
        ({"type": "oauth2"}, TOKEN, "Authorization", "Bearer tok-123456"),
        ({"type": "bearer"}, Secret("oauth2", {"token": "t-1"}), "Authorization", "Bearer t-1"),
        ({"type": "apiKey", "name": "X-Key"}, Secret("apiKey", {"apiKey": "k"}), "X-Key", "k"),
        ({"type": "apiKey", "prefix": "Bot "}, Secret("apiKey", {"apiKey": "k"}), "Authorization", "Bot k"),
        ({"type": "apiKey"}, Secret("apiKey", {"apiKey": "k"}), "Authorization", "k"),
        # Pasted with what stands before it.
        ({"type": "bearer"}, Secret("bearer", {"token": "Bearer tok-1"}), "Authorization", "Bearer tok-1"),
        ({"type": "apiKey", "prefix": "Bot "}, Secret("apiKey", {"apiKey": "Bot k"}), "Authorization", "Bot k"),
        # Pasted with the end of its line.
        ({"type": "apiKey", "name": "X-Key"}, Secret("apiKey", {"apiKey": " k\r\n"}), "X-Key", "k"),
    ],
)
def test_headers(way: dict[str, Any], secret: Secret, header: str, value: str) -> None:
    made = request(with_way(way), {}, secret)
    assert made.headers[header] == value
    assert made.credential_headers == {header.lower()}


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters=":"), min_size=1),
    st.text("ab:c "),
)
def test_basic(username: str, password: str) -> None:
    made = request(with_way({"type": "basic"}), {}, Secret("basic", {"username": username, "password": password}))
    kind, _, coded = made.headers["Authorization"].partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(coded).decode() == f"{username}:{password.strip()}"


def test_query_and_cookie() -> None:
    made = request(
        with_way({"type": "apiKey", "in": "query", "name": "key"}, {"parameters": [parameter("q")]}), {"q": 1}, KEY
    )
    assert made.url == "https://things.example.com/v1/things?q=1&key=key%201%2F%3D%26%C3%A9"
    assert made.credential_query == {"key"}
    node = {"parameters": [parameter("theme", location="cookie")]}
    secret = Secret("apiKey", {"apiKey": "k-1"})
    made = request(with_way({"type": "apiKey", "in": "cookie", "name": "sid"}, node), {"theme": "x"}, secret)
    assert made.headers["Cookie"] == "theme=x; sid=k-1"
    assert made.credential_headers == {"cookie"}


def test_a_key_in_a_query_parameter_with_a_strange_name() -> None:
    loaded = connector({}, components={"securitySchemes": {"k": {"type": "apiKey", "in": "query", "name": "api[key]"}}})
    made = request(loaded, {}, Secret("apiKey", {"apiKey": "k"}))
    assert made.url.endswith("?api%5Bkey%5D=k")
    # As it is when it is decoded: the client compares it so before it follows a redirect.
    assert made.credential_query == {"api[key]"}


def test_keys_that_go_together() -> None:
    loaded = connector(
        {},
        components={
            "securitySchemes": {
                "id": {"type": "apiKey", "in": "header", "name": "Client-Id"},
                "secret": {"type": "apiKey", "in": "header", "name": "Client-Secret"},
                "site": {"type": "apiKey", "in": "query", "name": "site"},
            }
        },
        security=[{"id": [], "secret": [], "site": []}],
    )
    made = request(loaded, {}, Secret("apiKey", {"apiKey": "s", "Client-Id": "i", "site": "a b"}))
    assert (made.headers["Client-Secret"], made.headers["Client-Id"]) == ("s", "i")
    assert made.url.endswith("/things?site=a%20b")
    assert made.credential_headers == {"client-id", "client-secret"}
    assert made.credential_query == {"site"}
    with pytest.raises(InvalidRequest) as caught:
        request(loaded, {}, Secret("apiKey", {"apiKey": "s", "site": "x"}))
    assert caught.value.details == {"field": "credential.Client-Id", "rule": "credential"}


def test_fixed_headers_and_fields_in_them() -> None:
    loaded = with_way(
        headers={"Version": "3", "accept": "application/vnd.things+json", "Tenant": "t-{tenant}"},
        fields={"tenant": {"pattern": "^[a-z]+$"}},
    )
    made = request(loaded, {}, Secret("bearer", {"token": "t-1", "tenant": "acme"}))
    assert made.headers == {
        "User-Agent": USER_AGENT,
        "accept": "application/vnd.things+json",
        "Version": "3",
        "Tenant": "t-acme",
        "Authorization": "Bearer t-1",
    }
    # What comes from a credential does not follow a redirect elsewhere.
    assert made.credential_headers == {"authorization", "tenant"}
    with pytest.raises(InvalidRequest):
        request(loaded, {}, Secret("bearer", {"token": "t-1", "tenant": "a\r\nb"}))


def test_later_headers_count_over_earlier_ones() -> None:
    node = {"parameters": [parameter("version", location="header")]}
    loaded = with_way(node=node, headers={"Version": "3", "Region": "eu"})
    made = request(loaded, {"version": "4", "additionalHeaders": {"REGION": "us", "Accept": "text/html"}}, TOKEN)
    lower = {name.lower(): value for name, value in made.headers.items()}
    assert len(lower) == len(made.headers)
    assert (lower["version"], lower["region"], lower["accept"]) == ("4", "us", "text/html")


@pytest.mark.parametrize("name", ["X-Key", "x-key", "Tenant", "TENANT"])
def test_no_caller_sets_the_header_of_a_credential(name: str) -> None:
    loaded = with_way({"type": "apiKey", "name": "X-Key"}, fields={"t": {}}, headers={"Tenant": "{t}"})
    with pytest.raises(InvalidRequest) as caught:
        request(loaded, {"additionalHeaders": {name: "mine"}}, Secret("apiKey", {"apiKey": "k", "t": "a"}))
    assert caught.value.details == {"field": f"parameters.additionalHeaders.{name}", "rule": "forbidden"}


def test_no_object_of_the_query_sets_the_key_in_it() -> None:
    node = {"parameters": [parameter("filter", {"type": "object"})]}
    loaded = with_way({"type": "apiKey", "in": "query", "name": "key"}, node)
    with pytest.raises(InvalidRequest) as caught:
        request(loaded, {"filter": {"key": "mine"}}, KEY)
    assert caught.value.details == {"field": "parameters.filter.key", "rule": "forbidden"}


BAD: list[tuple[dict[str, Any], Secret, str]] = [
    ({"type": "bearer"}, Secret("bearer", {}), "token"),
    ({"type": "bearer"}, Secret("bearer", {"token": "  "}), "token"),
    ({"type": "bearer"}, Secret("bearer", {"token": "SECRET-a\r\nHost: evil"}), "token"),
    ({"type": "bearer"}, Secret("bearer", {"token": "SECRET-a\x00b"}), "token"),
    ({"type": "apiKey", "name": "X"}, Secret("apiKey", {"apiKey": "SECRET\ud800"}), "apiKey"),
    ({"type": "basic"}, Secret("basic", {"username": "SECRET:x", "password": "p"}), "username"),
    ({"type": "basic"}, Secret("basic", {"username": "u"}), "password"),
    ({"type": "apiKey", "in": "cookie", "name": "sid"}, Secret("apiKey", {"apiKey": "SECRET; a=b"}), "sid"),
]


@pytest.mark.parametrize(("way", "secret", "name"), BAD)
def test_credentials_that_cannot_be_used(way: dict[str, Any], secret: Secret, name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        request(with_way(way), {}, secret)
    assert caught.value.details == {"field": f"credential.{name}", "rule": "credential"}
    assert "SECRET" not in caught.value.message


def test_a_credential_of_another_kind() -> None:
    with pytest.raises(InvalidRequest) as caught:
        request(with_way({"type": "basic"}), {}, TOKEN)
    assert caught.value.details == {"field": "credentialId", "rule": "type"}


def test_no_credential() -> None:
    with pytest.raises(CredentialNotFound) as caught:
        request(with_way(), {})
    assert (caught.value.message, caught.value.details) == ("Credential not found", {"connectorId": "things"})


def test_a_credential_that_is_not_wanted_is_not_sent() -> None:
    made = request(connector({}), {}, TOKEN)
    assert "tok-123456" not in str(made.headers) + made.url


def test_a_request_shows_no_secret() -> None:
    loaded = connector(
        {"requestBody": body({"type": "object", "properties": {"a": {}}})},
        components={"securitySchemes": {"a": {"type": "http", "scheme": "bearer"}}},
    )
    assert "tok-123456" not in repr(request(loaded, {"a": 1}, TOKEN))


def test_put_replaces_a_header_whatever_its_case() -> None:
    headers = {"Accept": "a", "X-One": "1"}
    put(headers, "ACCEPT", "b")
    put(headers, "X-Two", "2")
    assert headers == {"X-One": "1", "ACCEPT": "b", "X-Two": "2"}
