"""The contract as a document: as it stands in the spec, and as this service serves it."""

from typing import Any

import yaml

import spec
from gateway.settings import Settings


def load_document() -> dict[str, Any]:
    """The contract as it stands in spec/openapi.yaml."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: dict[str, Any] = yaml.load(spec.read("openapi.yaml"), loader)  # noqa: S506 (both are safe loaders)
    return document


def served_document(settings: Settings) -> dict[str, Any]:
    """The contract with this service's own address in `servers`."""
    return {**load_document(), "servers": [{"url": settings.public_url, "description": "This service"}]}
