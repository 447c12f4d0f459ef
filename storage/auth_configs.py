"""Statements about OAuth clients that operators registered."""

from sqlalchemy import Boolean, bindparam, delete, func, insert, select, update

from storage.tables import auth_configs, credentials

_MINE = auth_configs.c.account_id == bindparam("of_account")
_AT_CONNECTOR = auth_configs.c.connector_id == bindparam("of_connector")
_THIS = (_MINE, auth_configs.c.auth_config_id == bindparam("of_id"))
_IN_ORDER = (auth_configs.c.connector_id, auth_configs.c.created_at, auth_configs.c.auth_config_id)

ONE = select(auth_configs).where(*_THIS)
# The most that one answer holds, as the contract says.
ALL = select(auth_configs).where(_MINE).order_by(*_IN_ORDER).limit(1000)
OF_CONNECTOR = select(auth_configs).where(_MINE, _AT_CONNECTOR).order_by(*_IN_ORDER).limit(1000)
COUNT = select(func.count()).select_from(auth_configs).where(_MINE)
INSERT = insert(auth_configs).returning(*auth_configs.c)
# All of it: what is to stay as it was is given again.
UPDATE = (
    update(auth_configs)
    .where(*_THIS)
    .values(
        name=bindparam("name_"),
        client_id=bindparam("client_id_"),
        sealed=bindparam("sealed_"),
        sealed_by=bindparam("sealed_by_"),
        token_endpoint_auth_method=bindparam("token_endpoint_auth_method_"),
        scopes=bindparam("scopes_"),
        user_scopes=bindparam("user_scopes_"),
        redirect_uris=bindparam("redirect_uris_"),
        authorization_url=bindparam("authorization_url_"),
        token_url=bindparam("token_url_"),
        endpoints=bindparam("endpoints_"),
        is_default=bindparam("is_default_"),
        updated_at=bindparam("now_"),
    )
    .returning(*auth_configs.c)
)
# Of several for one connector, one is the default at most.
NO_DEFAULT = (
    update(auth_configs)
    .where(_MINE, _AT_CONNECTOR, auth_configs.c.is_default == bindparam("default_", True, type_=Boolean))
    .values(is_default=False)
)
DELETE = delete(auth_configs).where(*_THIS).returning(auth_configs.c.connector_id)
DELETE_OF_CONNECTOR = delete(auth_configs).where(_MINE, _AT_CONNECTOR)
# How many credentials were made with it.
USED = (
    select(func.count())
    .select_from(credentials)
    .where(
        credentials.c.account_id == bindparam("of_account"),
        credentials.c.auth_config_id == bindparam("of_id"),
    )
)
