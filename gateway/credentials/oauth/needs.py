"""Which of a connector's fields a person is asked for before a sign-in, and which the sign-in itself fills."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from gateway.catalog.model import Connector, Field
from gateway.credentials.oauth.provider import PLACEHOLDER, Provider
from gateway.errors import InvalidRequest


def asked(connector: Connector, provider: Provider) -> Iterator[tuple[Field, bool]]:
    """The fields to ask for, and whether each must be given: those without a default that nothing else fills."""
    filled = {*provider.callback_fields.values(), *((provider.tenant.field,) if provider.tenant else ())}
    before = _named(provider.authorization_url or "", provider.token_url, provider.revocation_url or "")
    used = _named(*connector.headers.values(), *(action.path for action in connector.actions.values()))
    # What only stands in a server's URL is not needed where calls go elsewhere: the answer says where, or `baseUrl`.
    if provider.base_url is None and provider.instance_url_field is None:
        used |= _named(connector.base_url)
    elif provider.base_url is not None:
        used |= _named(provider.base_url)
    for field in connector.fields:
        if field.name not in filled:
            needed = field.location != "url" or field.name in before or field.name in used
            yield field, needed and field.default is None


def checked(connector: Connector, provider: Provider, data: Mapping[str, str], where: str) -> dict[str, str]:
    """The fields of a sign-in that begins, with their defaults. Raises InvalidRequest that names field and rule."""
    fields = {field.name: (field, needed) for field, needed in asked(connector, provider)}
    for name in data:
        if name not in fields:
            takes = ", ".join(fields) or "nothing: the sign-in gives the token"
            raise InvalidRequest.of(f"{where}.{name[:100]}", "unknown", f"{where} takes {takes}")
    found: dict[str, str] = {}
    for name, (field, needed) in fields.items():
        value = data.get(name, field.default)
        if value is None and not needed:
            continue
        if value is None or not re.fullmatch(field.pattern, value):
            raise missing_or_wrong(field, where, value)
        found[name] = value
    return found


def missing_or_wrong(field: Field, where: str, value: str | None) -> InvalidRequest:
    """What is said where a field is not given (None), or does not match its pattern; never the value."""
    rule, said = ("required", "is required") if value is None else ("pattern", "is not what it takes")
    about = (field.description or field.title).rstrip(".")
    example = f", for example {field.example}" if field.example else ""
    return InvalidRequest.of(f"{where}.{field.name}", rule, f"{where}.{field.name} {said}: {about}{example}")


def from_url(connector: Connector, url: str) -> dict[str, str]:
    """The fields that a server's URL tells, such as an instance URL or the address of a tenant; none where it differs
    from the connector's own.
    """
    fields = {field.name: field for field in connector.fields}
    own, given = urlsplit(connector.base_url), urlsplit(url)
    pieces = re.split(r"(\{[^{}]*\})", own.netloc)
    pattern = "".join(f"(?P<f{i}>.+?)" if piece[:1] == "{" else re.escape(piece) for i, piece in enumerate(pieces))
    match = re.fullmatch(pattern, given.netloc, re.IGNORECASE)
    if match is None or own.scheme != given.scheme:
        return {}
    found = {piece[1:-1]: match[f"f{i}"] for i, piece in enumerate(pieces) if piece[:1] == "{"}
    right = all(name in fields and re.fullmatch(fields[name].pattern, value) for name, value in found.items())
    return found if right else {}


def _named(*texts: str) -> set[str]:
    return {name for text in texts for name in PLACEHOLDER.findall(text)}
