"""Where a credential goes in a request. It is put there last, over whatever stands in its place."""

import base64
import re
from dataclasses import dataclass, field
from typing import NoReturn

import orjson

from gateway.catalog.model import Action, Authentication, Connector
from gateway.credentials.model import Secret
from gateway.errors import CredentialNotFound, InvalidRequest
from gateway.execution.styles import encoded

# Which part of a credential's data is the secret.
_SECRET_OF = {"apiKey": "apiKey", "bearer": "token", "oauth2": "token"}
# What a credential of OAuth holds beside its secrets.
_OPEN = frozenset({"scope", "tokenType", "instanceUrl", "accountsServer", "clientId"})
# A shorter password is none: it stands there because a platform takes any.
_SHORTEST_PASSWORD = 6
_TOKENS = frozenset({"bearer", "oauth2", "clientCredentials"})
_KEYS = frozenset({*_SECRET_OF.values(), "password", "refreshToken", "clientSecret"})
# A key as it is often pasted: "Bearer abc", "Token abc".
_WITH_SCHEME = re.compile(r"[A-Za-z-]{3,20} +\S+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(slots=True)
class Placed:
    """What a credential adds to a request: headers, query parameters, and cookies as they stand in the header."""

    headers: dict[str, str] = field(default_factory=dict)
    query: list[tuple[str, str]] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)


def place(connector: Connector, action: Action, secret: Secret | None) -> Placed:
    """What the action's way for this kind of credential adds.

    Raises CredentialNotFound where the connector wants a credential and there is none, and InvalidRequest where the
    credential is of a kind that the connector does not take, or cannot stand in a request; neither shows its value.
    """
    ways = connector.ways_of(action)
    if not ways or (secret is None and action.credential_optional):
        return Placed()
    if secret is None:
        raise CredentialNotFound("Credential not found", details={"connectorId": connector.connector_id})
    way = _way(connector, ways, secret.authentication_type)
    placed = Placed()
    if way.type == "basic":
        placed.headers["Authorization"] = f"Basic {_basic(secret)}"
    else:
        _put(placed, way.location, way.name, _prefixed(way, _part(secret, _SECRET_OF[way.type])))
    for companion in connector.fields:
        if companion.location != "url":
            value = secret.data.get(companion.name, companion.default)
            if value is None:
                _refuse(companion.name, "the credential does not hold it: store the credential again")
            _put(placed, companion.location, companion.name, _clean(value, companion.name))
    return placed


def spellings(connector: Connector, secret: Secret | None, *, keys_only: bool = False) -> list[str]:
    """The texts that must not be passed on where a platform repeats them, in the encodings of requests and JSON.

    Fields of the base URL are no secrets unless they say so, and neither is a user's name, unless the password is too
    short to be one: some platforms take a key for the name, and any password. With `keys_only`, other fields that do
    not say that they are secret are none either: a tenant's id is part of what a platform has to say.
    """
    if secret is None:
        return []
    secrets = {field.name for field in connector.fields if field.secret}
    open_names = {field.name for field in connector.fields if field.location == "url"}
    if secret.authentication_type in ("oauth2", "clientCredentials"):
        open_names |= _OPEN
    open_names -= secrets
    keys = _KEYS | secrets
    if len(secret.data.get("password", "")) >= _SHORTEST_PASSWORD:
        open_names.add("username")
    else:
        keys |= {"username"}
    if keys_only:
        open_names |= secret.data.keys() - keys
    found = [value.strip() for name, value in secret.data.items() if name not in open_names and value.strip()]
    # Of "Token abc" a platform may repeat the key alone.
    found += [value.split(None, 1)[1] for value in found if _WITH_SCHEME.fullmatch(value)]
    encoded_too = [spelled for value in found for spelled in (encoded(value), orjson.dumps(value)[1:-1].decode())]
    if {"username", "password"} <= secret.data.keys():
        encoded_too.append(_basic(secret))
    # The longest first: a part that is replaced must not save the whole from being found.
    return sorted({*found, *encoded_too}, key=len, reverse=True)


def _way(connector: Connector, ways: tuple[Authentication, ...], kind: str) -> Authentication:
    for way in ways:
        if way.type == kind:
            return way
    # A token is a token, whoever fetched it.
    for taken in ("oauth2", "bearer"):
        for way in ways:
            if way.type == taken and kind in _TOKENS:
                return way
    raise InvalidRequest.of(
        "credentialId", "type", f"{connector.name} does not take credentials of the type {kind[:40]} here."
    )


def _prefixed(way: Authentication, value: str) -> str:
    prefix = _prefix(way)
    # Pasted whole, it is not to stand there twice: keys themselves have no spaces.
    return value if prefix.endswith(" ") and _WITH_SCHEME.fullmatch(value) else prefix + value


def _prefix(way: Authentication) -> str:
    if way.prefix or way.type == "apiKey" or way.name.lower() != "authorization" or way.location != "header":
        return way.prefix
    return "Bearer "


def _put(placed: Placed, location: str, name: str, value: str) -> None:
    if location == "query":
        placed.query.append((name, value))
    elif location == "cookie":
        if re.search(r'[;,\s"\\]', value):
            _refuse(name, "it has a character that cannot stand in a cookie")
        placed.cookies.append(f"{name}={value}")
    else:
        placed.headers[name] = value


def _basic(secret: Secret) -> str:
    username, password = _part(secret, "username"), _part(secret, "password", may_be_empty=True)
    if ":" in username:
        # RFC 7617, section 2: the first colon ends the user name.
        _refuse("username", "it must not hold a colon")
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def _part(secret: Secret, name: str, *, may_be_empty: bool = False) -> str:
    value = secret.data.get(name)
    if not isinstance(value, str) or not (value.strip() or may_be_empty):
        _refuse(name, "the credential does not hold it: store the credential again")
    return _clean(value, name)


def _clean(value: str, name: str) -> str:
    # Keys are pasted, often with the end of their line.
    value = value.strip()
    if _CONTROL.search(value) or not value.isprintable():
        _refuse(name, "it has control characters")
    return value


def _refuse(name: str, why: str) -> NoReturn:
    raise InvalidRequest.of(f"credential.{name}", "credential", f"The credential cannot be used: {name}: {why}.")
