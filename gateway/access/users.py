"""The users of an account: made by an operator, by the CLI, or at their first proved use."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from gateway.access.caller import DEFAULT_ACCOUNT, FIRST_USER, MANAGE, ME, Caller
from gateway.access.trail import record
from gateway.errors import Conflict, Forbidden, NotFound, Unauthorized
from gateway.moments import new_id
from storage import identities
from storage.runner import Store
from storage.times import now

_MOST_REMEMBERED = 10_000
_LONGEST = 10_000


def is_user_id(text: str) -> bool:
    """Whether `text` can be a user's id: 1 to 10000 characters without NUL, and not the reserved word `me`."""
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: bytes that were no UTF-8
        return False
    return 0 < len(text) <= _LONGEST and "\0" not in text and text != ME


def ensure_user(connection: Connection, account_id: str, user_id: str, *, new_account: bool = False) -> bool:
    """Make the user if they are not there. Part of a write job; True if the user was made.

    The default account is made as well, another only as a `new_account`: a request that was let in before its account
    was deleted must not bring the account back. Raises Unauthorized then.
    """
    made = new_account or account_id == DEFAULT_ACCOUNT
    try:
        return identities.ensure_user(connection, account_id, user_id, now(), new_account=made)
    except identities.NoSuchAccount:
        raise Unauthorized("The account was deleted") from None


def ensure_caller(connection: Connection, caller: Caller) -> None:
    """As `ensure_user`, for who calls: whom a key stands for is not made again. Raises Unauthorized."""
    this = {"account_id_": caller.account_id, "user_id_": caller.user_id}
    if caller.door == "api_key" and connection.execute(identities.USER, this).first() is None:
        raise Unauthorized("The user was deleted")
    ensure_user(connection, caller.account_id, caller.user_id)


def refusal(user_disabled: bool, account_disabled: bool) -> str | None:
    """Why a user is refused, in a sentence; None: they are not."""
    if account_disabled:
        return "Account is disabled"
    return "User is disabled" if user_disabled else None


class _Standing(NamedTuple):
    exists: bool
    refusal: str | None


class Users:
    """Knows who exists, without asking the store twice while nothing has changed; makes, changes and removes users.

    A user of another account is NotFound, as if they were not there.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._generation = -1
        self._known: dict[tuple[str, str], _Standing] = {}

    async def exists(self, account_id: str, user_id: str) -> bool:
        """Whether the account has this user, disabled or not."""
        return (await self._standing(account_id, user_id)).exists

    async def refuse_disabled(self, account_id: str, user_id: str) -> None:
        """Raise Forbidden where the user, or their account, is disabled."""
        reason = (await self._standing(account_id, user_id)).refusal
        if reason is not None:
            raise Forbidden(reason)

    async def ensure(self, account_id: str, user_id: str) -> None:
        """Make the user unless it is there. Raises Unauthorized where there is no such account."""

        def job(connection: Connection) -> None:
            if ensure_user(connection, account_id, user_id):
                # Their own proof has made them: nobody else has.
                made = Caller(account_id=account_id, user_id=user_id, principal_id=user_id, door="jwt")
                record(connection, made, "user.create", subject=user_id)

        if not await self.exists(account_id, user_id):
            await self._store.write(job)

    async def page(self, account_id: str, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
        """The account's users from `offset`, the oldest first, and how many there are in all."""
        mine = {"account_id_": account_id}
        rows = await self._store.all(identities.USERS, {**mine, "limit_": limit, "offset_": offset})
        total = await self._store.one(identities.COUNT_USERS, mine)
        return [_public(row) for row in rows], total[0] if total else 0

    async def get(self, account_id: str, user_id: str) -> dict[str, Any]:
        """`{"userId", "username"?, "fullName"?, "disabled", "createdAt"}`. Raises NotFound."""
        row = None
        if is_user_id(user_id):
            row = await self._store.one(identities.USER, {"account_id_": account_id, "user_id_": user_id})
        if row is None:
            raise _not_found(user_id)
        return _public(row)

    async def shown(self, account_id: str, user_id: str) -> str:
        """What a person is called on a page: their full name and user name, as far as known, else the id."""
        found = await self.get(account_id, user_id)
        names = [found[name] for name in ("fullName", "username") if found.get(name)]
        return f"{names[0]} ({names[1]})" if len(names) == 2 else names[0] if names else user_id

    async def create(self, caller: Caller, username: str, full_name: str | None) -> str:
        """A new user of the caller's account; returns their id, 24 hexadecimal digits. Raises Conflict."""
        user_id = new_id()
        row = {
            "account_id": caller.account_id,
            "user_id": user_id,
            "username": username,
            "full_name": full_name,
            "created_at": now(),
        }

        def job(connection: Connection) -> None:
            connection.execute(identities.INSERT_USER, row)
            record(connection, caller, "user.create", subject=user_id)

        try:
            await self._store.write(job)
        except IntegrityError:
            raise Conflict(
                "username is taken by another user of the account", details={"field": "username", "rule": "unique"}
            ) from None
        return user_id

    async def update(self, caller: Caller, user_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change `fullName` (null takes it away) or `disabled`, what of them is named.

        Raises NotFound, and Conflict where the change would lock the operator out.
        """
        values = {
            **_this(caller, user_id),
            "rename_": int("fullName" in body),
            "full_name_": body.get("fullName"),
            "disabled_": body.get("disabled"),
        }

        def job(connection: Connection) -> Row[Any]:
            if body.get("disabled"):
                _refuse_lockout(connection, caller, user_id, "disabled")
            row = connection.execute(identities.UPDATE_USER, values).first()
            if row is None:
                raise _not_found(user_id)
            record(connection, caller, "user.update", subject=user_id)
            return row

        return _public(await self._store.write(job))

    async def delete(self, caller: Caller, user_id: str) -> None:
        """Remove a user with their servers, credentials and keys. Raises NotFound, and Conflict as `update` does."""
        this = _this(caller, user_id)

        def job(connection: Connection) -> None:
            _refuse_lockout(connection, caller, user_id, "deleted")
            if connection.execute(identities.DELETE_USER, this).first() is None:
                raise _not_found(user_id)
            record(connection, caller, "user.delete", subject=user_id)

        await self._store.write(job)

    async def _standing(self, account_id: str, user_id: str) -> _Standing:
        generation = self._store.generation()
        if generation != self._generation or len(self._known) > _MOST_REMEMBERED:
            self._known.clear()
            self._generation = generation
        key = (account_id, user_id)
        found = self._known.get(key)
        if found is None:
            if not is_user_id(user_id):
                return _Standing(False, None)
            row = await self._store.one(identities.STANDING, {"account_id_": account_id, "user_id_": user_id})
            found = _Standing(row is not None, row and refusal(row.user_disabled, row.account_disabled))
            # What was read may be too old to keep, if somebody saw a newer generation while this waited.
            if generation == self._generation:
                self._known[key] = found
        return found


def refuse_last_manager(connection: Connection, account_id: str, left: str, **without: str) -> None:
    """Raise Conflict where, without the key or user in `without`, no key could manage the account any more.

    A key that expires keeps no account manageable: of those that do not, one has to stay, if there is one. Part of a
    write job. `left` says what is refused, for example "The last manage key cannot be revoked".
    """
    asked = {"account_id_": account_id, "now_": now()}
    managers = [row for row in connection.execute(identities.MANAGERS, asked) if MANAGE in row.scopes.split()]
    remaining = [row for row in managers if all(getattr(row, name) != value for name, value in without.items())]
    if managers and not remaining:
        raise Conflict(f"{left}: no key could manage the account any more")
    if any(row.expires_at is None for row in managers) and all(row.expires_at is not None for row in remaining):
        raise Conflict(f"{left}: the keys that are left expire, and then none could manage the account any more")


def _refuse_lockout(connection: Connection, caller: Caller, user_id: str, done: str) -> None:
    # First: the command line acts as this user, and whoever sits there would not know themselves in "your own".
    if (caller.account_id, user_id) == (DEFAULT_ACCOUNT, FIRST_USER):
        raise Conflict(f"The operator's own user, {FIRST_USER}, cannot be {done}", details={"userId": user_id[:200]})
    if user_id == caller.principal_id:
        raise Conflict(f"Your own user cannot be {done} by you", details={"userId": user_id[:200]})
    refuse_last_manager(
        connection, caller.account_id, f"The user of the last manage key cannot be {done}", user_id=user_id
    )


def _this(caller: Caller, user_id: str) -> dict[str, str]:
    if not is_user_id(user_id):
        raise _not_found(user_id)
    return {"account_id_": caller.account_id, "user_id_": user_id}


def _public(row: Row[Any]) -> dict[str, Any]:
    optional = {"username": row.username, "fullName": row.full_name}
    return {
        "userId": row.user_id,
        **{name: value for name, value in optional.items() if value is not None},
        "disabled": row.disabled,
        "createdAt": row.created_at,
    }


def _not_found(user_id: str) -> NotFound:
    return NotFound("User not found", details={"userId": user_id[:200]})
