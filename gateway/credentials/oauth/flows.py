"""Sign-ins: from the link that somebody is given to the credential that is stored for them.

    start -> a link                      (a row, `asked`)
    look  -> what the page says
    send  -> the platform's own page     (`sent`: bound to the browser, with a state for the platform)
    back  -> a credential, or a choice   (the row is gone; for a choice, another one, `choosing`)
    choose -> a credential               (the row is gone)

Who takes a row deletes it, so that everything happens at most once: a second use finds nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import orjson
from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from gateway.catalog.catalog import Catalog
from gateway.catalog.model import Connector
from gateway.credentials.oauth.checks import callback_url, check_endpoint, check_redirect
from gateway.credentials.oauth.configs import AuthConfigs, Registration
from gateway.credentials.oauth.needs import checked
from gateway.credentials.oauth.proofs import Proofs, challenge, digest, is_cookie, new_verifier
from gateway.credentials.oauth.provider import Provider, provider_of
from gateway.credentials.vault import Vault
from gateway.current import ends_at
from gateway.errors import Forbidden, InvalidRequest, NotFound
from gateway.moments import epoch
from gateway.outbound.guard import Guard
from storage import oauth_flows as statements
from storage.runner import Store

# Seconds.
LINK_LIFE = 1800
STATE_LIFE = 600
_LINK, _STATE, _FORM = "link", "state", "form"
# What of the authorization request is ours: a document cannot say it.
_OURS = frozenset(
    {"response_type", "client_id", "redirect_uri", "state", "scope", "code_challenge", "code_challenge_method"}
)
_GONE = (
    "This sign-in is over: it has been finished, or called off, or it has taken too long. "
    "Ask for a new link where you got this one."
)


class Users(Protocol):
    """What of gateway.access.users is needed here."""

    async def refuse_disabled(self, account_id: str, user_id: str) -> None:
        """Raise Forbidden where the user, or their account, is disabled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One sign-in as it stands: its row, opened, with the connector and the client that it is for."""

    row: Row[Any]
    connector: Connector
    registration: Registration
    # With the registration's own addresses and scopes, and the fields filled in.
    provider: Provider
    # `verifier`, `fields`, `name`; while a tenant is chosen `data`, `expires_at` and `tenants`.
    held: Mapping[str, Any]

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for; those that are set in the app only where the operator says so."""
        provider = self.provider
        return provider.scopes if self.registration.scopes is not None or not provider.scopes_set_in_app else ()

    @property
    def user_scopes(self) -> tuple[str, ...]:
        return self.registration.user_scopes if self.provider.user_scope_parameter else ()

    @property
    def shown_scopes(self) -> list[tuple[str, str]]:
        """Each with what it means, as far as the document says."""
        about = self.provider.described
        return [(name, about.get(name, "")) for name in (*self.scopes, *self.user_scopes)]


def associated(row: Row[Any]) -> tuple[str, ...]:
    """What the sealed part of a sign-in is bound to."""
    return _bound(row.account_id, row.user_id, row.connector_id, row.auth_config_id, row.link_hash)


def _bound(account_id: str, user_id: str, connector_id: str, auth_config_id: str, link_hash: bytes) -> tuple[str, ...]:
    return ("oauthFlow", account_id, user_id, connector_id, auth_config_id, link_hash.hex())


class Flows:
    """Begins sign-ins and takes browsers through them; gateway.credentials.oauth.arrivals ends them."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        configs: AuthConfigs,
        catalog: Catalog,
        users: Users,
        guard: Guard,
        proofs: Proofs,
        public_url: str,
    ) -> None:
        self._store = store
        self._vault = vault
        self._configs = configs
        self._catalog = catalog
        self._users = users
        self._guard = guard
        self._proofs = proofs
        self.public_url = public_url

    async def start(
        self,
        account_id: str,
        user_id: str,
        connector: Connector,
        *,
        auth_config_id: str | None = None,
        fields: Mapping[str, str] | None = None,
        redirect_uri: str | None = None,
        credential_id: str | None = None,
        name: str | None = None,
        door: str = "api_key",
        where: str = "data",
    ) -> str:
        """The `oauthUrl` for this user; with `credential_id`, to connect that credential again in its place.

        Whether the credential is the user's has been decided before. Raises InvalidRequest that names what is wrong:
        no sign-in at this connector, no auth config (`authConfigId`), a field (in `where`), the redirect URI.
        """
        provider = provider_of(connector)
        if provider is None or provider.authorization_url is None:
            raise InvalidRequest.of("authenticationType", "enum", f"{connector.name} offers no sign-in by OAuth 2.0")
        registration = await self._configs.open(account_id, connector.connector_id, auth_config_id)
        check_redirect(redirect_uri, registration.redirect_uris, self.public_url)
        given = checked(connector, provider, fields or {}, where)
        ready = registration.over(provider).filled(given)
        for url in (ready.authorization_url or "", ready.token_url):
            check_endpoint(url, self._guard, "authConfigId")
        held = {"verifier": new_verifier(), "fields": given, "name": name}
        values = {
            "account_id": account_id,
            "user_id": user_id,
            "door": door,
            "connector_id": connector.connector_id,
            "auth_config_id": registration.auth_config_id,
            "redirect_uri": redirect_uri,
            "credential_id": credential_id,
        }
        ends_at(epoch() + LINK_LIFE)
        link = await self._insert(values, held, "asked", None, LINK_LIFE)
        return (
            f"{self.public_url}/api/strategy/connector/{quote(connector.connector_id, safe='')}/authorize?token={link}"
        )

    async def look(self, connector_id: str, link: str, stage: tuple[str, ...] = ("asked", "sent")) -> Flow:
        """The sign-in of a link. Raises NotFound where there is none, or no more; Forbidden for a disabled user."""
        row = None
        if self._proofs.matches(link, _LINK, (connector_id,)):
            row = await self._store.one(statements.BY_LINK, {"of_link": digest(link), "now_": epoch()})
        if row is None or row.connector_id != connector_id or row.stage not in stage:
            raise NotFound(_GONE)
        return await self._opened(row)

    def form_proof(self, link: str, cookie: str) -> str:
        """What the page's form carries: it comes from our page in this browser (against CSRF)."""
        return self._proofs.issue(_FORM, (link, cookie))

    def check_form(self, proof: str, link: str, cookie: str | None) -> str:
        """The browser's cookie. Raises Forbidden where the form was not made by our page for this browser."""
        if cookie is None or not is_cookie(cookie):
            raise Forbidden(
                "Your browser did not send the cookie that ties this sign-in to it. "
                "Allow cookies for this address, and open the link again."
            )
        if not self._proofs.matches(proof, _FORM, (link, cookie)):
            raise Forbidden(
                "This form does not come from this service's own page in this browser. Open the link again."
            )
        return cookie

    async def send(self, flow: Flow, cookie: str) -> str:
        """The platform's address for this browser, which is the only one that may come back.

        Raises Forbidden where another browser has gone there before.
        """
        state = self._proofs.issue(_STATE, _meant(flow.row))
        now = epoch()
        values = {
            "of_link": flow.row.link_hash,
            "now_": now,
            "browser_": digest(cookie),
            "state_": digest(state),
            "until_": now + STATE_LIFE,
        }

        def job(connection: Connection) -> bool:
            return connection.execute(statements.SEND, values).first() is not None

        if not await self._store.write(job):
            raise Forbidden("This sign-in was begun in another browser. Go on there, or ask for a new link.")
        return self.authorization_url(flow, state)

    def authorization_url(self, flow: Flow, state: str) -> str:
        """The authorization request (RFC 6749, section 4.1.1; RFC 7636, section 4.3), with the platform's own ways."""
        provider, registration = flow.provider, flow.registration
        asked = {
            "response_type": "code",
            "client_id": registration.client_id,
            "redirect_uri": callback_url(self.public_url, flow.connector.connector_id),
            "state": state,
        }
        if flow.scopes:
            asked["scope"] = provider.scope_separator.join(flow.scopes)
        if provider.user_scope_parameter and flow.user_scopes:
            asked[provider.user_scope_parameter] = provider.scope_separator.join(flow.user_scopes)
        if provider.pkce != "none":
            asked["code_challenge"] = challenge(flow.held["verifier"])
            asked["code_challenge_method"] = "S256"
        asked |= {name: text for name, text in provider.authorize_parameters.items() if name not in _OURS}
        parts = urlsplit(provider.authorization_url or "")
        # What the address has already stays (RFC 6749, section 3.1).
        kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in asked]
        query = urlencode([*kept, *asked.items()], quote_via=quote)
        return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))

    async def returned(self, connector_id: str, state: str, cookie: str | None) -> Flow:
        """The sign-in that a state belongs to, which stays for now.

        Raises NotFound (no such state, or no more), Forbidden (another browser, another connector's callback).
        """
        row = await self._store.one(statements.BY_STATE, {"of_state": digest(state), "now_": epoch()})
        if row is None or row.stage != "sent" or not self._proofs.matches(state, _STATE, _meant(row)):
            raise NotFound(_GONE)
        if row.connector_id != connector_id:
            raise Forbidden("This answer is for another platform's sign-in. Nothing was stored.")
        self.check_browser(row, cookie)
        return await self._opened(row)

    def check_browser(self, row: Row[Any], cookie: str | None) -> None:
        """Raise Forbidden unless it is the browser that went to the platform."""
        if cookie is None or digest(cookie) != row.browser_hash:
            raise Forbidden(
                "This sign-in was begun in another browser. Nothing was stored: finish it where it was begun."
            )

    async def take(self, flow: Flow) -> None:
        """Take the sign-in out of the store. Raises NotFound for whoever comes second."""
        values = {"of_link": flow.row.link_hash, "stage_": flow.row.stage, "now_": epoch()}

        def job(connection: Connection) -> bool:
            return connection.execute(statements.TAKE, values).first() is not None

        if not await self._store.write(job):
            raise NotFound(_GONE)

    async def ask_tenant(self, flow: Flow, held: Mapping[str, Any]) -> str:
        """Keep what the platform gave until a tenant is chosen; the secret of the form that tells which."""
        row = flow.row
        names = ("account_id", "user_id", "door", "connector_id", "auth_config_id", "redirect_uri", "credential_id")
        values = {name: getattr(row, name) for name in names}
        return await self._insert(values, held, "choosing", row.browser_hash, STATE_LIFE)

    async def _insert(
        self, values: Mapping[str, Any], held: Mapping[str, Any], stage: str, browser: bytes | None, life: int
    ) -> str:
        link = self._proofs.issue(_LINK, (values["connector_id"],))
        bound = _bound(
            values["account_id"], values["user_id"], values["connector_id"], values["auth_config_id"], digest(link)
        )
        now = epoch()
        row = {
            **values,
            "link_hash": digest(link),
            "stage": stage,
            "browser_hash": browser,
            "expires_at": now + life,
        }

        def job(connection: Connection) -> None:
            connection.execute(statements.DELETE_OLD, {"now_": now})
            sealed, sealed_by = self._vault.seal(orjson.dumps(dict(held)), bound, connection)
            connection.execute(statements.INSERT, {**row, "sealed": sealed, "sealed_by": sealed_by})

        try:
            await self._store.write(job)
        except IntegrityError:
            # The user, or the auth config, has just been removed.
            raise NotFound("The user or the auth config is not there any more") from None
        return link

    async def _opened(self, row: Row[Any]) -> Flow:
        await self._users.refuse_disabled(row.account_id, row.user_id)
        connector = await self._catalog.get(row.account_id, row.connector_id)
        provider = None if connector is None else provider_of(connector)
        if connector is None or provider is None:
            raise NotFound(_GONE)
        registration = await self._configs.open(row.account_id, row.connector_id, row.auth_config_id)
        held = orjson.loads(self._vault.open(row.sealed, row.sealed_by, associated(row)))
        ready = registration.over(provider).filled(held["fields"])
        return Flow(row=row, connector=connector, registration=registration, provider=ready, held=held)


def refilled(flow: Flow, fields: Mapping[str, str]) -> Flow:
    """The same sign-in with other fields, which may move its addresses. Raises InvalidRequest."""
    provider = provider_of(flow.connector)
    assert provider is not None
    return replace(flow, provider=flow.registration.over(provider).filled(fields))


def _meant(row: Row[Any]) -> tuple[str, ...]:
    """What a state is bound to."""
    return (
        row.account_id,
        row.user_id,
        row.connector_id,
        row.auth_config_id,
        row.redirect_uri or "",
        row.credential_id or "",
        row.link_hash.hex(),
    )
