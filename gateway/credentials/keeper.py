"""One credential at a time: shown without its secret, changed, replaced, removed. gateway.credentials.store chooses."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row

from gateway.credentials.store import associated
from gateway.credentials.vault import Vault
from gateway.errors import NotFound
from storage import audit
from storage import credentials as statements
from storage.runner import Store
from storage.times import now

# Runs in the transaction of a change, and is told which connector it is about: the place of the audit row.
Also = Callable[[Connection, str], object]
_ID = re.compile(r"[0-9a-f]{24}\Z")


class Keeper:
    """Every method is about a credential of one user of one account; another's is NotFound.

    Whether the caller may act for that user has been decided before.
    """

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def get(self, account_id: str, user_id: str, connector_id: str, credential_id: str) -> dict[str, Any]:
        """`{"credentialId", "name", "type", "createdAt", "updatedAt", "suspended"?, "dead"?, "default"?}`.

        Raises NotFound.
        """
        row = await self._store.one(statements.ONE, _this(account_id, user_id, credential_id, connector_id))
        if row is None:
            raise _not_found(credential_id)
        return public(row)

    async def all(self, account_id: str, user_id: str) -> list[dict[str, Any]]:
        """The user's credentials for every connector, in the shape of `get`, the oldest first, 1000 at most."""
        mine = {"of_account": account_id, "of_user": user_id}
        return [public(row) for row in await self._store.all(statements.OF_USER, mine)]

    async def change(
        self,
        account_id: str,
        user_id: str,
        connector_id: str,
        credential_id: str,
        *,
        name: str | None = None,
        default: bool | None = None,
        also: Also,
    ) -> dict[str, Any]:
        """Give it another name, make it the user's default for its connector, or no default; None leaves as it is.

        One that becomes the default is so in the place of the one before. Raises NotFound.
        """
        this = _this(account_id, user_id, credential_id, connector_id)
        values = {**this, "name_": name, "default_": default, "now_": now()}
        of_user = {name: this[name] for name in ("of_account", "of_user", "of_connector")}

        def clear(connection: Connection) -> dict[str, Any]:
            if default:
                connection.execute(statements.NO_DEFAULT, of_user)
            return {}

        return await self._change(statements.CHANGE, values, also, clear)

    async def replace(
        self,
        account_id: str,
        user_id: str,
        connector_id: str,
        credential_id: str,
        authentication_type: str,
        data: Mapping[str, str],
        name: str | None,
        *,
        auth_config_id: str | None = None,
        expires_at: int | None = None,
        also: Also,
    ) -> dict[str, Any]:
        """Seal other data in its place, which lifts a suspension and revives what was dead.

        `name` None leaves the name. `auth_config_id` and `expires_at` as in `Credentials.create`. Raises NotFound.
        """
        this = _this(account_id, user_id, credential_id, connector_id)
        bound_to = associated(account_id, user_id, connector_id, credential_id)
        plaintext = orjson.dumps(dict(data))
        values = {
            **this,
            "type_": authentication_type,
            "name_": name,
            "auth_config_id_": auth_config_id,
            "expires_at_": expires_at,
            "now_": now(),
        }

        def sealed(connection: Connection) -> dict[str, Any]:
            sealed, sealed_by = self._vault.seal(plaintext, bound_to, connection)
            return {"sealed_": sealed, "sealed_by_": sealed_by}

        return await self._change(statements.REPLACE, values, also, sealed)

    async def reconnect(
        self,
        account_id: str,
        user_id: str,
        connector_id: str,
        credential_id: str,
        data: Mapping[str, str],
        *,
        auth_config_id: str,
        expires_at: int | None,
        also: Also,
    ) -> dict[str, Any]:
        """Put what a new sign-in gave in its place: it is neither dead nor suspended any more. Raises NotFound."""
        bound_to = associated(account_id, user_id, connector_id, credential_id)
        sealed, sealed_by = self._vault.seal(orjson.dumps(dict(data)), bound_to)
        values = {
            **_this(account_id, user_id, credential_id, connector_id),
            "sealed_": sealed,
            "sealed_by_": sealed_by,
            "auth_config_id_": auth_config_id,
            "expires_at_": expires_at,
            "now_": now(),
        }
        return await self._change(statements.RECONNECT, values, also)

    async def delete(
        self, account_id: str, user_id: str, credential_id: str, connector_id: str | None = None, *, also: Also
    ) -> Row[Any]:
        """Remove it for good, with `connector_id` only if it is that connector's; the row that was. Raises NotFound."""
        this = _this(account_id, user_id, credential_id)

        def job(connection: Connection) -> Row[Any]:
            row = connection.execute(statements.DELETE, this).first()
            if row is None or connector_id not in (None, row.connector_id):
                raise _not_found(credential_id)
            audit.about(connection, credential_id)
            also(connection, row.connector_id)
            return row

        return await self._store.write(job)

    async def fetched(self, account_id: str, user_id: str) -> Sequence[Row[Any]]:
        """The rows of a user's credentials whose tokens a platform gave, 100 at most."""
        return await self._store.all(statements.FETCHED_OF_USER, {"of_account": account_id, "of_user": user_id})

    async def fetched_at(self, account_id: str, connector_id: str) -> Sequence[Row[Any]]:
        """The same of all of a connector's users, 100 at most."""
        this = {"of_account": account_id, "of_connector": connector_id}
        return await self._store.all(statements.FETCHED_OF_CONNECTOR, this)

    async def fetched_in(self, account_id: str) -> Sequence[Row[Any]]:
        """The same of all of an account's users, 100 at most."""
        return await self._store.all(statements.FETCHED_OF_ACCOUNT, {"of_account": account_id})

    async def _change(
        self,
        statement: Any,
        values: Mapping[str, Any],
        also: Also,
        more: Callable[[Connection], Mapping[str, Any]] = lambda _: {},
    ) -> dict[str, Any]:
        def job(connection: Connection) -> Row[Any]:
            row = connection.execute(statement, {**values, **more(connection)}).first()
            if row is None:
                raise _not_found(values["of_id"])
            audit.about(connection, values["of_id"])
            also(connection, row.connector_id)
            return row

        return public(await self._store.write(job))


def public(row: Row[Any]) -> dict[str, Any]:
    """What may be shown of a credential: names and kinds."""
    return {
        "credentialId": row.credential_id,
        "name": row.name,
        "type": f"{row.connector_id}-{row.authentication_type}",
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        **({"suspended": True} if row.suspended else {}),
        **({"dead": True} if row.dead else {}),
        **({"default": True} if row.is_default else {}),
    }


def _this(account_id: str, user_id: str, credential_id: str, connector_id: str | None = None) -> dict[str, str]:
    # Whatever is no id of ours is not asked for: the text may hold what a database cannot.
    if not _ID.match(credential_id):
        raise _not_found(credential_id)
    this = {"of_account": account_id, "of_user": user_id, "of_id": credential_id}
    return this if connector_id is None else {**this, "of_connector": connector_id}


def _not_found(credential_id: str) -> NotFound:
    return NotFound("Credential not found", details={"credentialId": credential_id[:64]})
