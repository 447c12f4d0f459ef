"""API keys: shown once, kept as a hash, found without a query, and revoked for all processes at once."""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.access.users import ensure_user, is_user_id, refusal, refuse_last_manager
from gateway.errors import Conflict, InvalidRequest, NotFound
from gateway.moments import new_id
from storage.runner import Store
from storage.tables import accounts, api_keys, users
from storage.times import now

PREFIX = "tg_"
SCOPES = frozenset({"manage", "use"})
_KEY_ID = re.compile(r"[0-9a-f]{24}\Z")
_WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{16,512}\Z")
# Unknown keys are remembered too: who guesses costs a look-up in a dict, not in the database.
_CACHED = 4096

_FIND = (
    select(
        api_keys.c.key_id,
        api_keys.c.account_id,
        api_keys.c.user_id,
        api_keys.c.scopes,
        users.c.disabled.label("user_disabled"),
        accounts.c.disabled.label("account_disabled"),
    )
    .join_from(api_keys, users, (api_keys.c.account_id == users.c.account_id) & (api_keys.c.user_id == users.c.user_id))
    .join(accounts, api_keys.c.account_id == accounts.c.account_id)
    .where(api_keys.c.key_hash == bindparam("key_hash"), api_keys.c.revoked_at.is_(None))
)
_TAKEN = select(api_keys.c.key_id).where(api_keys.c.key_hash == bindparam("key_hash"))
_LIST = (
    select(
        api_keys.c.key_id,
        api_keys.c.prefix,
        api_keys.c.user_id,
        api_keys.c.scopes,
        api_keys.c.created_at,
        api_keys.c.revoked_at,
    )
    .where(api_keys.c.account_id == bindparam("account_id"))
    .order_by(api_keys.c.created_at, api_keys.c.key_id)
)
_INSERT = insert(api_keys)
_OF_ACCOUNT = select(api_keys.c.key_id).where(
    api_keys.c.account_id == bindparam("of_account"), api_keys.c.key_id == bindparam("of_key")
)
_REVOKE = (
    update(api_keys)
    .where(
        api_keys.c.account_id == bindparam("of_account"),
        api_keys.c.key_id == bindparam("of_key"),
        # The first revocation is the one that counts.
        api_keys.c.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("at"))
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Whom a presented key stands for. `scopes` are out of `manage` and `use`."""

    key_id: str
    account_id: str
    user_id: str
    scopes: frozenset[str]
    # Why the key is refused although it is in force: its user, or their account, is disabled.
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key on its only way out: `key` is shown once and stored nowhere."""

    key_id: str
    key: str = field(repr=False)


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


class ApiKeys:
    """The API keys in `store`. What `find` has found is cached until the store's generation changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache: dict[bytes, ApiKey | None] = {}
        self._generation: int | None = None

    async def create(
        self,
        account_id: str,
        user_id: str,
        scopes: Iterable[str] = SCOPES,
        key: str | None = None,
        *,
        also: Callable[[Connection], object] | None = None,
        new_account: bool = False,
    ) -> NewKey:
        """Store a new key (or `key`, which the operator chose) for a user, who is made if needed.

        With `new_account` the account is made as well. `also` runs in the same transaction: the place of the audit
        row. Raises InvalidRequest for a user id, scopes or a key that cannot be, Conflict for a key that is or was in
        use, Unauthorized where there is no such account any more.
        """
        if not is_user_id(user_id):
            raise InvalidRequest.of(
                "userId", "format", "userId must be 1 to 10000 characters without NUL, and not the reserved word me"
            )
        if key is not None and not well_formed(key):
            raise InvalidRequest.of(
                "key", "pattern", "An API key must be 16 to 512 characters of A-Z, a-z, 0-9, _ and -"
            )
        new = NewKey(new_id(), key or new_key())
        row: dict[str, Any] = {
            "key_id": new.key_id,
            "account_id": account_id,
            "user_id": user_id,
            "key_hash": hash_key(new.key),
            "prefix": prefix_of(new.key),
            "scopes": _checked_scopes(scopes),
            "created_at": now(),
            "revoked_at": None,
        }

        def job(connection: Connection) -> None:
            if connection.execute(_TAKEN, {"key_hash": row["key_hash"]}).first() is not None:
                raise Conflict("This API key is or was in use; choose another")
            ensure_user(connection, account_id, user_id, new_account=new_account)
            connection.execute(_INSERT, row)
            if also is not None:
                also(connection)

        await self._store.write(job)
        return new

    async def list(self, account_id: str) -> list[dict[str, Any]]:
        """The account's keys, oldest first.

        Shape: `{"keyId", "prefix", "userId", "scopes", "createdAt"}`, and `revokedAt` once revoked.
        """
        rows = await self._store.all(_LIST, {"account_id": account_id})
        return [
            {
                "keyId": row.key_id,
                "prefix": row.prefix,
                "userId": row.user_id,
                "scopes": row.scopes.split(),
                "createdAt": row.created_at,
                **({"revokedAt": row.revoked_at} if row.revoked_at else {}),
            }
            for row in rows
        ]

    async def revoke(
        self,
        account_id: str,
        key_id: str,
        *,
        also: Callable[[Connection], object] | None = None,
        keep_manager: bool = False,
    ) -> None:
        """Revoke a key, for every process from its next request on. To revoke it again changes nothing.

        `also` runs in the same transaction. Raises NotFound for a key that is not the account's; with `keep_manager`,
        Conflict for the last key that can manage the account.
        """
        parameters = {"of_account": account_id, "of_key": key_id, "at": now()}

        def job(connection: Connection) -> None:
            # Whatever is no id of ours is not asked for: the text may hold what a database cannot.
            if not _KEY_ID.match(key_id) or connection.execute(_OF_ACCOUNT, parameters).first() is None:
                raise NotFound("API key not found")
            if keep_manager:
                refuse_last_manager(connection, account_id, "The last manage key cannot be revoked", key_id=key_id)
            connection.execute(_REVOKE, parameters)
            if also is not None:
                also(connection)

        await self._store.write(job)

    async def find(self, key: str) -> ApiKey | None:
        """Whose key this is; None for any text that is not a key in force."""
        if not well_formed(key):
            return None
        generation = self._store.generation()
        if generation != self._generation:
            self._cache.clear()
            self._generation = generation
        key_hash = hash_key(key)
        try:
            return self._cache[key_hash]
        except KeyError:
            pass
        row = await self._store.one(_FIND, {"key_hash": key_hash})
        found = row and ApiKey(
            row.key_id,
            row.account_id,
            row.user_id,
            frozenset(row.scopes.split()),
            refusal(row.user_disabled, row.account_disabled),
        )
        # Somebody may have seen a newer generation while this waited: then what was read may be too old to keep.
        if generation == self._generation:
            if len(self._cache) >= _CACHED:
                del self._cache[next(iter(self._cache))]
            self._cache[key_hash] = found
        return found
