"""What an operator may write into an auth config, beyond the contract's schema, and what of it is shown."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
from sqlalchemy import Row

from gateway.errors import InvalidRequest
from gateway.outbound.guard import Guard

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# The contract's own rules (spec/openapi.yaml, CreateAuthConfig), for those who come by the command line.
_TEXTS = {"clientId": r"[ -~]{1,1024}", "clientSecret": r"[ -~]{1,4096}", "name": r"[^\0]{1,100}"}
_SCOPE = r"[!#-\[\]-~]{1,512}"
_MOST = {"scopes": 200, "userScopes": 200, "redirectUris": 20}
_PRINTABLE = re.compile(r"[!-~]{1,2048}")


def callback_url(public_url: str, connector_id: str) -> str:
    """The redirect URI that the operator registers at the platform."""
    return f"{public_url}/api/strategy/connector/{quote(connector_id, safe='')}/callback"


def check_values(values: Mapping[str, Any]) -> None:
    """Raise InvalidRequest where a text is too long, or an address of an auth config must not be used."""
    for name, pattern in _TEXTS.items():
        if values.get(name) is not None and not re.fullmatch(pattern, values[name], re.DOTALL):
            raise InvalidRequest.of(name, "pattern", f"{name} must match {pattern}")
    for name, most in _MOST.items():
        if len(values.get(name) or ()) > most:
            raise InvalidRequest.of(name, "maxItems", f"{name} can be {most} at most")
    if not all(re.fullmatch(_SCOPE, scope) for name in ("scopes", "userScopes") for scope in values.get(name) or ()):
        raise InvalidRequest.of("scopes", "pattern", f"a scope must match {_SCOPE}")
    for name in ("authorizationUrl", "tokenUrl"):
        if values.get(name) is not None:
            _check_absolute(values[name], name)
            _check_secure(values[name], name)
    for uri in values.get("redirectUris") or ():
        _check_secure(uri, "redirectUris")


def check_secret(method: str | None, *, has_secret: bool) -> None:
    """Raise InvalidRequest where a client that proves itself by a secret has none, or one that has none is given one.

    Without a method, which is then the connector's, who has no secret is a public client.
    """
    if has_secret and method == "none":
        raise InvalidRequest.of(
            "clientSecret",
            "forbidden",
            "clientSecret must not be given, or be null, where tokenEndpointAuthMethod is none",
        )
    if not has_secret and method in ("client_secret_basic", "client_secret_post"):
        raise InvalidRequest.of(
            "clientSecret", "required", f"clientSecret is required where tokenEndpointAuthMethod is {method}"
        )


def check_endpoint(url: str, guard: Guard, name: str) -> None:
    """An address of an authorization server as it is asked, an auth config's or a document's: https, or http at an
    address that the operator opened.

    Raises InvalidRequest: plain http would show codes, tokens and the client's secret to everybody between.
    """
    parts = _check_absolute(url, name)
    if parts.scheme != "https" and not (parts.scheme == "http" and _opened(parts.hostname, guard)):
        raise InvalidRequest.of(
            name, "https", f"{name} must be https (http only at a loopback address, or one in TOOLGATE_EGRESS_ALLOW)"
        )


def check_redirect(uri: str | None, registered: Sequence[str], public_url: str) -> None:
    """Raise InvalidRequest unless a person may be sent there: exactly a registered address, or one of this service."""
    if uri is None or uri in registered:
        return
    parts, own = _parts(uri, "redirectUri"), urlsplit(public_url)
    if (parts.scheme, parts.netloc) != (own.scheme, own.netloc):
        raise InvalidRequest.of(
            "redirectUri",
            "registered",
            "redirectUri must be, to the letter, one of the redirectUris of the auth config, or lead to this service; "
            "an operator adds it to the auth config",
        )


def public(row: Row[Any], public_url: str) -> dict[str, Any]:
    """The schema `AuthConfig` of the contract: everything but the secret."""
    optional = {
        "tokenEndpointAuthMethod": row.token_endpoint_auth_method,
        "scopes": None if row.scopes is None else orjson.loads(row.scopes),
        "authorizationUrl": row.authorization_url,
        "tokenUrl": row.token_url,
    }
    return {
        "authConfigId": row.auth_config_id,
        "connectorId": row.connector_id,
        "name": row.name,
        "clientId": row.client_id,
        "hasClientSecret": row.sealed is not None,
        "userScopes": orjson.loads(row.user_scopes),
        "redirectUris": orjson.loads(row.redirect_uris),
        "isDefault": row.is_default,
        "callbackUrl": callback_url(public_url, row.connector_id),
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        **{name: value for name, value in optional.items() if value is not None},
    }


def _check_absolute(url: str, name: str) -> Any:
    parts = _parts(url, name)
    if "{" in url or not parts.hostname:
        raise InvalidRequest.of(name, "url", f"{name} must be an absolute URL without {{placeholders}}")
    return parts


def _check_secure(url: str, name: str) -> None:
    """What an auth config may hold, whoever stores it: the contract's pattern says the same."""
    parts = _parts(url, name)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise InvalidRequest.of(name, "https", f"{name} must be https (http only on loopback)")


def _parts(url: str, name: str) -> Any:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise InvalidRequest.of(name, "url", f"{name} must be an absolute URL") from None
    if not _PRINTABLE.fullmatch(url) or "\\" in url or not parts.scheme or not parts.hostname:
        raise InvalidRequest.of(name, "url", f"{name} must be an absolute URL, percent-encoded")
    if parts.username is not None or "#" in url:
        raise InvalidRequest.of(name, "url", f"{name} must have neither a user nor a fragment")
    return parts


def _opened(host: str, guard: Guard) -> bool:
    if host in _LOOPBACK:
        return True
    return guard.permits(host) and not Guard().permits(host)
