"""The contract as a document: as it stands in the spec, and as this service serves it."""

from collections.abc import Iterator
from typing import Any

import yaml

import spec
from gateway.settings import Settings

# The one in C, where PyYAML has it: ten times as fast.
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options", "trace"})


def part(name: str) -> Any:
    """What a YAML file of `spec/` says, `tools.yaml` for example."""
    return yaml.load(spec.read(name), SAFE_LOADER)  # noqa: S506 (it is safe)


def load_document() -> dict[str, Any]:
    """The contract of spec/openapi.yaml, with the headers that every answer carries declared in every response."""
    return with_answer_headers(part("openapi.yaml"))


def with_answer_headers(document: dict[str, Any]) -> dict[str, Any]:
    """The document itself, with the headers that `x-answer-headers` names declared in every response."""
    everywhere = {name: {"$ref": f"#/components/headers/{name}"} for name in document.pop("x-answer-headers", ())}
    for response in _responses(document):
        response["headers"] = {**response.get("headers", {}), **everywhere}
    return document


def _responses(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every response that is written out; the others refer to one of these."""
    yield from document.get("components", {}).get("responses", {}).values()
    for item in document["paths"].values():
        for method in METHODS & item.keys():
            yield from (response for response in item[method]["responses"].values() if "$ref" not in response)


def handler_name(tag: str, operation_id: str) -> tuple[str, str]:
    """Module and function: `Server Management`, `update-server` give `server_management`, `update_server`."""
    return tag.lower().replace(" ", "_"), operation_id.replace("-", "_")


def as_served(document: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The contract with this service's own address in `servers`."""
    return {**document, "servers": [{"url": settings.public_url, "description": "This service"}]}
