"""API keys: shown once, kept as a hash, found without a query, and revoked for all processes at once."""

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from gateway.access.users import ensure_user, is_user_id, refusal, refuse_last_manager
from gateway.access.uses import KeyUses
from gateway.errors import Conflict, InvalidRequest, NotFound
from gateway.moments import new_id
from storage import audit
from storage import keys as statements
from storage.runner import Store
from storage.times import now, of_date_time

PREFIX = "tg_"
SCOPES = frozenset({"manage", "use"})
_KEY_ID = re.compile(r"[0-9a-f]{24}\Z")
_WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{16,512}\Z")
# Unknown keys are remembered too: who guesses costs a look-up in a dict, not in the database.
_CACHED = 4096


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Whom a presented key stands for. `scopes` are out of `manage` and `use`."""

    key_id: str
    account_id: str
    user_id: str
    scopes: frozenset[str]
    # Why the key is refused although it is in force: its user, or their account, is disabled.
    refusal: str | None = None
    # Seconds since 1970, from which on it is refused; None: never.
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key on its only way out: `key` is shown once and stored nowhere. `expires_at` is ISO 8601 UTC; None: never."""

    key_id: str
    key: str = field(repr=False)
    expires_at: str | None = None


def new_key() -> str:
    """`tg_` and 43 characters of `A-Z a-z 0-9 _ -`: 32 random bytes."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_key(key: str) -> bytes:
    """SHA-256, 32 bytes: what is stored. A random key has nothing to brute-force, so no slow hash is needed."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def prefix_of(key: str) -> str:
    """The beginning of a key that may be shown: 9 characters, or a fifth of a short key that somebody chose."""
    return key[: min(9, len(key) // 5)]


def well_formed(text: str) -> bool:
    """Whether `text` can be an API key: 16 to 512 of `A-Z a-z 0-9 _ -`. A JWT cannot: it has dots."""
    return _WELL_FORMED.match(text) is not None


def _checked_scopes(scopes: Iterable[str]) -> str:
    wanted = set(scopes)
    if not wanted or not wanted <= SCOPES:
        raise InvalidRequest.of("scopes", "enum", "scopes must be one or both of manage and use")
    return " ".join(sorted(wanted))


def _checked_expiry(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        moment = of_date_time(text)
    except ValueError:
        raise InvalidRequest.of("expiresAt", "format", "expiresAt must be a date-time") from None
    if moment <= now():
        raise InvalidRequest.of("expiresAt", "future", "expiresAt must be in the future")
    return moment


class ApiKeys:
    """The API keys in `store`. What `find` has found is cached until the store's generation changes, or it expires.

    `clock` gives seconds since 1970.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._uses = KeyUses(store)
        self._cache: dict[bytes, ApiKey | None] = {}
        self._generation: int | None = None

    async def create(
        self,
        account_id: str,
        user_id: str,
        scopes: Iterable[str] = SCOPES,
        key: str | None = None,
        *,
        name: str | None = None,
        expires_at: str | None = None,
        also: Callable[[Connection, str], object] | None = None,
        new_account: bool = False,
    ) -> NewKey:
        """Store a new key (or `key`, which the operator chose) for a user, who is made if needed.

        `expires_at` is an RFC 3339 date-time. With `new_account` the account is made as well. `also` runs in the same
        transaction: the place of the audit row. Raises InvalidRequest for a user id, scopes, a key or an expiry that
        cannot be, Conflict for a key that is or was in use, Unauthorized where there is no such account any more.
        """
        if not is_user_id(user_id):
            raise InvalidRequest.of(
                "userId", "format", "userId must be 1 to 10000 characters without NUL, and not the reserved word me"
            )
        if key is not None and not well_formed(key):
            raise InvalidRequest.of(
                "key", "pattern", "An API key must be 16 to 512 characters of A-Z, a-z, 0-9, _ and -"
            )
        new = NewKey(new_id(), key or new_key(), _checked_expiry(expires_at))
        row: dict[str, Any] = {
            "key_id": new.key_id,
            "account_id": account_id,
            "user_id": user_id,
            "key_hash": hash_key(new.key),
            "prefix": prefix_of(new.key),
            "scopes": _checked_scopes(scopes),
            "name": name,
            "expires_at": new.expires_at,
            "created_at": now(),
            "revoked_at": None,
        }

        def job(connection: Connection) -> None:
            if connection.execute(statements.TAKEN, {"key_hash": row["key_hash"]}).first() is not None:
                raise Conflict("This API key is or was in use; choose another")
            ensure_user(connection, account_id, user_id, new_account=new_account)
            connection.execute(statements.INSERT, row)
            connection.execute(statements.INSERT_USE, {"key_id": new.key_id})
            if also is not None:
                audit.about(connection, new.key_id)
                also(connection, new.key_id)

        await self._store.write(job)
        return new

    async def list(self, account_id: str) -> list[dict[str, Any]]:
        """The account's keys, oldest first.

        Shape: `{"keyId", "prefix", "userId", "scopes", "name"?, "createdAt", "expiresAt"?, "lastUsedAt"?,
        "revokedAt"?}`.
        """
        rows = await self._store.all(statements.LIST, {"account_id": account_id})
        return [_public(row) for row in rows]

    async def revoke(
        self,
        account_id: str,
        key_id: str,
        *,
        also: Callable[[Connection, str], object] | None = None,
        keep_manager: bool = False,
    ) -> None:
        """Revoke a key, for every process from its next request on. To revoke it again changes nothing.

        `also` runs in the same transaction. Raises NotFound for a key that is not the account's; with `keep_manager`,
        Conflict for the last key that can manage the account.
        """
        parameters = {"of_account": account_id, "of_key": key_id, "at": now()}

        def job(connection: Connection) -> None:
            # Whatever is no id of ours is not asked for: the text may hold what a database cannot.
            if not _KEY_ID.match(key_id) or connection.execute(statements.OF_ACCOUNT, parameters).first() is None:
                raise NotFound("API key not found")
            if keep_manager:
                refuse_last_manager(connection, account_id, "The last manage key cannot be revoked", key_id=key_id)
            connection.execute(statements.REVOKE, parameters)
            if also is not None:
                audit.about(connection, key_id)
                also(connection, key_id)

        await self._store.write(job)

    async def find(self, key: str) -> ApiKey | None:
        """Whose key this is; None for any text that is not a key in force. Not yet a use of it: see `used`."""
        if not well_formed(key):
            return None
        found = await self._known(hash_key(key))
        # Asked each time: nothing changes in the store when a key expires.
        if found is not None and found.expires is not None and found.expires <= self._clock():
            return None
        return found

    def used(self, key: ApiKey) -> None:
        """Remember that the key has just opened something; written later, see gateway.access.uses."""
        self._uses.note(key.key_id)

    async def close(self) -> None:
        """Write which keys were used last. Before the store is closed."""
        await self._uses.close()

    async def _known(self, key_hash: bytes) -> ApiKey | None:
        """The key that is not revoked, expired or not."""
        generation = self._store.generation()
        if generation != self._generation:
            self._cache.clear()
            self._generation = generation
        try:
            return self._cache[key_hash]
        except KeyError:
            pass
        row = await self._store.one(statements.FIND, {"key_hash": key_hash})
        found = row and ApiKey(
            row.key_id,
            row.account_id,
            row.user_id,
            frozenset(row.scopes.split()),
            refusal(row.user_disabled, row.account_disabled),
            row.expires_at and datetime.fromisoformat(row.expires_at).timestamp(),
        )
        # Somebody may have seen a newer generation while this waited: then what was read may be too old to keep.
        if generation == self._generation:
            if len(self._cache) >= _CACHED:
                del self._cache[next(iter(self._cache))]
            self._cache[key_hash] = found
        return found


def _public(row: Row[Any]) -> dict[str, Any]:
    optional = {
        "name": row.name,
        "expiresAt": row.expires_at,
        "lastUsedAt": row.last_used_at,
        "revokedAt": row.revoked_at,
    }
    return {
        "keyId": row.key_id,
        "prefix": row.prefix,
        "userId": row.user_id,
        "scopes": row.scopes.split(),
        "createdAt": row.created_at,
        **{name: value for name, value in optional.items() if value is not None},
    }
