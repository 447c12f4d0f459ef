"""Path, query and header parameters of one operation: compiled once, strict, given by snake_case name."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from gateway.errors import InvalidRequest
from gateway.validation import Validator, check, compile_schema

_WHOLE = re.compile(r"-?[0-9]{1,19}\Z")
_MOST_QUERY_PARAMETERS = 100

RawHeaders = Iterable[tuple[bytes, bytes]]


def snake(name: str) -> str:
    """`serverId` and `x-alloy-userid` as Python names."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).replace("-", "_").lower()


def _integer(text: str) -> Any:
    # Not int(): that takes "+5", " 5", "1_0" and the digits of every script.
    return int(text) if _WHOLE.match(text) else text


def _boolean(text: str) -> Any:
    return {"true": True, "false": False}.get(text, text)


_CONVERSIONS: dict[str, Callable[[str], Any]] = {"integer": _integer, "boolean": _boolean}


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    argument: str
    required: bool
    default: Any
    convert: Callable[[str], Any] | None
    # None where every string is valid.
    validator: Validator | None
    wanted: bool
    # Stands for every parameter that is not declared.
    free: bool = False

    def read(self, text: str) -> Any:
        value = self.convert(text) if self.convert else text
        if self.validator is not None:
            check(self.validator, value, self.name)
        return value


class Parameters:
    """The path, query and header parameters of an operation.

    Headers that may be any string and that the handler does not ask for are the business of identity.
    """

    def __init__(self, declared: Collection[Mapping[str, Any]], wanted: Collection[str]) -> None:
        compiled = [(item["in"], _compile(item, wanted)) for item in declared]
        self._path = [parameter for place, parameter in compiled if place == "path"]
        self._query = {parameter.name: parameter for place, parameter in compiled if place == "query"}
        # An object whose properties stand in the query each by itself (OpenAPI 3.0.3, style form, explode): whatever
        # is not declared otherwise is one of them.
        free = [name for name, item in self._query.items() if item.free]
        self._rest = self._query.pop(free[0]) if free else None
        # Names of headers know no case (RFC 9110, section 5.1); ASGI gives them in lower case.
        self._headers = {
            parameter.name.lower().encode(): parameter
            for place, parameter in compiled
            if place == "header" and (parameter.wanted or parameter.validator is not None)
        }

    def read(self, path: Mapping[str, str], query: bytes, headers: RawHeaders) -> dict[str, Any]:
        """The handler's arguments. Raises InvalidRequest: unknown, repeated, missing or invalid parameters."""
        arguments = {}
        for parameter in self._path:
            value = parameter.read(path[parameter.name])
            if parameter.wanted:
                arguments[parameter.argument] = value
        if query or self._query or self._rest is not None:
            self._read_query(query, arguments)
        if self._headers:
            self._read_headers(headers, arguments)
        return arguments

    def _read_headers(self, headers: RawHeaders, arguments: dict[str, Any]) -> None:
        """A header that is given in several lines is one list (RFC 9110, section 5.3)."""
        for name, parameter in self._headers.items():
            lines = [value.strip(b" \t").decode("latin-1") for given, value in headers if given == name]
            if not lines and parameter.required:
                raise InvalidRequest.of(parameter.name, "required", f"{parameter.name} is required")
            value = parameter.read(", ".join(lines)) if lines else parameter.default
            if parameter.wanted:
                arguments[parameter.argument] = value

    def _read_query(self, query: bytes, arguments: dict[str, Any]) -> None:
        given = self._parse(query)
        if self._rest is not None:
            rest = {name: text for name, text in given.items() if name not in self._query}
            if self._rest.validator is not None:
                check(self._rest.validator, rest, self._rest.name)
            if self._rest.wanted:
                arguments[self._rest.argument] = rest
        for name in given:
            if name not in self._query and self._rest is None:
                raise InvalidRequest.of(name[:100], "unknown", f"{name[:100]} is not a parameter of this operation")
        for name, parameter in self._query.items():
            if name in given:
                value = parameter.read(given[name])
            elif parameter.required:
                raise InvalidRequest.of(name, "required", f"{name} is required")
            else:
                value = parameter.default
            if parameter.wanted:
                arguments[parameter.argument] = value

    def _parse(self, query: bytes) -> dict[str, str]:
        if not query:
            return {}
        try:
            pairs = parse_qsl(
                query.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=_MOST_QUERY_PARAMETERS,
            )
        except ValueError:  # not UTF-8, or too many
            raise InvalidRequest.of(
                "query",
                "encoding",
                f"query must be percent-encoded UTF-8 with at most {_MOST_QUERY_PARAMETERS} parameters",
            ) from None
        given: dict[str, str] = {}
        for name, text in pairs:
            if name in given:
                raise InvalidRequest.of(name[:100], "repeated", f"{name[:100]} is given more than once")
            given[name] = text
        return given


def _compile(item: Mapping[str, Any], wanted: Collection[str]) -> _Parameter:
    schema = item["schema"]
    argument = snake(item["name"])
    return _Parameter(
        name=item["name"],
        argument=argument,
        required=item.get("required", False),
        default=schema.get("default"),
        convert=_CONVERSIONS.get(schema.get("type")),
        validator=None if schema == {"type": "string"} else compile_schema(schema),
        wanted=argument in wanted,
        free=item["in"] == "query" and schema.get("type") == "object",
    )
