"""What a document says of an operation's answer."""

from collections.abc import Mapping
from typing import Any

from gateway.catalog.model import Schema
from gateway.catalog.pointers import followed


def schema(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Schema | None:
    """The schema of the first 2xx answer in JSON (OpenAPI 3.0.3, Responses Object); None where none is described.

    What is wrong with it is passed over: an answer's schema only helps to read the answer.
    """
    responses = operation.get("responses")
    if not isinstance(responses, Mapping):
        return None
    for status in sorted(status for status in map(str, responses) if status[:1] == "2"):
        response = followed(document, responses.get(status, responses.get(_number(status))))
        content = response.get("content") if isinstance(response, Mapping) else None
        for name, media in content.items() if isinstance(content, Mapping) else ():
            if str(name).partition(";")[0].strip().lower().endswith("json") and isinstance(media, Mapping):
                found = media.get("schema")
                return found if isinstance(found, Mapping) and found else None
    return None


def structured(document: Mapping[str, Any], answer: Schema | None) -> Schema | None:
    """Of the schema of a result of MCP, that of its `structuredContent`, where each result must have it; else None."""
    found = followed(document, answer)
    required = found.get("required") if isinstance(found, Mapping) else None
    if not isinstance(required, list) or "structuredContent" not in required:
        return None
    properties = found.get("properties")
    inner = properties.get("structuredContent") if isinstance(properties, Mapping) else None
    return inner if isinstance(inner, Mapping) and inner else None


def _number(status: str) -> Any:
    # YAML reads an unquoted 200 as a number.
    return int(status) if status.isdigit() else status
