"""The body of a request, as its operation takes it."""

from collections.abc import Mapping
from typing import Any

from starlette.types import Receive

from gateway.http.accept import check_accept
from gateway.http.bodies import (
    MAX_BODY,
    check_content_type,
    check_length,
    names_no_body,
    parse_form,
    parse_json,
    read_body,
)
from gateway.validation import check, compile_schema

_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"


class BodyReader:
    """Of one operation. `most` is how many bytes it takes, `expected` whether it takes any body."""

    __slots__ = ("_answers_events", "_media_type", "_required", "_schema", "expected", "most")

    def __init__(self, spec: Mapping[str, Any], *, answers_events: bool) -> None:
        described = spec.get("requestBody", {})
        content: Mapping[str, Any] = described.get("content", {})
        self.expected = bool(content)
        self.most: int = spec.get("x-max-bytes", MAX_BODY)
        self._schema = compile_schema(next(iter(content.values()))["schema"]) if content else None
        self._media_type = _FORM if _FORM in content else _JSON
        self._required: bool = described.get("required", False)
        self._answers_events = answers_events

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive, most: int) -> bytes:
        """The body as it came. Raises what `gateway.http.bodies` raises, and NotAcceptable."""
        if not self._required and names_no_body(headers):
            # Only a chunked body can still turn out to be one.
            if body := await read_body(receive, most):
                check_content_type(None)
            return body
        check_content_type(headers.get(b"content-type"), self._media_type)
        if self._answers_events:
            check_accept(headers.get(b"accept"))
        check_length(headers.get(b"content-length"), most)
        return await read_body(receive, most)

    def parse(self, body: bytes) -> Any:
        """Its value, as the contract has it. Raises InvalidRequest."""
        if not body and not self._required:
            return {}
        value = parse_form(body) if self._media_type == _FORM else parse_json(body)
        assert self._schema is not None
        check(self._schema, value, "body")
        return value
