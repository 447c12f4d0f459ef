"""Credentials in the store: sealed when they come in, opened for one call, and never kept open."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.credentials.model import Secret
from gateway.credentials.vault import Vault, VaultError
from gateway.errors import CredentialNotFound, Forbidden, InvalidRequest, NotFound
from gateway.moments import new_id
from storage import audit
from storage.runner import Store
from storage.tables import credentials
from storage.times import now

# The most that one answer holds, as the contract says.
_LISTED = 1000
_NAMED_IN_MESSAGE = 10
_ID = re.compile(r"[0-9a-f]{24}\Z")

_INSERT = insert(credentials)
_OF_USER = select(credentials).where(
    credentials.c.account_id == bindparam("of_account"),
    credentials.c.user_id == bindparam("of_user"),
    credentials.c.connector_id == bindparam("of_connector"),
)
_LIST = _OF_USER.order_by(credentials.c.created_at, credentials.c.credential_id).limit(_LISTED)
# To choose from, the default first.
_CANDIDATES = _OF_USER.order_by(
    credentials.c.is_default.desc(), credentials.c.created_at, credentials.c.credential_id
).limit(_LISTED)
_ONE = _OF_USER.where(credentials.c.credential_id == bindparam("of_id"))
_OF_CONNECTOR = (
    credentials.c.account_id == bindparam("of_account"),
    credentials.c.connector_id == bindparam("of_connector"),
)
_SUSPEND = update(credentials).where(*_OF_CONNECTOR, credentials.c.suspended.is_(False)).values(suspended=True)
_CONFIRM = update(credentials).where(*_OF_CONNECTOR, credentials.c.suspended.is_(True)).values(suspended=False)
_DELETE = delete(credentials).where(*_OF_CONNECTOR)
_SUSPENDED = select(func.count()).where(*_OF_CONNECTOR, credentials.c.suspended.is_(True))


def associated(account_id: str, user_id: str, connector_id: str, credential_id: str) -> tuple[str, ...]:
    """What a sealed credential is bound to: it opens in its own row only, and as a credential only."""
    return ("credential", account_id, user_id, connector_id, credential_id)


class Credentials:
    """Users' credentials in `store`, sealed by `vault`."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def create(
        self,
        account_id: str,
        user_id: str,
        connector_id: str,
        authentication_type: str,
        name: str,
        data: Mapping[str, str],
        *,
        auth_config_id: str | None = None,
        expires_at: int | None = None,
        also: Callable[[Connection], object] | None = None,
    ) -> str:
        """Seal `data` for this user and return the credential's id, 24 hexadecimal digits.

        Of OAuth, `auth_config_id` is the client that it was made with, and `expires_at` the end of its access token in
        seconds since the epoch. `also` runs in the same transaction: the place of an audit row.

        Raises NotFound for a user there is not.
        """
        credential_id, moment = new_id(), now()
        row = {
            "credential_id": credential_id,
            "account_id": account_id,
            "user_id": user_id,
            "connector_id": connector_id,
            "authentication_type": authentication_type,
            "name": name,
            "suspended": False,
            "auth_config_id": auth_config_id,
            "expires_at": expires_at,
            "created_at": moment,
            "updated_at": moment,
        }

        def insert_row(connection: Connection) -> None:
            sealed, sealed_by = self.sealed(connection, account_id, user_id, connector_id, credential_id, data)
            try:
                connection.execute(_INSERT, {**row, "sealed": sealed, "sealed_by": sealed_by})
            except IntegrityError:
                raise NotFound("User not found") from None
            if also is not None:
                audit.about(connection, credential_id)
                also(connection)

        await self._store.write(insert_row)
        return credential_id

    async def list(self, account_id: str, user_id: str, connector_id: str) -> list[dict[str, Any]]:
        """The user's credentials for a connector, oldest first, 1000 at most.

        Shape: `{"credentialId", "name", "type": "<connector>-<authentication type>", "createdAt", "updatedAt"}`, and
        `"suspended": true`, `"dead": true` and `"default": true` where it is.
        """
        return [
            {
                "credentialId": row.credential_id,
                "name": row.name,
                "type": f"{row.connector_id}-{row.authentication_type}",
                "createdAt": row.created_at,
                "updatedAt": row.updated_at,
                **({"suspended": True} if row.suspended else {}),
                **({"dead": True} if row.dead else {}),
                **({"default": True} if row.is_default else {}),
            }
            for row in await self._store.all(_LIST, _of(account_id, user_id, connector_id))
        ]

    async def choose(
        self,
        account_id: str,
        user_id: str,
        connector_id: str,
        credential_id: str | None,
        types: Collection[str] = (),
    ) -> tuple[str, Secret]:
        """The credential to call a connector with: the one asked for, else the user's default, else the only one that
        may be used.

        Of several those of `types` are preferred, what the action takes, and a default that does not fit is passed over
        for them. A bearer token may be one of OAuth.

        Raises CredentialNotFound where this user has no such credential for this connector, or none at all;
        InvalidRequest where there are several to choose from, which it names; Forbidden where it is suspended;
        VaultError where it does not open.
        """
        if credential_id is not None:
            row = await self._row(account_id, user_id, connector_id, credential_id)
        else:
            rows = await self._store.all(_CANDIDATES, _of(account_id, user_id, connector_id))
            fitting = [row for row in rows if row.authentication_type in types]
            row = _only(fitting or rows, connector_id)
        if row.suspended:
            raise Forbidden(
                f"This credential is suspended since {connector_id} was changed: "
                "store it again, or have an operator with a manage key confirm it",
                details={"connectorId": connector_id, "credentialId": row.credential_id},
            )
        return row.credential_id, self.opened(row)

    def sealed(
        self,
        connection: Connection,
        account_id: str,
        user_id: str,
        connector_id: str,
        credential_id: str,
        data: Mapping[str, str],
    ) -> tuple[bytes, str]:
        """The data as they are stored, and the name of the key. Part of a write job."""
        bound_to = associated(account_id, user_id, connector_id, credential_id)
        return self._vault.seal(orjson.dumps(dict(data)), bound_to, connection)

    def opened(self, row: Row[Any]) -> Secret:
        """The credential of a row of the store. Raises VaultError, which names it."""
        bound_to = associated(row.account_id, row.user_id, row.connector_id, row.credential_id)
        try:
            plaintext = self._vault.open(row.sealed, row.sealed_by, bound_to)
        except VaultError as error:
            raise VaultError(
                f"Credential {row.credential_id}: {error.internal}",
                what=f"This credential for {row.connector_id}",
                details={"connectorId": row.connector_id, "credentialId": row.credential_id},
            ) from None
        return Secret(
            row.authentication_type,
            orjson.loads(plaintext),
            row.credential_id,
            row.auth_config_id,
            row.expires_at,
            row.version,
            row.dead,
        )

    async def _row(self, account_id: str, user_id: str, connector_id: str, credential_id: str) -> Row[Any]:
        # Whatever is no id of ours is not asked for: the text may hold what a database cannot.
        row = None
        if _ID.match(credential_id):
            row = await self._store.one(_ONE, {**_of(account_id, user_id, connector_id), "of_id": credential_id})
        if row is None:
            raise _not_found(connector_id)
        return row


def _of(account_id: str, user_id: str, connector_id: str) -> dict[str, str]:
    return {"of_account": account_id, "of_user": user_id, "of_connector": connector_id}


def _only(rows: Sequence[Row[Any]], connector_id: str) -> Row[Any]:
    """The default, else the only row that is neither suspended nor dead; where all are, the first of them."""
    if not rows:
        raise _not_found(connector_id)
    if rows[0].is_default:
        # Also where it is suspended or dead: nobody wants to act by another account without knowing.
        return rows[0]
    usable = [row for row in rows if not row.suspended and not row.dead]
    if len(usable) > 1:
        named = ", ".join(f"{row.credential_id} ({row.name})" for row in usable[:_NAMED_IN_MESSAGE])
        more = ", ..." if len(usable) > _NAMED_IN_MESSAGE else ""
        raise InvalidRequest(
            f"There are several credentials for {connector_id}: give credentialId, or the header x-credential-id, "
            f"one of {named}{more}; or make one of them the default",
            details={
                "field": "credentialId",
                "rule": "required",
                "connectorId": connector_id,
                "credentials": [{"credentialId": row.credential_id, "name": row.name} for row in usable],
            },
        )
    return (usable or rows)[0]


def _not_found(connector_id: str) -> CredentialNotFound:
    return CredentialNotFound("Credential not found", details={"connectorId": connector_id})


def suspend_for_connector(connection: Connection, account_id: str, connector_id: str) -> int:
    """Suspend all credentials for a connector, as part of a write job; returns how many were not suspended before."""
    return connection.execute(_SUSPEND, {"of_account": account_id, "of_connector": connector_id}).rowcount


def confirm_for_connector(connection: Connection, account_id: str, connector_id: str) -> int:
    """Lift the suspension of a connector's credentials, as part of a write job; returns how many were suspended."""
    return connection.execute(_CONFIRM, {"of_account": account_id, "of_connector": connector_id}).rowcount


def count_suspended(connection: Connection, account_id: str, connector_id: str) -> int:
    """How many credentials for a connector are suspended, as part of a write job."""
    found = connection.execute(_SUSPENDED, {"of_account": account_id, "of_connector": connector_id}).scalar_one()
    return int(found)


def delete_for_connector(connection: Connection, account_id: str, connector_id: str) -> int:
    """Delete all credentials for a connector, as part of a write job; returns how many there were."""
    return connection.execute(_DELETE, {"of_account": account_id, "of_connector": connector_id}).rowcount
