"""The end of a sign-in: what the platform sent back is checked, exchanged, completed and stored."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson
from sqlalchemy import Connection, Row

from gateway.catalog.model import Connector
from gateway.credentials.keeper import Keeper
from gateway.credentials.oauth.checks import callback_url
from gateway.credentials.oauth.flows import Flow, Flows, refilled
from gateway.credentials.oauth.instance import instance_url
from gateway.credentials.oauth.needs import from_url
from gateway.credentials.oauth.provider import ACCOUNTS_SERVER, PLACEHOLDER, Tenant
from gateway.credentials.oauth.tokens import TokenClient, TokenRefused, Tokens
from gateway.credentials.store import Credentials
from gateway.errors import InvalidRequest, ToolgateError, UpstreamError
from gateway.outbound.messages import Request, Sender

# Puts on record that a sign-in has ended well, in the transaction that stores the credential; given its row.
Note = Callable[[Connection, Row[Any]], object]
_TENANT_SECONDS = 15.0
_MOST_TENANTS = 500
_LONGEST_NAME = 100
# One segment of a path, or a header's value: what a tenant's id becomes.
_TENANT_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~:@-]{1,200}")
_WORD = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,100}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A sign-in has ended well. `onward` is where the person is sent; None: to a page of ours."""

    connector: Connector
    account_id: str
    user_id: str
    credential_id: str
    onward: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A person has to say which account is meant. `tenants` are names, in the order of the numbers to choose by."""

    connector: Connector
    account_id: str
    user_id: str
    link: str
    tenants: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A sign-in has ended without a credential. `error` is a word for programs, `why` a sentence for a person."""

    connector: Connector
    error: str
    why: str
    onward: str | None


class Arrivals:
    """Ends sign-ins. Every method takes what a browser brought, and raises ToolgateError while the sign-in stands."""

    def __init__(
        self,
        flows: Flows,
        tokens: TokenClient,
        outbound: Sender,
        credentials: Credentials,
        keeper: Keeper,
        note: Note,
    ) -> None:
        self._flows = flows
        self._tokens = tokens
        self._outbound = outbound
        self._credentials = credentials
        self._keeper = keeper
        self._note = note

    async def back(self, connector_id: str, answer: Mapping[str, str], cookie: str | None) -> Done | Choice | Ended:
        """The platform's answer (RFC 6749, section 4.1.2), brought by a browser with this cookie.

        Raises NotFound (an unknown, used or expired state) and Forbidden (another browser, another connector); in
        both cases nothing is stored and nothing asked of the platform. Whatever else happens, the sign-in is over.
        """
        flow = await self._flows.returned(connector_id, answer.get("state", ""), cookie)
        await self._flows.take(flow)
        try:
            return await self._finish(flow, answer)
        except ToolgateError as error:
            return _ended(flow, _code(error), error.message)

    async def choose(self, connector_id: str, link: str, form: str, number: str, cookie: str | None) -> Done | Ended:
        """The tenant that a person chose, by its number in the list. Raises as `back`, and InvalidRequest."""
        flow = await self._flows.look(connector_id, link, ("choosing",))
        self._flows.check_browser(flow.row, self._flows.check_form(form, link, cookie))
        tenants = flow.held["tenants"]
        if not (number.isascii() and number.isdigit() and len(number) < 4 and int(number) < len(tenants)):
            raise InvalidRequest.of("tenant", "enum", "Choose one of the list.")
        await self._flows.take(flow)
        try:
            data = {**flow.held["data"], **tenants[int(number)]["fields"]}
            return await self._store(flow, data, flow.held["expires_at"], tenants[int(number)]["name"])
        except ToolgateError as error:
            return _ended(flow, _code(error), error.message)

    async def _finish(self, flow: Flow, answer: Mapping[str, str]) -> Done | Choice | Ended:
        provider = flow.provider
        if (issuer := answer.get("iss")) is not None:
            _check_issuer(issuer, provider.authorization_url or "", provider.token_url)
        if "error" in answer:
            error = answer["error"] if _WORD.match(answer["error"]) else "error"
            said = answer.get("error_description", "")[:500]
            denied = f"{flow.connector.name} did not allow it ({error})" + (f": {said}" if said else ".")
            return _ended(flow, error, denied)
        code = answer.get("code")
        if not code or len(code) > 8192:
            raise InvalidRequest.of("code", "required", f"{flow.connector.name} sent neither a code nor an error.")
        fields = {**flow.held["fields"], **_from_callback(flow, answer)}
        flow = refilled(flow, fields)
        tokens = await self._tokens.exchange(
            flow.provider,
            flow.registration,
            code=code,
            redirect_uri=callback_url(self._flows.public_url, flow.connector.connector_id),
            verifier=flow.held["verifier"] if flow.provider.pkce != "none" else None,
        )
        data = {**fields, **_of_tokens(tokens), **_instance(flow, tokens)}
        tenant = flow.provider.tenant
        if tenant is None:
            return await self._store(flow, data, tokens.expires_at, None)
        found = await self._tenants(flow, tenant, tokens, fields)
        if len(found) == 1:
            return await self._store(flow, {**data, **found[0]["fields"]}, tokens.expires_at, found[0]["name"])
        held = {**flow.held, "data": data, "expires_at": tokens.expires_at, "tenants": found}
        names = tuple(each["name"] for each in found)
        link = await self._flows.ask_tenant(flow, held)
        account_id, user_id = flow.row.account_id, flow.row.user_id
        return Choice(connector=flow.connector, account_id=account_id, user_id=user_id, link=link, tenants=names)

    async def _store(self, flow: Flow, data: Mapping[str, str], expires_at: int | None, of: str | None) -> Done:
        row, connector = flow.row, flow.connector
        config_id = flow.registration.auth_config_id

        def also(connection: Connection, *_: Any) -> None:
            self._note(connection, row)

        if row.credential_id is not None:
            credential_id = row.credential_id
            await self._keeper.reconnect(
                row.account_id,
                row.user_id,
                connector.connector_id,
                credential_id,
                data,
                auth_config_id=config_id,
                expires_at=expires_at,
                also=also,
            )
        else:
            name = flow.held["name"] or (f"{connector.name}: {of}" if of else f"{connector.name} credential")
            credential_id = await self._credentials.create(
                row.account_id,
                row.user_id,
                connector.connector_id,
                "oauth2",
                name[:_LONGEST_NAME],
                data,
                auth_config_id=config_id,
                expires_at=expires_at,
                also=also,
            )
        onward = _with_query(row.redirect_uri, {"credentialId": credential_id})
        return Done(
            connector=connector,
            account_id=row.account_id,
            user_id=row.user_id,
            credential_id=credential_id,
            onward=onward,
        )

    async def _tenants(
        self, flow: Flow, tenant: Tenant, tokens: Tokens, fields: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """What may be meant: `{"name", "fields"}` each. Raises UpstreamError where there is none."""
        name = flow.connector.name
        request = Request(
            method="GET",
            url=tenant.url,
            headers={"Authorization": f"Bearer {tokens.access_token}", "Accept": "application/json"},
            timeout=_TENANT_SECONDS,
            tenant=flow.row.account_id,
        )
        response = await self._outbound.send(request)
        try:
            entries = orjson.loads(response.body) if response.status == 200 else None
        except orjson.JSONDecodeError:
            entries = None
        if not isinstance(entries, list):
            raise UpstreamError(f"{name} did not say which accounts there are (status {response.status}).")
        known = {field.name: field for field in flow.connector.fields}
        pattern = known[tenant.field].pattern if tenant.field in known else _TENANT_ID.pattern
        # Whoever said before which one is meant is not asked again.
        named = fields.keys() & PLACEHOLDER.findall(flow.connector.base_url) if tenant.match_property else ()
        found: dict[str, dict[str, Any]] = {}
        for entry in entries[:_MOST_TENANTS]:
            identity = entry.get(tenant.id_property) if isinstance(entry, dict) else None
            if not isinstance(identity, str) or not re.fullmatch(pattern, identity) or identity in found:
                continue
            place = entry.get(tenant.match_property) if tenant.match_property else None
            told = from_url(flow.connector, place) if isinstance(place, str) else {}
            if any(told.get(key) != fields[key] for key in named):
                continue
            shown = entry.get(tenant.name_property)
            title = shown if isinstance(shown, str) and shown.strip() else identity
            found[identity] = {"name": title[:200], "fields": {**told, tenant.field: identity}}
        if not found:
            said = ", ".join(fields.values())
            raise UpstreamError(f"{name} let this person into no account" + (f" for {said}." if said else "."))
        return list(found.values())


def _from_callback(flow: Flow, answer: Mapping[str, str]) -> dict[str, str]:
    """The fields that the redirect carries. Raises InvalidRequest."""
    provider, found = flow.provider, {}
    known = {field.name: field for field in flow.connector.fields}
    for parameter, name in provider.callback_fields.items():
        value = answer.get(parameter)
        pattern = known[name].pattern if name in known else _TENANT_ID.pattern
        if value is None or not re.fullmatch(pattern, value):
            raise InvalidRequest.of(parameter, "required", f"{flow.connector.name} did not say {parameter}.")
        found[name] = value
    # Where the operator names the token endpoint, no redirect moves it.
    naming = provider.accounts_server_parameter if flow.registration.token_url is None else None
    if naming is not None and (server := answer.get(naming)) is not None:
        listed = {url: value for value, url in provider.accounts_servers.items()}
        if server.rstrip("/") not in listed:
            raise InvalidRequest.of(naming, "enum", f"{flow.connector.name} named a token server that is not its own.")
        found[ACCOUNTS_SERVER] = server.rstrip("/")
        if provider.accounts_server_field is not None:
            found[provider.accounts_server_field] = listed[server.rstrip("/")]
    return found


def _of_tokens(tokens: Tokens) -> dict[str, str]:
    optional = {"refreshToken": tokens.refresh_token, "scope": tokens.scope, "tokenType": tokens.token_type}
    return {"token": tokens.access_token, **{name: value for name, value in optional.items() if value}}


def _instance(flow: Flow, tokens: Tokens) -> dict[str, str]:
    """Where calls go, as the answer says, and the fields that this tells. Raises UpstreamError."""
    provider = flow.provider
    if provider.instance_url_field is None:
        return {}
    origin = instance_url(flow.connector, tokens.extra, provider.instance_url_field)
    if origin is None:
        raise UpstreamError(f"{flow.connector.name} named no address for its calls that can be used.")
    return {**from_url(flow.connector, origin), "instanceUrl": origin}


def _check_issuer(issuer: str, *endpoints: str) -> None:
    """RFC 9207, section 2.4, against mix-up: whoever answers is at the origin that was asked, or its token endpoint's.

    Documents do not name issuers; those of OpenID Connect and RFC 8414 stand at one of the two.
    """
    origins = {(parts.scheme, parts.netloc) for parts in map(urlsplit, endpoints)}
    try:
        parts = urlsplit(issuer)
    except ValueError:
        parts = urlsplit("")
    if (parts.scheme, parts.netloc) not in origins:
        raise InvalidRequest.of("iss", "issuer", "The answer comes from another authorization server (iss).")


def _ended(flow: Flow, error: str, why: str) -> Ended:
    onward = _with_query(flow.row.redirect_uri, {"error": error})
    return Ended(connector=flow.connector, error=error, why=why, onward=onward)


def _code(error: ToolgateError) -> str:
    return error.error if isinstance(error, TokenRefused) else error.code.lower()


def _with_query(url: str | None, more: Mapping[str, str]) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(more))))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
