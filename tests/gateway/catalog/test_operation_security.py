"""What an operation's own `security` asks for, and what the document's says for the others."""

from typing import Any

import pytest
from openapi_samples import connector, operation

from gateway.catalog.loader import load
from gateway.catalog.model import Connector
from gateway.credentials.model import Secret
from gateway.errors import CredentialNotFound, InvalidRequest
from gateway.execution.arguments import split
from gateway.execution.request import build

SCHEMES = {
    "securitySchemes": {
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "admin": {"type": "http", "scheme": "basic"},
    }
}
BASIC = Secret("basic", {"username": "u", "password": "p"})
KEY = Secret("apiKey", {"apiKey": "k-123456"})


def loaded(own: Any, **more: Any) -> Connector:
    node = operation() if own is None else operation(security=own)
    return connector({"/pets": {"get": node}, "/other": {"get": operation()}}, components=SCHEMES, **more)


def headers(found: Connector, secret: Secret | None) -> dict[str, str]:
    action = next(iter(found.actions.values()))
    return dict(build(found, action, split(action, found.document, {}), secret).headers)


def test_an_empty_list_needs_no_credential_and_gets_none() -> None:
    found = loaded([], security=[{"key": []}])
    assert "X-Key" not in headers(found, None)
    assert "X-Key" not in headers(found, KEY)


@pytest.mark.parametrize(
    ("own", "document"),
    [
        ([{}, {"key": []}], [{"key": []}]),
        ([{"key": []}, {}], [{"key": []}]),
        (None, [{"key": []}, {}]),
        # Some operations ask for one, so those that say nothing do not.
        (None, []),
    ],
)
def test_an_empty_alternative_takes_a_credential_where_there_is_one(own: Any, document: Any) -> None:
    found = loaded(own, security=document)
    assert "X-Key" not in headers(found, None)
    assert headers(found, KEY)["X-Key"] == "k-123456"


def test_a_document_that_says_nothing_anywhere_has_forgotten_it() -> None:
    with pytest.raises(CredentialNotFound):
        headers(loaded(None), None)


def test_an_operation_takes_its_own_ways() -> None:
    found = loaded([{"admin": []}], security=[{"key": []}])
    first, second = found.actions.values()
    assert [way.type for way in found.ways_of(first)] == ["basic"]
    assert second.ways is None
    assert headers(found, BASIC)["Authorization"].startswith("Basic ")
    with pytest.raises(InvalidRequest, match="does not take credentials of the type apiKey here"):
        headers(found, KEY)


def test_an_operator_knows_better() -> None:
    document = {
        "openapi": "3.0.3",
        "servers": [{"url": "https://a.example.com"}],
        "components": SCHEMES,
        "paths": {"/a": {"get": operation(security=[{"admin": []}])}, "/b": {"get": operation(security=[])}},
    }
    found = load(document, connector_id="a", auth={"type": "bearer"})
    asked, free = found.actions.values()
    assert [way.type for way in found.ways_of(asked)] == ["bearer"]
    # It is sent where the caller has one, since the document may be wrong about this too.
    assert ([way.type for way in found.ways_of(free)], free.credential_optional) == (["bearer"], True)


def test_parameters_that_ask_for_the_credential_are_hidden() -> None:
    about = "Authentication token bearing required scopes."
    token = {"name": "token", "in": "query", "required": True, "description": about, "schema": {"type": "string"}}
    device = {**token, "name": "token", "in": "header", "description": "The token of the device to add."}
    node = {"get": operation(parameters=[token, device])}
    shown = connector({"/a": node}, components=SCHEMES)
    assert [each.location for each in next(iter(shown.actions.values())).parameters] == ["header"]
    # Where only some operations have it, it is an argument as any other.
    lookup = {"get": operation(parameters=[{**token, "name": "key", "description": "The API key to look up."}])}
    others = {f"/{name}": {"get": operation()} for name in "bcd"}
    found = connector({"/a": lookup, **others}, components=SCHEMES)
    assert [each.name for each in next(iter(found.actions.values())).parameters] == ["key"]
    # Without a credential to put there, they are the caller's to give.
    assert len(next(iter(connector({"/a": node}).actions.values())).parameters) == 2
