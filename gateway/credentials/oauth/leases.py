"""Who may renew a credential's token: one at a time, of all processes that share the store.

The lease is a column of the credential's row, taken by compare-and-set, that ends by itself: whoever dies with it holds
up the others for LEASE_SECONDS and no longer. That the row still has the data that a renewal began with is told by its
version, so that a renewal never overwrites what a user has stored since, nor brings back what they deleted.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Row

from gateway.credentials.model import Secret
from gateway.credentials.store import Credentials
from storage import audit
from storage import token_life as statements
from storage.runner import Store

# Longer than a token request may take (tokens.TOKEN_SECONDS).
LEASE_SECONDS = 30

# Runs in the transaction of a renewal, and is told how it ended: the place of an audit row.
Note = Callable[[Connection, str], object]


@dataclass(frozen=True, slots=True)
class Standing:
    """A credential as it stands in the store now."""

    secret: Secret
    suspended: bool


class Leases:
    """Every method is about one credential of one account. `clock` gives seconds since the epoch."""

    def __init__(
        self,
        store: Store,
        credentials: Credentials,
        *,
        seconds: int = LEASE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._clock = clock
        self.seconds = seconds

    async def read(self, account_id: str, credential_id: str) -> Standing | None:
        """As it stands now; None where it is gone. Raises VaultError."""
        row = await self._store.one(statements.ROW, {"of_account": account_id, "of_id": credential_id})
        return None if row is None else Standing(self._credentials.opened(row), row.suspended)

    async def take(self, account_id: str, secret: Secret, holder: str) -> bool:
        """Whether `holder` has the lease from now on. Not where somebody else has, or the data have changed."""
        now = int(self._clock())
        values = {
            **_this(account_id, secret),
            "of_version": secret.version,
            "holder_": holder,
            "now_": now,
            "until_": now + self.seconds,
        }
        return await self._store.write(
            lambda connection: connection.execute(statements.TAKE, values).first() is not None
        )

    async def release(self, account_id: str, secret: Secret, holder: str) -> None:
        """Give the lease back, if it is still `holder`'s."""
        values = {**_this(account_id, secret), "holder_": holder}

        def job(connection: Connection) -> None:
            connection.execute(statements.RELEASE, values)

        await self._store.write(job)

    async def keep(
        self,
        account_id: str,
        user_id: str,
        connector_id: str,
        secret: Secret,
        data: Mapping[str, str],
        expires_at: int | None,
        note: Note,
    ) -> Secret | None:
        """Seal `data` in place of those of `secret`; None where these stand there no more. Gives the lease back."""
        whose = (account_id, user_id, connector_id, secret.credential_id)
        values = {**_this(account_id, secret), "of_version": secret.version, "expires_at_": expires_at}

        def job(connection: Connection) -> Row[tuple[object, ...]] | None:
            sealed, sealed_by = self._credentials.sealed(connection, *whose, data)
            row = connection.execute(statements.KEEP, {**values, "sealed_": sealed, "sealed_by_": sealed_by}).first()
            if row is not None:
                audit.about(connection, secret.credential_id)
                note(connection, "ok")
            return row

        row = await self._store.write(job)
        return None if row is None else self._credentials.opened(row)

    async def bury(self, account_id: str, secret: Secret, outcome: str, note: Note) -> bool:
        """Mark the credential dead; False where it has other data by now. Gives the lease back."""
        values = {**_this(account_id, secret), "of_version": secret.version}

        def job(connection: Connection) -> bool:
            found = connection.execute(statements.BURY, values).rowcount > 0
            if found:
                audit.about(connection, secret.credential_id)
                note(connection, outcome)
            return found

        return await self._store.write(job)


def _this(account_id: str, secret: Secret) -> dict[str, str]:
    return {"of_account": account_id, "of_id": secret.credential_id}
