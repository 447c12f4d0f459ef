"""Where a request goes: the base URL with its fields filled in, and the path with its values."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NoReturn

from gateway.catalog.model import Action, Connector, Field, Parameter
from gateway.catalog.servers import check
from gateway.credentials.model import Secret
from gateway.credentials.oauth import instance
from gateway.errors import InvalidRequest
from gateway.execution import styles
from gateway.execution.plan import Placeholder, Plan

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# Kinds of credential whose token a platform gave for calls at an address that it may have named.
_FETCHED = frozenset({"oauth2", "clientCredentials"})
# One or more host labels (RFC 1123, section 2.1): whatever a field's pattern says, it cannot end the host.
_LABELS = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


def server(connector: Connector, action: Action, secret: Secret | None) -> str:
    """The server that an action is called at: its own, else the connector's, or what counts for a token of OAuth there:
    the instance that the platform named for it, or the address that the document has for such tokens.

    Raises InvalidRequest.
    """
    data: Mapping[str, str] = secret.data if secret is not None else {}
    if action.server is not None:
        return base(connector, action.server, data)
    if secret is not None and secret.authentication_type in _FETCHED:
        if "instanceUrl" in data:
            return _at_instance(connector, data)
        if (url := instance.token_base(connector)) is not None:
            # What stands in it is no field that people fill in, but what the platform said of the token's tenant.
            return _filled(url, lambda name: _told(name, data))
    return base(connector, connector.base_url, data)


def base(connector: Connector, url: str, data: Mapping[str, str]) -> str:
    """A server URL with its `{field}`s filled from a credential's data. Raises InvalidRequest."""
    if "{" not in url:
        return url
    fields = {field.name: field for field in connector.fields}
    return _filled(url, lambda name: field_value(fields, name, data))


def _at_instance(connector: Connector, data: Mapping[str, str]) -> str:
    # Judged again, because the document may be another one than when the platform named it.
    origin = instance.accepted(connector, data["instanceUrl"])
    if origin is None:
        _refuse_field("instanceUrl", "it is no address of this platform: connect it again")
    fields = {field.name: field for field in connector.fields}
    path = connector.base_url.partition("://")[2].partition("/")[2]
    return _filled(f"{origin}/{path}".rstrip("/"), lambda name: field_value(fields, name, data))


def _told(name: str, data: Mapping[str, str]) -> str:
    value = data.get(name)
    if value is None:
        _refuse_field(name, "the credential does not hold it: connect it again")
    return value


def _filled(url: str, value_of: Callable[[str], str]) -> str:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")

    def in_host(match: re.Match[str]) -> str:
        value = value_of(match[1])
        if not _LABELS.fullmatch(value):
            _refuse_field(match[1], "it must be part of a host name")
        return value

    host = _PLACEHOLDER.sub(in_host, host)
    path = _PLACEHOLDER.sub(lambda match: segment(value_of(match[1]), f"credential.{match[1]}"), path)
    return f"{scheme}://{host}{slash}{path}"


def filled(connector: Connector, text: str, data: Mapping[str, str]) -> str:
    """A text with its `{field}`s filled as they are. Raises InvalidRequest."""
    if "{" not in text:
        return text
    fields = {field.name: field for field in connector.fields}
    return _PLACEHOLDER.sub(lambda match: field_value(fields, match[1], data), text)


def field_value(fields: Mapping[str, Field], name: str, data: Mapping[str, str]) -> str:
    """A field's value from a credential, or its default; checked against its pattern. Raises InvalidRequest."""
    field = fields.get(name)
    if field is None:
        _refuse_field(name, "the connector does not describe it")
    value = data.get(name, field.default)
    if value is None:
        _refuse_field(name, "the credential does not hold it: store the credential again")
    if not re.fullmatch(field.pattern, value):
        _refuse_field(name, f"the credential's value does not match {field.pattern}")
    return value


@lru_cache(maxsize=256)
def overriding(url: str) -> str:
    """A base URL that takes the connector's place, checked as a document's server is. Raises InvalidRequest."""
    return check(url, "baseUrl", {})


def path(plan: Plan, connector: Connector, values: Mapping[str, Any], data: Mapping[str, str]) -> str:
    """The path of a request, its values percent-encoded (RFC 3986, section 3.3).

    No value can add, remove or step over a segment: slashes are encoded, unless the parameter may have several
    segments, and `.` and `..` are refused. Raises InvalidRequest that names the parameter.
    """
    pieces = plan.path
    if len(pieces) == 1 and isinstance(pieces[0], str):
        return pieces[0]
    written: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            written.append(piece)
        elif isinstance(piece, Placeholder):
            fields = {field.name: field for field in connector.fields}
            written.append(segment(field_value(fields, piece.name, data), f"credential.{piece.name}"))
        else:
            written.append(_value(piece, values[piece.name]))
    found = "".join(written)
    # Values of two parameters, or a value and a dot of the template, may meet in one segment.
    if "." in found and not {".", ".."}.isdisjoint(found.split("/")):
        names = ", ".join(piece.name for piece in pieces if not isinstance(piece, str))
        raise InvalidRequest.of("parameters", "segment", f"{names}: the path must not have the segments . and ..")
    return found


def segment(value: str, field: str) -> str:
    """One segment of a path, or a part of one, encoded. `field` is what the caller calls it. Raises InvalidRequest."""
    if not value:
        _refuse(field, "minLength", "must not be empty: it is part of the path")
    if "." in value and not {".", ".."}.isdisjoint(re.split(r"[/\\]", value)):
        _refuse(field, "segment", "must not be or hold the segments . and ..")
    return styles.encoded(value)


def _value(parameter: Parameter, value: Any) -> str:
    field = f"parameters.{parameter.name}"
    if isinstance(value, str) and parameter.style == "simple" and parameter.media_type is None:
        return _segments(value, field) if parameter.multi_segment else segment(value, field)
    if value is None or value in ([], {}):
        _refuse(field, "minLength", "must not be empty: it is part of the path")
    return styles.path(parameter, value, lambda part: segment(part, field))


def _segments(value: str, field: str) -> str:
    parts = value.split("/")
    if "" in parts:
        _refuse(field, "segment", "must not be empty, begin or end with a slash, or have two in a row")
    return "/".join(segment(part, field) for part in parts)


def _refuse(field: str, rule: str, sentence: str) -> NoReturn:
    raise InvalidRequest.of(field, rule, f"{field} {sentence}")


def _refuse_field(name: str, why: str) -> NoReturn:
    raise InvalidRequest.of(f"credential.{name}", "field", f"The field {name} cannot be used: {why}.")
