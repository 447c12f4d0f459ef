"""Statements about approvals: asked for, given or refused, used, over."""

from sqlalchemy import Integer, LargeBinary, Text, and_, bindparam, delete, func, insert, or_, select, update

from storage.tables import approvals

# How many rows one purge removes at most: it runs beside somebody's write.
PURGED_AT_ONCE = 100

_OF_SERVER = (
    approvals.c.account_id == bindparam("account_id_"),
    approvals.c.server_id == bindparam("server_id_"),
)
_STANDING = approvals.c.expires_at > bindparam("now_", type_=Integer)
_PENDING = approvals.c.status == "pending"
_WANTED = (
    *_OF_SERVER,
    _STANDING,
    or_(bindparam("status_", type_=Text).is_(None), approvals.c.status == bindparam("status_", type_=Text)),
)
_THIS = (*_OF_SERVER, approvals.c.approval_id == bindparam("approval_id_"), _STANDING)
# Asked of the owner, by this user, for this very call.
_SAME_CALL = (
    *_OF_SERVER,
    approvals.c.user_id == bindparam("user_id_"),
    approvals.c.argument_hash == bindparam("argument_hash_", type_=LargeBinary),
    approvals.c.asked_of == "owner",
    _STANDING,
)

INSERT = insert(approvals).returning(*approvals.c)
ONE = select(approvals).where(*_THIS)
PAGE = (
    select(approvals)
    .where(*_WANTED)
    .order_by(approvals.c.created_at.desc(), approvals.c.approval_id)
    .limit(bindparam("limit_"))
    .offset(bindparam("offset_"))
)
COUNT = select(func.count()).select_from(approvals).where(*_WANTED)
# The one statement by which an approval is spent: of two that come at once, one finds no row.
USE = (
    update(approvals).where(*_SAME_CALL, approvals.c.status == "approved").values(status="used").returning(*approvals.c)
)
# What the same call would wait for, or was refused.
OPEN = select(approvals).where(*_SAME_CALL, approvals.c.status.in_(("pending", "denied")))
PENDING_OF_SERVER = select(func.count()).select_from(approvals).where(*_OF_SERVER, _STANDING, _PENDING)
PENDING_OF_USER = PENDING_OF_SERVER.where(approvals.c.user_id == bindparam("user_id_"))
# `from_` lists the states from which one may come to `status_`.
DECIDE = (
    update(approvals)
    .where(*_THIS, approvals.c.asked_of == "owner", approvals.c.status.in_(bindparam("from_", expanding=True)))
    .values(status=bindparam("status_"), decided_at=bindparam("at_"), decided_by=bindparam("by_"))
    .returning(*approvals.c)
)
# Those that name no account: they tidy up after all of them. `before_` is earlier than `now_`: what was used by the
# word of a client is remembered longer than that word counts, whatever a clock does meanwhile.
PURGE = delete(approvals).where(
    approvals.c.approval_id.in_(
        select(approvals.c.approval_id)
        .where(
            approvals.c.expires_at <= bindparam("now_", type_=Integer),
            or_(
                approvals.c.asked_of == "owner",
                and_(approvals.c.asked_of == "client", approvals.c.expires_at <= bindparam("before_", type_=Integer)),
            ),
        )
        .order_by(approvals.c.expires_at)
        .limit(PURGED_AT_ONCE)
    )
)
# Of an account, for the operator: the newest first.
OF_ACCOUNT = (
    select(approvals)
    .where(approvals.c.account_id == bindparam("account_id_"), _STANDING)
    .order_by(approvals.c.created_at.desc(), approvals.c.approval_id)
)
