"""Statements about API keys."""

from sqlalchemy import String, bindparam, insert, or_, select, update

from storage.tables import accounts, api_keys, key_uses, users

# In force, whoever's it is: what it opens, and whether its user and account are disabled.
FIND = (
    select(
        api_keys.c.key_id,
        api_keys.c.account_id,
        api_keys.c.user_id,
        api_keys.c.scopes,
        api_keys.c.expires_at,
        users.c.disabled.label("user_disabled"),
        accounts.c.disabled.label("account_disabled"),
    )
    .join_from(api_keys, users, (api_keys.c.account_id == users.c.account_id) & (api_keys.c.user_id == users.c.user_id))
    .join(accounts, api_keys.c.account_id == accounts.c.account_id)
    .where(api_keys.c.key_hash == bindparam("key_hash"), api_keys.c.revoked_at.is_(None))
)
TAKEN = select(api_keys.c.key_id).where(api_keys.c.key_hash == bindparam("key_hash"))
LIST = (
    select(
        api_keys.c.key_id,
        api_keys.c.prefix,
        api_keys.c.user_id,
        api_keys.c.scopes,
        api_keys.c.name,
        api_keys.c.expires_at,
        api_keys.c.created_at,
        api_keys.c.revoked_at,
        key_uses.c.last_used_at,
    )
    .join_from(api_keys, key_uses, api_keys.c.key_id == key_uses.c.key_id, isouter=True)
    .where(api_keys.c.account_id == bindparam("account_id"))
    .order_by(api_keys.c.created_at, api_keys.c.key_id)
)
INSERT = insert(api_keys)
INSERT_USE = insert(key_uses)
OF_ACCOUNT = select(api_keys.c.key_id).where(
    api_keys.c.account_id == bindparam("of_account"), api_keys.c.key_id == bindparam("of_key")
)
REVOKE = (
    update(api_keys)
    .where(
        api_keys.c.account_id == bindparam("of_account"),
        api_keys.c.key_id == bindparam("of_key"),
        # The first revocation is the one that counts.
        api_keys.c.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("at"))
)
# By the key's own id, which whoever presents the key has proved. A later use that another process saw stands.
USED = (
    update(key_uses)
    .where(
        key_uses.c.key_id == bindparam("of_key"),
        or_(key_uses.c.last_used_at.is_(None), key_uses.c.last_used_at < bindparam("at", type_=String)),
    )
    .values(last_used_at=bindparam("at", type_=String))
)
