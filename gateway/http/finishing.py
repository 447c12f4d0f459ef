"""What a handler returned, checked against the contract and encoded."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.errors import InternalError
from gateway.http.answers import JSON, Answer, Finished
from gateway.http.headers import JSON_ANSWER
from gateway.validation import compile_schema, explain


class Finisher:
    """Of one operation: its success status, and a validator for each status that it documents."""

    __slots__ = ("_operation_id", "_success", "_validators")

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._operation_id: str = spec["operationId"]
        self._validators = {}
        for status, response in spec["responses"].items():
            schema = response.get("content", {}).get("application/json", {}).get("schema")
            if schema is not None:
                self._validators[int(status)] = compile_schema(schema)
        # A form is answered by a redirect (RFC 9110, section 15.4.4).
        self._success = min(int(status) for status in spec["responses"] if status[0] in "23")

    def finish(self, result: Any) -> Finished:
        """The answer as it is sent. Raises InternalError where it is not what the contract says."""
        body, status, headers = result, self._success, JSON_ANSWER
        if isinstance(result, Answer):
            body, status = result.body, result.status or self._success
            if result.content_type is not JSON:
                headers = ((b"content-type", result.content_type),)
            headers = (*headers, *result.headers)
        if body is None:
            # Nothing has no type; the rest stands.
            return Finished(status, b"", [header for header in headers if header[0] != b"content-type"])
        if isinstance(body, bytes):
            encoded = body
        else:
            validator = self._validators.get(status)
            if validator is not None and not validator.is_valid(body):
                problem = explain(next(iter(validator.iter_errors(body))), "answer")
                raise InternalError(
                    "The answer would have broken our own contract; the log says how",
                    internal=f"{self._operation_id} {status}: {problem.message}",
                )
            encoded = orjson.dumps(body)
        return Finished(status, encoded, [*headers])
