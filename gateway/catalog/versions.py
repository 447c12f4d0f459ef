"""Which documents are taken. A converter for another version stands in front of this check."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.catalog.problems import DocumentError

_TAKEN = re.compile(r"3\.[01](?:\.[0-9]+)?(?:-.+)?")


def check_version(document: Mapping[str, Any]) -> None:
    """Raise DocumentError unless this is OpenAPI 3.0 or 3.1."""
    if "swagger" in document:
        raise _refused("#/swagger", f"Swagger {_shown(document['swagger'])}")
    if "openapi" not in document:
        raise DocumentError("#", "openapi", "this is no OpenAPI document: it does not say which `openapi` it follows.")
    version = document["openapi"]
    if not isinstance(version, str) or not _TAKEN.fullmatch(version):
        raise _refused("#/openapi", f"OpenAPI {_shown(version)}")


def _refused(place: str, version: str) -> DocumentError:
    return DocumentError(place, "version", f"{version} is not taken; OpenAPI 3.0 and 3.1 are.")


def _shown(version: Any) -> str:
    return str(version)[:20]
