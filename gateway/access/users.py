"""The users of an account: made by the CLI, or at their first proved use."""

from sqlalchemy import Connection

from gateway.access.caller import ME
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


def ensure_user(connection: Connection, account_id: str, user_id: str) -> bool:
    """Make the account and the user if they are not there. Part of a write job; True if the user was made."""
    return identities.ensure_user(connection, account_id, user_id, now())


class Users:
    """Knows who exists, without asking the store twice while nothing has changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._generation = -1
        self._exists: dict[tuple[str, str], bool] = {}

    async def exists(self, account_id: str, user_id: str) -> bool:
        """Whether the account has this user."""
        if not is_user_id(user_id):
            return False
        generation = self._store.generation()
        if generation != self._generation or len(self._exists) > _MOST_REMEMBERED:
            self._exists.clear()
            self._generation = generation
        key = (account_id, user_id)
        if key not in self._exists:
            row = await self._store.one(identities.USER, {"account_id": account_id, "user_id": user_id})
            self._exists[key] = row is not None
        return self._exists[key]

    async def ensure(self, account_id: str, user_id: str) -> None:
        """Make the user (and the account) unless it is there."""
        if not await self.exists(account_id, user_id):
            await self._store.write(lambda connection: ensure_user(connection, account_id, user_id))
