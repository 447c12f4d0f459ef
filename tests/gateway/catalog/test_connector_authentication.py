"""How a connector learns to authenticate: from the operator, from x-connector, from the security schemes."""

from typing import Any

import pytest
from openapi_samples import document, operation

from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.loader import load
from gateway.catalog.model import Connector

BEARER = {"type": "http", "scheme": "Bearer", "description": "Under settings."}
BASIC = {"type": "http", "scheme": "basic"}
OAUTH = {"type": "oauth2", "flows": {}, "description": "Sign in."}
OPENID = {"type": "openIdConnect", "openIdConnectUrl": "https://a.example"}


def key(name: str, location: str = "header") -> dict[str, Any]:
    return {"type": "apiKey", "in": location, "name": name}


def connector(schemes: dict[str, Any], security: Any = None, auth: Any = None, **more: Any) -> Connector:
    if security is not None:
        more["security"] = security
    given = document(components={"securitySchemes": schemes}, **more)
    return load(given, connector_id="pets", auth=auth)


def ways(loaded: Connector) -> list[tuple[str, str, str, str]]:
    return [(way.type, way.location, way.name, way.prefix) for way in loaded.authentication]


HEADER = ("bearer", "header", "Authorization", "Bearer ")
USER = ("basic", "header", "Authorization", "")


@pytest.mark.parametrize(
    ("schemes", "security", "expected"),
    [
        ({}, None, []),
        ({"a": BEARER}, None, [HEADER]),
        ({"a": BASIC}, None, [USER]),
        ({"a": key("X-Key")}, None, [("apiKey", "header", "X-Key", "")]),
        ({"a": key("k", "query")}, None, [("apiKey", "query", "k", "")]),
        ({"a": key("k", "cookie")}, None, [("apiKey", "cookie", "k", "")]),
        # A token by whatever way it came.
        ({"a": OAUTH}, None, [HEADER]),
        ({"a": OPENID}, None, [HEADER]),
        ({"a": OAUTH, "b": BEARER}, None, [HEADER]),
        # The first of the requirements is the one to recommend; what is required nowhere does not count.
        ({"a": BASIC, "b": BEARER, "c": key("X")}, [{"b": []}, {"a": []}], [HEADER, USER]),
        ({"a": BASIC, "b": BEARER}, [{}, {"b": []}], [HEADER]),
        ({"a": BASIC}, [{"gone": []}], [USER]),
        # Not supported here.
        ({"a": {"type": "mutualTLS"}, "b": {"type": "http", "scheme": "digest"}}, None, []),
        ({"a": {"$ref": "#/components/securitySchemes/b"}, "b": BEARER}, [{"a": []}], [HEADER]),
    ],
)
def test_security_schemes(schemes: dict[str, Any], security: Any, expected: list[Any]) -> None:
    assert ways(connector(schemes, security)) == expected


@pytest.mark.parametrize(
    ("name", "description", "prefix"),
    [
        ("BearerToken", "Bearer Token authentication", "Bearer "),
        ("Bearer", "", "Bearer "),
        ("a", "Example: 'Authorization: Bearer {token}'", "Bearer "),
        ("tokenAuth", 'Token-based authentication with required prefix "Token"', "Token "),
        ("a", 'API tokens must be prepended with "token" followed by a space.', "token "),
        ("a", "Header of the form `Authorization: ApiKey abc`", "ApiKey "),
        ("a", "The key itself, without Bearer.", ""),
        ("a", "Authorization: <your key>", ""),
        ("a", "", ""),
    ],
)
def test_what_stands_before_a_key_is_said_in_words(name: str, description: str, prefix: str) -> None:
    loaded = connector({name: {**key("Authorization"), "description": description}})
    assert ways(loaded) == [("apiKey", "header", "Authorization", prefix)]
    elsewhere = connector({name: {**key("X-Key"), "description": description}})
    assert ways(elsewhere) == [("apiKey", "header", "X-Key", "")]


def test_requirements_of_operations_count_where_the_document_has_none() -> None:
    loaded = connector(
        {"a": BASIC, "b": BEARER}, paths={"/x": {"get": operation(), "post": operation(security=[{"b": []}])}}
    )
    assert ways(loaded) == [HEADER]


def test_oauth_says_that_a_token_is_taken() -> None:
    (way,) = connector({"a": OAUTH}).authentication
    assert way.description == "Sign in. An access token for this platform; a sign-in flow is not started."


def test_keys_that_go_together() -> None:
    """As Plaid has it: an id, a secret and a version, each in a header of its own."""
    schemes = {"id": key("PLAID-CLIENT-ID"), "secret": key("PLAID-SECRET"), "version": key("Plaid-Version")}
    loaded = connector(schemes, [{"id": [], "secret": [], "version": []}])
    assert ways(loaded) == [("apiKey", "header", "PLAID-SECRET", "")]
    assert [(field.name, field.location) for field in loaded.fields] == [
        ("PLAID-CLIENT-ID", "header"),
        ("Plaid-Version", "header"),
    ]


def test_a_key_beside_a_token_in_the_query() -> None:
    """As Trello has it."""
    loaded = connector(
        {"APIKey": key("key", "query"), "APIToken": key("token", "query")}, [{"APIKey": [], "APIToken": []}]
    )
    assert ways(loaded) == [("apiKey", "query", "token", "")]
    assert [(field.name, field.location) for field in loaded.fields] == [("key", "query")]


def test_a_bearer_token_is_the_secret_of_a_pair() -> None:
    loaded = connector({"k": key("X-Subscription"), "t": BEARER}, [{"k": [], "t": []}, {"t": []}])
    assert ways(loaded) == [HEADER]
    assert [field.name for field in loaded.fields] == ["X-Subscription"]


def test_ways_that_want_other_companions_are_left_out() -> None:
    schemes = {"k": key("X-Subscription"), "t": BEARER, "b": BASIC}
    loaded = connector(schemes, [{"k": [], "t": []}, {"b": []}])
    assert ways(loaded) == [HEADER]
    loaded = connector(schemes, [{"b": []}, {"k": [], "t": []}])
    assert ways(loaded) == [USER]
    assert loaded.fields == ()


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ({"type": "none"}, []),
        ({"type": "bearer"}, [HEADER]),
        ({"type": "bearer", "header": "X-Token"}, [("bearer", "header", "X-Token", "Bearer ")]),
        ({"type": "basic"}, [USER]),
        ({"type": "apiKey", "header": "Authorization"}, [("apiKey", "header", "Authorization", "")]),
        ({"type": "apiKey"}, [("apiKey", "query", "k", "")]),
    ],
)
def test_the_operator_wins(auth: dict[str, str], expected: list[Any]) -> None:
    extension = {"authentication": [{"type": "oauth2"}]}
    assert ways(connector({"a": BASIC, "b": key("k", "query")}, auth=auth, **{"x-connector": extension})) == expected


def test_a_key_without_a_place_goes_into_the_usual_header() -> None:
    assert ways(connector({}, auth={"type": "apiKey"})) == [("apiKey", "header", "X-API-Key", "")]


def test_the_extension_wins_over_the_schemes() -> None:
    extension = {
        "authentication": [
            {"type": "apiKey", "title": "Private key", "description": "d", "name": "X-K", "prefix": "Key "},
            {"type": "bearer"},
        ]
    }
    loaded = connector({"a": BASIC}, **{"x-connector": extension})
    assert ways(loaded) == [("apiKey", "header", "X-K", "Key "), ("bearer", "header", "Authorization", "")]
    assert [way.title for way in loaded.authentication] == ["Private key", "Access token"]
    assert ways(connector({"a": BASIC}, **{"x-connector": {"authentication": []}})) == []


@pytest.mark.parametrize(
    ("auth", "place", "rule"),
    [
        ({"type": "digest"}, "auth.type", "enum"),
        ({}, "auth.type", "enum"),
        ({"type": "apiKey", "header": "X Key"}, "auth.header", "pattern"),
        ({"type": "apiKey", "header": "X\r\nHost"}, "auth.header", "pattern"),
        ({"type": "apiKey", "header": ""}, "auth.header", "pattern"),
        ({"type": "bearer", "header": "Host"}, "auth.header", "reserved"),
        ({"type": "apiKey", "header": "content-LENGTH"}, "auth.header", "reserved"),
    ],
)
def test_an_operator_can_be_wrong(auth: dict[str, Any], place: str, rule: str) -> None:
    with pytest.raises(DocumentError) as caught:
        connector({}, auth=auth)
    assert caught.value.details == {"field": place, "rule": rule, "place": place}


def test_a_parameter_that_carries_the_operators_key_is_dropped() -> None:
    parameter = {"in": "header", "name": "x-token", "schema": {}}
    paths = {"/pets": {"get": operation(parameters=[parameter])}}
    assert next(iter(connector({}, paths=paths).actions.values())).parameters
    loaded = connector({}, auth={"type": "apiKey", "header": "X-Token"}, paths=paths)
    assert not next(iter(loaded.actions.values())).parameters
