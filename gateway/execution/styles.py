"""Parameter values as text (OpenAPI 3.0.3, "Style Values"; RFC 6570), percent-encoded where their place wants it.

Where the specification leaves something open: arrays and objects inside an object of `deepObject` go on in brackets,
arrays with their indices (`filter[ids][0]=a`); values nested deeper than another style can say are JSON; an empty
array or object of a query is left out; a cookie's array is joined by an encoded comma. `label` without `explode` joins
by commas, as RFC 6570 and OpenAPI 3.0.4 have it (3.0.3 showed dots).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

import orjson

from gateway.catalog.model import Parameter
from gateway.errors import InvalidRequest

# Reserved characters that `allowReserved` lets through. The delimiters of a query stay encoded all the same:
# a value must not become a second parameter.
_RESERVED = ":/?@!$'()*,;="
_DELIMITERS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}


def text(value: Any) -> str:
    """A value as it is written outside JSON: `true`, `5`, `2.5`; containers as JSON, null as nothing."""
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    if isinstance(value, (dict, list)):
        return json_text(value)
    return str(value)


def json_text(value: Any) -> str:
    return orjson.dumps(value).decode()


def encoded(value: str, safe: str = "") -> str:
    """Percent-encoded, so that only unreserved characters and those of `safe` stand as they are (RFC 3986, 2.3)."""
    return quote(value, safe=safe)


def query(parameter: Parameter, value: Any) -> list[str]:
    """A query parameter as its encoded `name=value` pairs; none for null."""
    if value is None:
        return []
    name = encoded(parameter.name)
    safe = _RESERVED if parameter.allow_reserved else ""
    if parameter.media_type is not None:
        return [f"{name}={encoded(json_text(value))}"]
    if not isinstance(value, (dict, list)):
        return [f"{name}={encoded(text(value), safe)}"]
    if parameter.style == "deepObject":
        return [f"{encoded(key)}={encoded(item, safe)}" for key, item in brackets(parameter.name, value)]
    if isinstance(value, dict):
        if parameter.explode and parameter.style == "form":
            return [f"{encoded(key)}={encoded(text(item), safe)}" for key, item in value.items()]
        value = [part for pair in value.items() for part in pair]
    elif parameter.explode:
        return [f"{name}={encoded(text(item), safe)}" for item in value]
    return [f"{name}={_delimited(parameter, value, safe)}"] if value else []


def _delimited(parameter: Parameter, items: list[Any], safe: str) -> str:
    delimiter = _DELIMITERS[parameter.style]
    texts = [text(item) for item in items]
    if delimiter == ",":
        return ",".join(encoded(item, safe.replace(",", "")) for item in texts)
    # Encoded, the delimiter and the same character in an item look alike (OpenAPI 3.0.4, "Style Values").
    if any(unquote(delimiter) in item for item in texts):
        field = f"parameters.{parameter.name}"
        raise InvalidRequest.of(field, "delimiter", f"{field} must not hold {unquote(delimiter)!r} in its items")
    return delimiter.join(encoded(item, safe) for item in texts)


def brackets(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """`("filter[ids][0]", "a")`, ...: the leaves of a value, in brackets as Stripe, Rails and PHP read them."""
    if isinstance(value, Mapping):
        for inner, child in value.items():
            yield from brackets(f"{name}[{inner}]", child)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from brackets(f"{name}[{index}]", child)
    else:
        yield name, text(value)


def path(parameter: Parameter, value: Any, encode: Callable[[str], str]) -> str:
    """A path parameter, each of its parts encoded by `encode`."""
    if parameter.media_type is not None:
        return encode(json_text(value))
    exploded = parameter.explode
    if isinstance(value, dict):
        pairs = [(encode(text(key)), encode(text(item))) for key, item in value.items()]
        parts = [f"{key}={item}" for key, item in pairs] if exploded else [part for pair in pairs for part in pair]
    elif isinstance(value, list):
        parts = [encode(text(item)) for item in value]
    else:
        parts = [encode(text(value))]
    if parameter.style == "label":
        return "." + ("." if exploded else ",").join(parts)
    if parameter.style != "matrix":
        return ",".join(parts)
    name = encoded(parameter.name)
    if exploded and isinstance(value, dict):
        return "".join(f";{part}" for part in parts)
    return "".join(f";{name}={part}" for part in parts) if exploded else f";{name}={','.join(parts)}"


def header(parameter: Parameter, value: Any) -> str:
    """A header parameter's field value, not encoded: whoever sends it checks its characters."""
    if parameter.media_type is not None:
        # Escaped, as fields are best kept to ASCII (RFC 9110, section 5.5); it is the same JSON.
        return json.dumps(value, separators=(",", ":")).replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        if parameter.explode:
            return ",".join(f"{key}={text(item)}" for key, item in value.items())
        value = [part for pair in value.items() for part in pair]
    return ",".join(text(item) for item in value) if isinstance(value, list) else text(value)


def cookie(parameter: Parameter, value: Any) -> str:
    """A cookie parameter as `name=value`, encoded so that it stays one cookie (RFC 6265, section 4.1.1)."""
    name = encoded(parameter.name)
    if parameter.media_type is not None:
        return f"{name}={encoded(json_text(value))}"
    if isinstance(value, dict):
        value = [part for pair in value.items() for part in pair]
    return f"{name}={encoded(','.join(map(text, value)) if isinstance(value, list) else text(value))}"
