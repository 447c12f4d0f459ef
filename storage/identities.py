"""Statements about accounts and users."""

from sqlalchemy import Connection, bindparam, case, delete, func, insert, or_, select, update

from storage.tables import accounts, api_keys, users

_OF_ACCOUNT = users.c.account_id == bindparam("account_id_")
_THIS_USER = (_OF_ACCOUNT, users.c.user_id == bindparam("user_id_"))
_THIS_ACCOUNT = accounts.c.account_id == bindparam("account_id_")

# Whether the user, and the account they belong to, are disabled; no row where there is no such user.
STANDING = (
    select(users.c.disabled.label("user_disabled"), accounts.c.disabled.label("account_disabled"))
    .join_from(users, accounts, users.c.account_id == accounts.c.account_id)
    .where(*_THIS_USER)
)

USER = select(users).where(*_THIS_USER)
USERS = (
    select(users)
    .where(_OF_ACCOUNT)
    .order_by(users.c.created_at, users.c.user_id)
    .limit(bindparam("limit_"))
    .offset(bindparam("offset_"))
)
COUNT_USERS = select(func.count()).select_from(users).where(_OF_ACCOUNT)
INSERT_USER = insert(users).returning(*users.c)
# NULL means "as it was"; a full name may really become NULL, so that a flag of its own says whether to write it.
UPDATE_USER = (
    update(users)
    .where(*_THIS_USER)
    .values(
        full_name=case((bindparam("rename_") == 1, bindparam("full_name_")), else_=users.c.full_name),
        disabled=func.coalesce(bindparam("disabled_"), users.c.disabled),
    )
    .returning(*users.c)
)
DELETE_USER = delete(users).where(*_THIS_USER).returning(users.c.user_id)

# The keys that can manage an account as it is at `now_`: in force, and of a user who is not disabled.
MANAGERS = (
    select(api_keys.c.key_id, api_keys.c.user_id, api_keys.c.scopes, api_keys.c.expires_at)
    .join_from(
        api_keys,
        users,
        (api_keys.c.account_id == users.c.account_id) & (api_keys.c.user_id == users.c.user_id),
    )
    .where(
        api_keys.c.account_id == bindparam("account_id_"),
        api_keys.c.revoked_at.is_(None),
        or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > bindparam("now_")),
        users.c.disabled.is_(False),
    )
)

ACCOUNT = select(accounts).where(_THIS_ACCOUNT)
ACCOUNTS = (
    select(accounts)
    .order_by(accounts.c.created_at, accounts.c.account_id)
    .limit(bindparam("limit_"))
    .offset(bindparam("offset_"))
)
COUNT_ACCOUNTS = select(func.count()).select_from(accounts)
INSERT_ACCOUNT = insert(accounts)
UPDATE_ACCOUNT = (
    update(accounts)
    .where(_THIS_ACCOUNT)
    .values(
        name=func.coalesce(bindparam("name_"), accounts.c.name),
        disabled=func.coalesce(bindparam("disabled_"), accounts.c.disabled),
    )
    .returning(*accounts.c)
)
DELETE_ACCOUNT = delete(accounts).where(_THIS_ACCOUNT).returning(accounts.c.account_id)


class NoSuchAccount(Exception):
    """The account was never there, or is not any more."""


def ensure_user(connection: Connection, account_id: str, user_id: str, now: str, *, new_account: bool = False) -> bool:
    """Make the user unless they are there, and with `new_account` the account as well. Part of a write job.

    True if the user was made. Raises NoSuchAccount.
    """
    if connection.execute(ACCOUNT, {"account_id_": account_id}).first() is None:
        if not new_account:
            raise NoSuchAccount
        connection.execute(INSERT_ACCOUNT, {"account_id": account_id, "name": account_id, "created_at": now})
    if connection.execute(USER, {"account_id_": account_id, "user_id_": user_id}).first() is not None:
        return False
    connection.execute(INSERT_USER, {"account_id": account_id, "user_id": user_id, "created_at": now})
    return True
