"""Statements about one credential. Those about many stand with gateway.credentials.store."""

from sqlalchemy import Boolean, Text, bindparam, delete, func, select, update

from storage.tables import credentials

_THIS = (
    credentials.c.account_id == bindparam("of_account"),
    credentials.c.user_id == bindparam("of_user"),
    credentials.c.credential_id == bindparam("of_id"),
)
_AT_CONNECTOR = credentials.c.connector_id == bindparam("of_connector")
_SHOWN = (
    credentials.c.credential_id,
    credentials.c.connector_id,
    credentials.c.authentication_type,
    credentials.c.name,
    credentials.c.suspended,
    credentials.c.dead,
    credentials.c.is_default,
    credentials.c.created_at,
    credentials.c.updated_at,
)

ONE = select(*_SHOWN).where(*_THIS, _AT_CONNECTOR)
OF_USER = (
    select(*_SHOWN)
    .where(credentials.c.account_id == bindparam("of_account"), credentials.c.user_id == bindparam("of_user"))
    .order_by(credentials.c.created_at, credentials.c.credential_id)
    # The most that one answer holds, as the contract says.
    .limit(1000)
)
# NULL means "as it was".
CHANGE = (
    update(credentials)
    .where(*_THIS, _AT_CONNECTOR)
    .values(
        name=func.coalesce(bindparam("name_", type_=Text), credentials.c.name),
        is_default=func.coalesce(bindparam("default_", type_=Boolean), credentials.c.is_default),
        updated_at=bindparam("now_"),
    )
    .returning(*_SHOWN)
)
# Before another one becomes the default: there is one at most.
NO_DEFAULT = (
    update(credentials)
    .where(
        credentials.c.account_id == bindparam("of_account"),
        credentials.c.user_id == bindparam("of_user"),
        _AT_CONNECTOR,
        credentials.c.is_default.is_(True),
    )
    .values(is_default=False)
)
# Whoever gives the secret again has seen where it goes: it is not suspended any more.
REPLACE = (
    update(credentials)
    .where(*_THIS, _AT_CONNECTOR)
    .values(
        authentication_type=bindparam("type_"),
        name=func.coalesce(bindparam("name_"), credentials.c.name),
        sealed=bindparam("sealed_"),
        sealed_by=bindparam("sealed_by_"),
        suspended=False,
        auth_config_id=bindparam("auth_config_id_"),
        expires_at=bindparam("expires_at_"),
        dead=False,
        # Whoever was renewing what stood here finds out by these that it does no more.
        version=credentials.c.version + 1,
        lease=None,
        lease_until=None,
        updated_at=bindparam("now_"),
    )
    .returning(*_SHOWN)
)
# Whoever signs in again has seen where it goes. A renewal that is under way finds another version, and keeps nothing.
RECONNECT = (
    update(credentials)
    .where(*_THIS, _AT_CONNECTOR)
    .values(
        authentication_type="oauth2",
        sealed=bindparam("sealed_"),
        sealed_by=bindparam("sealed_by_"),
        auth_config_id=bindparam("auth_config_id_"),
        expires_at=bindparam("expires_at_"),
        dead=False,
        suspended=False,
        version=credentials.c.version + 1,
        lease=None,
        lease_until=None,
        updated_at=bindparam("now_"),
    )
    .returning(*_SHOWN)
)
DELETE = delete(credentials).where(*_THIS).returning(credentials)
_FETCHED = (
    credentials.c.account_id == bindparam("of_account"),
    credentials.c.authentication_type.in_(("oauth2", "clientCredentials")),
)
# What is void at its platform too, once it is gone here.
FETCHED_OF_USER = (
    select(credentials)
    .where(*_FETCHED, credentials.c.user_id == bindparam("of_user"))
    .order_by(credentials.c.created_at)
    .limit(100)
)
FETCHED_OF_ACCOUNT = select(credentials).where(*_FETCHED).order_by(credentials.c.created_at).limit(100)
FETCHED_OF_CONNECTOR = select(credentials).where(*_FETCHED, _AT_CONNECTOR).order_by(credentials.c.created_at).limit(100)
