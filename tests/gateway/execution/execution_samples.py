"""Actions of one operation, and requests made of them."""

from typing import Any

from gateway.catalog.loader import load
from gateway.catalog.model import Action, Connector
from gateway.credentials.model import Secret
from gateway.execution.arguments import Arguments, split
from gateway.execution.request import build
from gateway.outbound.messages import Request

TOKEN = Secret("bearer", {"token": "tok-123456"})


def connector(node: dict[str, Any], *, path: str = "/things", method: str = "post", **more: Any) -> Connector:
    """A connector with one operation; it takes no credential unless `components` or `x-connector` say so."""
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Things", "version": "1"},
        "servers": [{"url": "https://things.example.com/v1"}],
        "paths": {path: {method: {"responses": {}, **node}}},
        **more,
    }
    return load(document, connector_id="things")


def only(loaded: Connector) -> Action:
    return next(iter(loaded.actions.values()))


def parameter(name: str, schema: dict[str, Any] | None = None, location: str = "query", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": location, "schema": {} if schema is None else schema, **more}


def body(schema: dict[str, Any], media_type: str = "application/json", **more: Any) -> dict[str, Any]:
    return {"required": True, "content": {media_type: {"schema": schema, **more}}}


def arguments(loaded: Connector, given: dict[str, Any]) -> Arguments:
    return split(only(loaded), loaded.document, given)


def request(
    loaded: Connector, given: dict[str, Any], secret: Secret | None = None, base_url: str | None = None
) -> Request:
    return build(loaded, only(loaded), arguments(loaded, given), secret, base_url)
