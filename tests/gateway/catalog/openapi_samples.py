"""The smallest documents that make a point."""

from typing import Any

from gateway.catalog.loader import load
from gateway.catalog.model import Action, Connector


def document(paths: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An OpenAPI 3.0 document with one operation, or with `paths`."""
    return {
        "openapi": "3.0.3",
        "info": {"title": "Pets", "version": "1"},
        "servers": [{"url": "https://pets.example.com/v1"}],
        "paths": {"/pets": {"get": operation()}} if paths is None else paths,
        **more,
    }


def operation(**more: Any) -> dict[str, Any]:
    return {"responses": {"200": {"description": "Fine."}}, **more}


def connector(paths: dict[str, Any] | None = None, **more: Any) -> Connector:
    return load(document(paths, **more), connector_id="pets")


def action(node: dict[str, Any], *, path: str = "/pets", method: str = "post", **more: Any) -> tuple[Connector, Action]:
    """The only action of a document."""
    loaded = connector({path: {method: {**operation(), **node}}}, **more)
    return loaded, next(iter(loaded.actions.values()))


def query(name: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, **more}


def json_body(schema: dict[str, Any], *, required: bool = True, media_type: str = "application/json") -> dict[str, Any]:
    return {"required": required, "content": {media_type: {"schema": schema}}}
