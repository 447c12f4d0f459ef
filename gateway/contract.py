"""The contract as a document: as it stands in the spec, and as this service serves it."""

from typing import Any

import yaml

import spec
from gateway.settings import Settings

# The one in C, where PyYAML has it: ten times as fast.
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_document() -> dict[str, Any]:
    """The contract as it stands in spec/openapi.yaml."""
    document: dict[str, Any] = yaml.load(spec.read("openapi.yaml"), SAFE_LOADER)  # noqa: S506 (it is safe)
    return document


def handler_name(tag: str, operation_id: str) -> tuple[str, str]:
    """Module and function: `Server Management`, `update-server` give `server_management`, `update_server`."""
    return tag.lower().replace(" ", "_"), operation_id.replace("-", "_")


def served_document(settings: Settings) -> dict[str, Any]:
    """The contract with this service's own address in `servers`."""
    return {**load_document(), "servers": [{"url": settings.public_url, "description": "This service"}]}
