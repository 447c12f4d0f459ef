"""What a document says of an operation's answer."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.catalog.documents.pointers import followed
from gateway.catalog.model import Schema

_MOST_ACCEPTED = 10
# Without parameters: a range stands for what is meant by most of them.
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}|[a-z]{1,20}/\*")


def schema(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Schema | None:
    """The schema of the first 2xx answer in JSON (OpenAPI 3.0.3, Responses Object); None where none is described.

    What is wrong with it is passed over: an answer's schema only helps to read the answer.
    """
    for name, media in _media(document, operation):
        if _is_json(name) and isinstance(media, Mapping):
            found = media.get("schema")
            return found if isinstance(found, Mapping) and found else None
    return None


def accept(document: Mapping[str, Any], operation: Mapping[str, Any]) -> str | None:
    """The field value of `Accept` for an operation that answers in something else than JSON; None for the others.

    The media types of the 2xx answers, as the document orders them: some servers answer 406, or something that is not
    the file, where only JSON is asked for by name.
    """
    names = list(dict.fromkeys(name.strip().lower() for name, _ in _media(document, operation)))
    named = [name for name in names if _MEDIA_TYPE.fullmatch(name)]
    if not named or any(_is_json(name) for name in names):
        return None
    return ", ".join([*named[:_MOST_ACCEPTED], "application/json;q=0.9", "*/*;q=0.8"])


def _media(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The media types of the 2xx answers with their objects."""
    responses = operation.get("responses")
    if not isinstance(responses, Mapping):
        return
    for status in sorted(status for status in map(str, responses) if status[:1] == "2"):
        response = followed(document, responses.get(status, responses.get(_number(status))))
        content = response.get("content") if isinstance(response, Mapping) else None
        yield from ((str(name), media) for name, media in (content if isinstance(content, Mapping) else {}).items())


def _is_json(name: str) -> bool:
    return name.partition(";")[0].strip().lower().endswith("json")


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
