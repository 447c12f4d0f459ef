"""A page of a list as JSON lines, for whoever asks for them by `Accept: application/x-ndjson`."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from gateway.http.accept import weights_of
from gateway.http.answers import Answer
from gateway.http.headers import Header

JSON_LINES = "application/x-ndjson"


def wants_lines(headers: Mapping[bytes, bytes]) -> bool:
    """Whether they are named, and no less welcome than a JSON object. Who takes anything gets the object."""
    accept = headers.get(b"accept")
    if accept is None or JSON_LINES.encode() not in accept.lower():
        return False
    weights = weights_of(accept)
    return weights.get(JSON_LINES, 0) > 0 and weights[JSON_LINES] >= weights.get("application/json", 0)


def lines(rows: Iterable[Mapping[str, Any]], following: str | None) -> Answer:
    """One line for each row; `following` is the URL of the next page (RFC 8288), None: this is the last."""
    headers: list[Header] = [(b"cache-control", b"no-store")]
    if following is not None:
        headers.append((b"link", f'<{following}>; rel="next"'.encode()))
    body = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    return Answer(body, content_type=JSON_LINES.encode(), headers=headers)
