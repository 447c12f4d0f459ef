"""Which documents are taken: OpenAPI 3.0 to 3.2 as they are, Swagger 2.0 once it is converted."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.catalog.documents.problems import DocumentError

_TAKEN = re.compile(r"3\.[012](?:\.[0-9]+)?(?:-.+)?")


def check_version(document: Mapping[str, Any]) -> None:
    """Raise DocumentError unless this is Swagger 2.0, or OpenAPI 3.0, 3.1 or 3.2."""
    if is_swagger(document):
        return
    if "swagger" in document:
        raise _refused("#/swagger", f"Swagger {_shown(document['swagger'])}")
    if "openapi" not in document:
        raise DocumentError("#", "openapi", "this is no OpenAPI document: it does not say which `openapi` it follows.")
    version = document["openapi"]
    # YAML makes a number of `3.1`.
    if not _TAKEN.fullmatch(str(version)):
        raise _refused("#/openapi", f"OpenAPI {_shown(version)}")


def is_swagger(document: Mapping[str, Any]) -> bool:
    """Whether this is Swagger 2.0. In YAML its version is often a number."""
    return str(document.get("swagger")) in ("2.0", "2") and "openapi" not in document


def _refused(place: str, version: str) -> DocumentError:
    return DocumentError(place, "version", f"{version} is not taken; Swagger 2.0 and OpenAPI 3.0, 3.1 and 3.2 are.")


def _shown(version: Any) -> str:
    return str(version)[:20]
