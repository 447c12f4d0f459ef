"""Auth configs: the OAuth clients that operators registered at platforms. Their secrets are sealed, and never shown."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import orjson
from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from gateway.catalog.model import Connector
from gateway.credentials.oauth.checks import check_secret
from gateway.credentials.oauth.provider import Provider, moved, provider_of
from gateway.credentials.vault import Vault, VaultError
from gateway.errors import Conflict, Forbidden, InvalidRequest, NotFound
from gateway.moments import new_id
from storage import auth_configs as statements
from storage.runner import Store
from storage.times import now

# Runs in the transaction of a change, and is told which connector it is about: the place of the audit row.
Also = Callable[[Connection, str], object]
# As the contract says.
MOST = 1000
_NAMED_IN_MESSAGE = 10
_ID = re.compile(r"[0-9a-f]{24}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One auth config, opened: what a client shows at a platform."""

    auth_config_id: str
    client_id: str
    # Whose it is, and in whose share of the outbound calls its token endpoint is asked.
    account_id: str = field(default="", kw_only=True)
    # None: a public client.
    client_secret: str | None = field(default=None, repr=False)
    # None: those of the connector.
    scopes: tuple[str, ...] | None = None
    # None: as the connector says.
    token_endpoint_auth_method: str | None = None
    # Asked for in the provider's `user_scope_parameter`.
    user_scopes: tuple[str, ...] = ()
    # Where a person may be sent when all is done, exactly as written.
    redirect_uris: tuple[str, ...] = ()
    # In the place of the provider's.
    authorization_url: str | None = None
    token_url: str | None = None
    # What the provider's were when the secret was entrusted to them; None: not asked.
    endpoints: tuple[str, ...] | None = None

    def over(self, provider: Provider) -> Provider:
        """The provider with this registration's own addresses and scopes, to be `filled` then.

        Raises Forbidden where the provider's endpoints are not those that the secret was entrusted to.
        """
        if self.endpoints is not None and self.endpoints != provider.endpoints:
            raise Forbidden(
                "The addresses of this connector's sign-in have changed since its auth config was stored: "
                "have an operator with a manage key store the auth config again",
                details={"connectorId": provider.connector_id, "authConfigId": self.auth_config_id},
            )
        if self.scopes is not None:
            about = provider.described
            provider = replace(provider, described={name: about.get(name, "") for name in self.scopes})
        if self.token_endpoint_auth_method is not None:
            provider = replace(provider, token_endpoint_auth_method=self.token_endpoint_auth_method)
        if self.authorization_url is not None:
            provider = replace(provider, authorization_url=self.authorization_url)
        if self.token_url is None:
            return provider
        # A token is made void where it comes from: at another origin than the document's, at the same path of that.
        revocation, ours = provider.revocation_url, urlsplit(provider.token_url).netloc
        if revocation is not None:
            revocation = moved(revocation, self.token_url) if urlsplit(revocation).netloc == ours else None
        return replace(
            provider,
            token_url=self.token_url,
            refresh_url=self.token_url,
            revocation_url=revocation,
            accounts_servers={},
        )


def associated(row: Row[Any]) -> tuple[str, ...]:
    """What a sealed client secret is bound to."""
    return _bound(row.account_id, row.connector_id, row.auth_config_id)


def _bound(account_id: str, connector_id: str, auth_config_id: str) -> tuple[str, ...]:
    return ("authConfig", account_id, connector_id, auth_config_id)


class AuthConfigs:
    """Every method is about one account; what is another's is NotFound. Whether the caller may, was decided before."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def create(self, account_id: str, connector: Connector, values: Mapping[str, Any], *, also: Also) -> Row[Any]:
        """Store a new one. `values` is a checked `CreateAuthConfig` (gateway.credentials.oauth.checks).

        Raises InvalidRequest (the connector has no OAuth 2.0; a secret that its method wants is missing, or one that it
        does not take is given) and Conflict (the name is taken).
        """
        auth_config_id, moment = new_id(), now()
        this = {
            "auth_config_id": auth_config_id,
            "account_id": account_id,
            "connector_id": connector.connector_id,
            "created_at": moment,
            "updated_at": moment,
        }

        def job(connection: Connection) -> Row[Any]:
            row = {**self._columns(connection, connector, auth_config_id, account_id, values, None), **this}
            if connection.execute(statements.COUNT, {"of_account": account_id}).scalar_one() >= MOST:
                raise Conflict(f"An account can have {MOST} auth configs", details={"rule": "maxItems"})
            if row["is_default"]:
                _no_default(connection, account_id, connector.connector_id)
            stored = connection.execute(statements.INSERT, row).one()
            also(connection, connector.connector_id)
            return stored

        return await self._write(job)

    async def list(self, account_id: str, connector_id: str | None = None) -> Sequence[Row[Any]]:
        """The account's, or those for one connector, in the order of connectors and age."""
        if connector_id is None:
            return await self._store.all(statements.ALL, {"of_account": account_id})
        this = {"of_account": account_id, "of_connector": connector_id}
        return await self._store.all(statements.OF_CONNECTOR, this)

    async def get(self, account_id: str, auth_config_id: str) -> Row[Any]:
        """Raises NotFound."""
        row = None
        # Whatever is no id of ours is not asked for: the text may hold what a database cannot.
        if _ID.match(auth_config_id):
            row = await self._store.one(statements.ONE, _this(account_id, auth_config_id))
        if row is None:
            raise _not_found(auth_config_id)
        return row

    async def replace(
        self, account_id: str, connector: Connector, auth_config_id: str, values: Mapping[str, Any], *, also: Also
    ) -> Row[Any]:
        """Change what `values` (a checked `UpdateAuthConfig`) names; its secret is entrusted to the connector as it is
        now. Raises NotFound, InvalidRequest, Conflict (the name is taken).
        """
        await self.get(account_id, auth_config_id)
        moment = now()

        def job(connection: Connection) -> Row[Any]:
            this = _this(account_id, auth_config_id)
            before = connection.execute(statements.ONE, this).first()
            if before is None:
                raise _not_found(auth_config_id)
            columns = self._columns(connection, connector, auth_config_id, account_id, values, before)
            if columns["is_default"]:
                _no_default(connection, account_id, before.connector_id)
            changed = {**this, "now_": moment, **{f"{name}_": value for name, value in columns.items()}}
            row = connection.execute(statements.UPDATE, changed).one()
            also(connection, before.connector_id)
            return row

        return await self._write(job)

    async def delete(self, account_id: str, auth_config_id: str, *, also: Also) -> None:
        """Remove one, and the sign-ins that have begun with it. Raises NotFound, Conflict (credentials use it)."""
        await self.get(account_id, auth_config_id)

        def job(connection: Connection) -> None:
            row = connection.execute(statements.DELETE, _this(account_id, auth_config_id)).first()
            if row is None:
                raise _not_found(auth_config_id)
            used = connection.execute(statements.USED, _this(account_id, auth_config_id)).scalar_one()
            if used:
                raise Conflict(
                    f"{used} credential{'s use' if used > 1 else ' uses'} this auth config: delete them first, or give "
                    "the auth config another client by an update",
                    details={"rule": "unused", "credentials": used},
                )
            also(connection, row.connector_id)

        await self._store.write(job)

    async def open(self, account_id: str, connector_id: str, auth_config_id: str | None) -> Registration:
        """The one asked for; with None, the connector's default or its only one.

        Raises InvalidRequest that names `authConfigId` where there is none, or no telling which; VaultError where it
        does not open.
        """
        rows = await self.list(account_id, connector_id)
        return self._opened(_chosen(rows, connector_id, auth_config_id))

    def _opened(self, row: Row[Any]) -> Registration:
        secret = None
        if row.sealed is not None:
            try:
                secret = self._vault.open(row.sealed, row.sealed_by, associated(row)).decode()
            except VaultError as error:
                raise VaultError(
                    f"Auth config {row.auth_config_id}: {error.internal}",
                    what=f"The client secret of an auth config for {row.connector_id}",
                    details={"connectorId": row.connector_id, "authConfigId": row.auth_config_id},
                ) from None
        return Registration(
            auth_config_id=row.auth_config_id,
            account_id=row.account_id,
            client_id=row.client_id,
            client_secret=secret,
            scopes=None if row.scopes is None else tuple(orjson.loads(row.scopes)),
            token_endpoint_auth_method=row.token_endpoint_auth_method,
            user_scopes=tuple(orjson.loads(row.user_scopes)),
            redirect_uris=tuple(orjson.loads(row.redirect_uris)),
            authorization_url=row.authorization_url,
            token_url=row.token_url,
            endpoints=None if row.endpoints is None else tuple(row.endpoints.splitlines()),
        )

    def _columns(
        self,
        connection: Connection,
        connector: Connector,
        auth_config_id: str,
        account_id: str,
        values: Mapping[str, Any],
        before: Row[Any] | None,
    ) -> dict[str, Any]:
        provider = provider_of(connector)
        if provider is None:
            raise InvalidRequest.of("connectorId", "oauth2", f"{connector.name} offers no sign-in by OAuth 2.0")
        sealed = (None, None) if before is None else (before.sealed, before.sealed_by)
        if "clientSecret" in values:
            secret, bound_to = values["clientSecret"], _bound(account_id, connector.connector_id, auth_config_id)
            sealed = (None, None) if secret is None else self._vault.seal(secret.encode(), bound_to, connection)

        def value(name: str, column: str, otherwise: Any = None) -> Any:
            return values[name] if name in values else otherwise if before is None else getattr(before, column)

        def texts(name: str, column: str, otherwise: str | None) -> Any:
            if name not in values:
                return otherwise if before is None else getattr(before, column)
            return otherwise if values[name] is None else orjson.dumps(values[name]).decode()

        method = value("tokenEndpointAuthMethod", "token_endpoint_auth_method")
        # Only where one of the two is given: of what is stored, anything else can still be changed.
        if "clientSecret" in values or "tokenEndpointAuthMethod" in values:
            check_secret(method, has_secret=sealed[0] is not None)
        return {
            "name": value("name", "name", "Default"),
            "client_id": value("clientId", "client_id"),
            "sealed": sealed[0],
            "sealed_by": sealed[1],
            "token_endpoint_auth_method": method,
            "scopes": texts("scopes", "scopes", None),
            "user_scopes": texts("userScopes", "user_scopes", "[]"),
            "redirect_uris": texts("redirectUris", "redirect_uris", "[]"),
            "authorization_url": value("authorizationUrl", "authorization_url"),
            "token_url": value("tokenUrl", "token_url"),
            "endpoints": None if connector.shipped else "\n".join(provider.endpoints),
            "is_default": value("isDefault", "is_default", otherwise=False),
        }

    async def _write(self, job: Any) -> Row[Any]:
        try:
            stored: Row[Any] = await self._store.write(job)
        except IntegrityError:
            raise Conflict(
                'name is taken by another auth config of this connector; without one it is "Default"',
                details={"field": "name", "rule": "unique"},
            ) from None
        return stored


def delete_configs_of_connector(connection: Connection, account_id: str, connector_id: str) -> None:
    """Delete a connector's auth configs, as part of a write job."""
    connection.execute(statements.DELETE_OF_CONNECTOR, {"of_account": account_id, "of_connector": connector_id})


def _chosen(rows: Sequence[Row[Any]], connector_id: str, auth_config_id: str | None) -> Row[Any]:
    if auth_config_id is not None:
        for row in rows:
            if row.auth_config_id == auth_config_id:
                return row
        raise InvalidRequest.of("authConfigId", "exists", f"authConfigId names no auth config for {connector_id}")
    if not rows:
        raise InvalidRequest(
            f"authConfigId: there is no auth config for {connector_id} yet: an operator registers an app with the "
            "platform and stores it (POST /auth-configs, or `toolgate auth-configs create`)",
            details={"field": "authConfigId", "rule": "required", "connectorId": connector_id},
        )
    preferred = [row for row in rows if row.is_default] or rows
    if len(preferred) > 1:
        named = ", ".join(f"{row.auth_config_id} ({row.name})" for row in rows[:_NAMED_IN_MESSAGE])
        more = ", ..." if len(rows) > _NAMED_IN_MESSAGE else ""
        raise InvalidRequest(
            f"authConfigId is needed, for there are several for {connector_id}: one of {named}{more}",
            details={"field": "authConfigId", "rule": "required", "connectorId": connector_id},
        )
    return preferred[0]


def _no_default(connection: Connection, account_id: str, connector_id: str) -> None:
    connection.execute(statements.NO_DEFAULT, {"of_account": account_id, "of_connector": connector_id})


def _this(account_id: str, auth_config_id: str) -> dict[str, Any]:
    return {"of_account": account_id, "of_id": auth_config_id}


def _not_found(auth_config_id: str) -> NotFound:
    return NotFound("Auth config not found", details={"authConfigId": auth_config_id[:64]})
