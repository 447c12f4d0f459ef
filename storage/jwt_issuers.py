"""Statements about the JWT issuers of accounts."""

from sqlalchemy import bindparam, delete, func, insert, select

from storage.tables import accounts, jwt_issuers

_OF_ACCOUNT = jwt_issuers.c.account_id == bindparam("account_id_")

# By the claim `iss`, whoever's it is, and whether its account is disabled.
FIND = (
    select(*jwt_issuers.c, accounts.c.disabled.label("account_disabled"))
    .join_from(jwt_issuers, accounts, jwt_issuers.c.account_id == accounts.c.account_id)
    .where(jwt_issuers.c.issuer == bindparam("issuer_"))
)
OF_ACCOUNT = select(jwt_issuers).where(_OF_ACCOUNT).order_by(jwt_issuers.c.created_at, jwt_issuers.c.issuer_id)
PAGE = OF_ACCOUNT.limit(bindparam("limit_")).offset(bindparam("offset_"))
COUNT = select(func.count()).select_from(jwt_issuers).where(_OF_ACCOUNT)
INSERT = insert(jwt_issuers).returning(*jwt_issuers.c)
DELETE = (
    delete(jwt_issuers)
    .where(_OF_ACCOUNT, jwt_issuers.c.issuer_id == bindparam("issuer_id_"))
    .returning(jwt_issuers.c.issuer_id)
)
