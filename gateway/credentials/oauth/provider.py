"""OAuth 2.0 at a platform, by its connector: the flow in `securitySchemes`, and `x-oauth` (docs/connectors.md)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from gateway.catalog.authentication import schemes
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.model import Connector
from gateway.catalog.servers import check
from gateway.errors import InvalidRequest

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# The name under which a credential keeps the token server that its platform named.
ACCOUNTS_SERVER = "accountsServer"
_LABELS = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_SEGMENT = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~@-]{1,512}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """The list to ask, after sign-in, which account is meant; each entry is a JSON object."""

    url: str
    # The field of the credential that the chosen entry's `id_property` fills.
    field: str
    id_property: str
    name_property: str
    # Compared with the server's URL; None: the person chooses.
    match_property: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Everything that is asked of, and said to, a platform's authorization server. URLs may hold `{field}`."""

    connector_id: str
    # None where the platform has only client credentials.
    authorization_url: str | None
    token_url: str
    refresh_url: str
    revocation_url: str | None = None
    # form (RFC 7009), or bearer: the access token that is to be void stands in `Authorization`, and nothing else.
    revocation_request: str = "form"
    # Scope -> what it means, in the order of the document.
    described: Mapping[str, str] = field(default_factory=dict, hash=False)
    scope_separator: str = " "
    scopes_set_in_app: bool = False
    # supported, required or none. Unknown counts as supported: who does not know the parameters ignores them.
    pkce: str = "supported"
    token_endpoint_auth_method: str = "client_secret_basic"  # noqa: S105 (RFC 6749, 2.3.1: every server takes it)
    # form or json.
    token_request_format: str = "form"  # noqa: S105 (a format)
    token_request_headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    authorize_parameters: Mapping[str, str] = field(default_factory=dict, hash=False)
    # reusable, rotating or none.
    refresh_token: str = "reusable"  # noqa: S105 (a way of life)
    instance_url_field: str | None = None
    accounts_server_parameter: str | None = None
    # A field's value -> the origin of the token server that serves it.
    accounts_servers: Mapping[str, str] = field(default_factory=dict, hash=False)
    # That field.
    accounts_server_field: str | None = None
    user_scope_parameter: str | None = None
    # A path of names with dots, as `authed_user.access_token`.
    user_token_field: str | None = None
    # Where calls go, if not to the document's server.
    base_url: str | None = None
    # Parameter of the redirect -> field of the credential.
    callback_fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    tenant: Tenant | None = None
    # Whether a token is given for the client alone (RFC 6749, section 4.4).
    client_credentials: bool = False

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for unless the operator says otherwise."""
        return tuple(self.described)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where a client's secret, or a token, is sent; as the document writes them."""
        return tuple(dict.fromkeys(url for url in (self.token_url, self.refresh_url, self.revocation_url) if url))

    def filled(self, fields: Mapping[str, str]) -> "Provider":
        """With a credential's fields in the URLs, and at the accounts server that they name.

        Raises InvalidRequest where a URL needs a field that is missing, or whose value cannot stand there.
        """
        server = self._accounts_server(fields)

        def at(url: str | None) -> str | None:
            return None if url is None else moved(_filled(url, fields), server)

        return replace(
            self,
            authorization_url=at(self.authorization_url),
            token_url=at(self.token_url) or "",
            refresh_url=at(self.refresh_url) or "",
            revocation_url=at(self.revocation_url),
        )

    def _accounts_server(self, fields: Mapping[str, str]) -> str | None:
        if not self.accounts_servers:
            return None
        named = fields.get(ACCOUNTS_SERVER)
        if named is None:
            return self.accounts_servers.get(fields.get(self.accounts_server_field or "", ""))
        if named not in self.accounts_servers.values():
            raise InvalidRequest.of(ACCOUNTS_SERVER, "enum", f"{ACCOUNTS_SERVER} is none of this platform's")
        return named


def provider_of(connector: Connector) -> Provider | None:
    """The connector's OAuth 2.0, or None where it has none that can be used: neither an authorization code nor a
    client credentials flow, URLs that are none, or no way to authenticate by which a token could be sent.
    """
    if not any(way.type in ("oauth2", "bearer") for way in connector.authentication):
        return None
    about = connector.document.get("x-connector")
    about = about if isinstance(about, Mapping) else {}
    for flows in _flows(connector, about):
        try:
            return _provider(connector, flows, about.get("x-oauth"))
        except DocumentError:
            continue
    return None


def _flows(connector: Connector, about: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The flows of the schemes that `x-connector` names, else of all: those with an authorization code first."""
    known = {
        name: scheme["flows"]
        for name, scheme in schemes(connector.document).items()
        if scheme.get("type") == "oauth2" and isinstance(scheme.get("flows"), Mapping)
    }
    ways = about.get("authentication")
    named = [way.get("scheme") for way in ways if way.get("type") == "oauth2"] if isinstance(ways, list) else None
    if named is not None and any(name is not None for name in named):
        known = {name: known[name] for name in named if name in known}
    elif named == [] and ways:
        return
    yield from sorted(known.values(), key=lambda flows: "authorizationCode" not in flows)


def _provider(connector: Connector, flows: Mapping[str, Any], said: Any) -> Provider:
    code, own = _flow(flows, "authorizationCode"), _flow(flows, "clientCredentials")
    flow = code or own
    if flow is None:
        raise DocumentError("#/components/securitySchemes", "required", "there is no flow that is known here.")
    x = _Words(said if isinstance(said, Mapping) else {})
    scopes = flow.get("scopes")
    token_url = _url(connector, flow.get("tokenUrl"))
    servers = x.texts("accountsServers")
    return Provider(
        connector_id=connector.connector_id,
        authorization_url=_url(connector, code.get("authorizationUrl")) if code is not None else None,
        token_url=token_url,
        refresh_url=_url(connector, flow.get("refreshUrl") or flow.get("tokenUrl")),
        revocation_url=_url(connector, x.text("revocationUrl")) if x.text("revocationUrl") else None,
        revocation_request=x.one_of("revocationRequest", "form", "bearer"),
        described={str(name): str(about) for name, about in scopes.items()} if isinstance(scopes, Mapping) else {},
        scope_separator=x.text("scopeSeparator") or " ",
        scopes_set_in_app=x.raw.get("scopesSetInApp") is True,
        pkce=x.one_of("pkce", "supported", "required", "none"),
        token_endpoint_auth_method=x.one_of("tokenEndpointAuthMethod", "client_secret_basic", "client_secret_post"),
        token_request_format=x.one_of("tokenRequestFormat", "form", "json"),
        token_request_headers=x.texts("tokenRequestHeaders"),
        authorize_parameters=x.texts("authorizeParameters"),
        refresh_token=x.one_of("refreshToken", "reusable", "rotating", "none"),
        instance_url_field=x.text("instanceUrlField"),
        accounts_server_parameter=x.text("accountsServerParameter"),
        accounts_servers=servers,
        accounts_server_field=_listing(connector, servers),
        user_scope_parameter=x.text("userScopeParameter"),
        user_token_field=x.text("userTokenField"),
        base_url=x.text("baseUrl"),
        callback_fields=x.texts("callbackFields"),
        tenant=_tenant(x.raw.get("tenant")),
        client_credentials=own is not None,
    )


def _flow(flows: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    flow = flows.get(name)
    return flow if isinstance(flow, Mapping) else None


@dataclass(frozen=True, slots=True)
class _Words:
    """`x-oauth`, in which whatever has the wrong type counts as absent."""

    raw: Mapping[str, Any]

    def text(self, name: str) -> str | None:
        value = self.raw.get(name)
        return value if isinstance(value, str) and value else None

    def one_of(self, name: str, *known: str) -> str:
        """The first where the document says nothing that is known."""
        value = self.raw.get(name)
        return value if value in known else known[0]

    def texts(self, name: str) -> Mapping[str, str]:
        value = self.raw.get(name)
        pairs = value.items() if isinstance(value, Mapping) else ()
        return {str(key): each for key, each in pairs if isinstance(each, str)}


def _tenant(raw: Any) -> Tenant | None:
    x = _Words(raw if isinstance(raw, Mapping) else {})
    url, name, identifier = x.text("url"), x.text("field"), x.text("idProperty")
    if url is None or name is None or identifier is None:
        return None
    shown = x.text("nameProperty") or identifier
    return Tenant(
        url=url, field=name, id_property=identifier, name_property=shown, match_property=x.text("matchProperty")
    )


def _listing(connector: Connector, servers: Mapping[str, str]) -> str | None:
    """The field whose values the accounts servers are listed by."""
    for each in connector.fields:
        if servers and all(re.fullmatch(each.pattern, value) for value in servers):
            return each.name
    return None


def _url(connector: Connector, url: Any) -> str:
    """An endpoint's URL, complete, and safe to fill: a field cannot choose the host. Raises DocumentError."""
    place = "#/components/securitySchemes"
    if not isinstance(url, str) or not url.strip():
        raise DocumentError(place, "required", "a flow must name its addresses.")
    try:
        whole = urljoin(f"{connector.base_url}/", url.strip())
        parts = urlsplit(whole)
    except ValueError:
        raise DocumentError(place, "url", "it is not a URL.") from None
    if parts.fragment or re.search(r"[\s\x00-\x1f\x7f]", whole):
        raise DocumentError(place, "url", "an endpoint's URL must have neither a fragment nor spaces.")
    check(urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), place, {f.name: f for f in connector.fields})
    if "{" in parts.query:
        raise DocumentError(place, "url", "a field must not stand in the query.")
    return whole


def _filled(url: str, fields: Mapping[str, str]) -> str:
    if "{" not in url:
        return url
    parts = urlsplit(url)

    def value(match: re.Match[str], pattern: re.Pattern[str]) -> str:
        found = fields.get(match[1])
        if found is None or not pattern.fullmatch(found):
            rule = "required" if found is None else "pattern"
            raise InvalidRequest.of(match[1], rule, f"{match[1]} is needed for the address of the sign-in")
        return found

    host = PLACEHOLDER.sub(lambda match: value(match, _LABELS), parts.netloc)
    path = PLACEHOLDER.sub(lambda match: value(match, _SEGMENT), parts.path)
    return urlunsplit((parts.scheme, host, path, parts.query, ""))


def moved(url: str, server: str | None) -> str:
    """The same path at the origin of another URL; None leaves it where it is."""
    if server is None:
        return url
    parts, origin = urlsplit(url), urlsplit(server)
    return urlunsplit((origin.scheme, origin.netloc, parts.path, parts.query, ""))
