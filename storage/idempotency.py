"""Statements about requests with an `Idempotency-Key`: begun, answered, taken back, over."""

from sqlalchemy import bindparam, delete, insert, select, tuple_, update

from storage.tables import idempotency

# How many rows one purge removes at most: it runs beside somebody's write.
PURGED_AT_ONCE = 100

_THIS = (
    idempotency.c.account_id == bindparam("account_id_"),
    idempotency.c.scope == bindparam("scope_"),
)
_OPEN = idempotency.c.status.is_(None)
_ROW = tuple_(idempotency.c.account_id, idempotency.c.scope)

FIND = select(idempotency).where(*_THIS)
BEGIN = insert(idempotency)
REMOVE = delete(idempotency).where(*_THIS)
FINISH = (
    update(idempotency)
    .where(*_THIS, _OPEN)
    .values(
        status=bindparam("status_"),
        sealed=bindparam("sealed_"),
        sealed_by=bindparam("sealed_by_"),
        expires_at=bindparam("expires_at_"),
    )
)
RELEASE = REMOVE.where(_OPEN)
# The one statement that names no account: it tidies up after all of them, and reads nothing.
PURGE = delete(idempotency).where(
    _ROW.in_(
        select(idempotency.c.account_id, idempotency.c.scope)
        .where(idempotency.c.expires_at <= bindparam("now_"))
        .order_by(idempotency.c.expires_at)
        .limit(PURGED_AT_ONCE)
    )
)
