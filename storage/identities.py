"""Statements about accounts and users."""

from sqlalchemy import Connection, bindparam, insert, select

from storage.tables import accounts, users

USER = select(users.c.user_id).where(
    users.c.account_id == bindparam("account_id"), users.c.user_id == bindparam("user_id")
)
_INSERT_USER = insert(users)
_ACCOUNT = select(accounts.c.account_id).where(accounts.c.account_id == bindparam("account_id"))
_INSERT_ACCOUNT = insert(accounts)


def ensure_user(connection: Connection, account_id: str, user_id: str, now: str) -> bool:
    """Make the account and the user if they are not there. Part of a write job; True if the user was made."""
    if connection.execute(_ACCOUNT, {"account_id": account_id}).first() is None:
        connection.execute(_INSERT_ACCOUNT, {"account_id": account_id, "name": account_id, "created_at": now})
    if connection.execute(USER, {"account_id": account_id, "user_id": user_id}).first() is not None:
        return False
    connection.execute(_INSERT_USER, {"account_id": account_id, "user_id": user_id, "created_at": now})
    return True
