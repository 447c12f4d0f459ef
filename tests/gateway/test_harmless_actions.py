"""Which action tests a credential."""

from dataclasses import replace
from typing import Any

import pytest

import spec
from gateway.actions.probing import harmless
from gateway.catalog.loader import load, load_shipped
from gateway.catalog.model import Connector

REQUIRED = {"name": "id", "in": "query", "required": True, "schema": {"type": "string"}}
PATHS: dict[str, Any] = {
    "/write": {"post": {"operationId": "write"}},
    "/narrow": {"get": {"operationId": "narrow", "parameters": [REQUIRED]}},
    "/first": {"get": {"operationId": "first"}},
    "/second": {"get": {"operationId": "second"}},
}


def connector(paths: dict[str, Any], test: Any = None) -> Connector:
    document = {
        "openapi": "3.0.3",
        "info": {"title": "T", "version": "1"},
        "servers": [{"url": "https://t.example.com"}],
        "paths": paths,
    }
    loaded = load(document, connector_id="t")
    return replace(loaded, document={**document, "x-connector": {"test": test}})


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (None, "first"),
        ("second", "second"),
        ("write", "write"),  # the document's word counts: some platforms test by POST
        ("narrow", "first"),  # it cannot be called without arguments
        ("nope", "first"),
        (["second"], "first"),
    ],
)
def test_what_the_document_names_comes_first(test: Any, expected: str) -> None:
    action = harmless(connector(PATHS, test))
    assert action is not None
    assert action.action_id == expected


def test_nothing_harmless() -> None:
    assert harmless(connector({path: PATHS[path] for path in ("/write", "/narrow")})) is None


@pytest.mark.parametrize("connector_id", spec.connector_names())
def test_every_shipped_connector_is_tried_out_as_it_says(connector_id: str) -> None:
    shipped = load_shipped(connector_id)
    action = harmless(shipped)
    # A few platforms have nothing that can be asked without knowing an id.
    assert (action.action_id if action else None) == shipped.document["x-connector"].get("test")
    assert action is None or action.read_only
