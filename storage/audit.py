"""Statements of the audit trail. A change and its row are one transaction."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, bindparam, delete, func, or_, select, tuple_

from storage.chain import BROKEN, INSERT, OPERATOR, OPERATOR_ACCOUNT, SERVICE, Chain
from storage.runner import Insertion, StoreError
from storage.tables import audit
from storage.times import now

_NEWEST_FIRST = (audit.c.at.desc(), audit.c.audit_id.desc())

# How far back OWN_ACTIONS looks: no index leads to one user's rows at one server, and a busy one has millions.
MOST_LOOKED_AT = 5_000
_NEWEST = (
    select(audit)
    .where(audit.c.account_id == bindparam("account_id_"), audit.c.user_id == bindparam("user_id_"))
    .order_by(*_NEWEST_FIRST)
    .limit(MOST_LOOKED_AT)
    .subquery()
)
# One user's executions at one server, the newest first, among the user's newest rows.
OWN_ACTIONS = (
    select(
        _NEWEST.c.at,
        _NEWEST.c.connector_id,
        _NEWEST.c.action_id,
        _NEWEST.c.outcome,
        _NEWEST.c.upstream_status,
        _NEWEST.c.duration_ms,
    )
    .where(_NEWEST.c.server_id == bindparam("server_id_"), _NEWEST.c.event == "action.execute")
    .order_by(_NEWEST.c.at.desc(), _NEWEST.c.audit_id.desc())
    .limit(bindparam("limit_"))
)


def _unless_null(name: str, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition on the parameter `name`; without a value it says nothing."""
    return or_(bindparam(name, type_=Text).is_(None), condition)


_OF_SERVER = (
    audit.c.account_id == bindparam("account_id_"),
    audit.c.server_id == bindparam("server_id_"),
    *(
        _unless_null(f"{column.name}_", column == bindparam(f"{column.name}_", type_=Text))
        for column in (audit.c.user_id, audit.c.event, audit.c.connector_id, audit.c.action_id, audit.c.outcome)
    ),
    _unless_null("since_", audit.c.at >= bindparam("since_", type_=Text)),
    _unless_null("until_", audit.c.at < bindparam("until_", type_=Text)),
)
# What happened at one server, the newest first. Parameters: `account_id_`, `server_id_`; NULL or a filter: `user_id_`,
# `event_`, `connector_id_`, `action_id_`, `outcome_`, `since_`, `until_`.
SERVER_PAGE = (
    select(audit).where(*_OF_SERVER).order_by(*_NEWEST_FIRST).limit(bindparam("limit_")).offset(bindparam("offset_"))
)
SERVER_COUNT = select(func.count()).select_from(audit).where(*_OF_SERVER)


# By what rows are looked up, the best first; each has an index of its own, in the order of time.
LOOKED_UP_BY = ("request_id", "user_id", "server_id", None)
_FILTERS = (
    audit.c.request_id,
    audit.c.user_id,
    audit.c.server_id,
    audit.c.event,
    audit.c.connector_id,
    audit.c.action_id,
    audit.c.outcome,
)
_place = tuple_(audit.c.at, audit.c.audit_id)


def _within(column: str | None) -> tuple[ColumnElement[bool], ...]:
    return (
        audit.c.account_id == bindparam("account_id_"),
        *(() if column is None else (audit.c[column] == bindparam(f"{column}_"),)),
        _place < tuple_(bindparam("before_at_"), bindparam("before_id_")),
        _place >= tuple_(bindparam("from_at_"), bindparam("from_id_")),
    )


def _page(column: str | None) -> Select[Any]:
    # What is not looked up is compared so that no other index can be taken for it: how far a query may have to go is
    # known for this one only.
    others = [_unless_null(f"{other.name}_", other == bindparam(f"{other.name}_")) for other in _FILTERS]
    return select(audit).where(*_within(column), *others).order_by(*_NEWEST_FIRST).limit(bindparam("limit_"))


# An account's rows, the newest first, by what they are looked up by. Parameters: `account_id_`; the places (`at`,
# `audit_id`) `before_`, exclusive, and `from_`; NULL or a filter for each of _FILTERS; `limit_`.
PAGES = {column: _page(column) for column in LOOKED_UP_BY}
# The place of the last of `limit_` rows before a place, whatever else they are: how far one query may go.
REACHES = {
    column: select(audit.c.at, audit.c.audit_id)
    .where(*_within(column))
    .order_by(*_NEWEST_FIRST)
    .limit(1)
    .offset(bindparam("looked_at_"))
    for column in LOOKED_UP_BY
}

# Whether an account has any.
OF_ACCOUNT = select(audit.c.audit_id).where(audit.c.account_id == bindparam("account_id_")).limit(1)

# The rows that follow one, in the order of the chain.
_FOLLOWING = (
    select(audit.c.audit_id, audit.c.at, audit.c.hash)
    .where(audit.c.audit_id > bindparam("after_"))
    .order_by(audit.c.audit_id)
    .limit(bindparam("limit_"))
)
_REMOVE = delete(audit).where(audit.c.audit_id <= bindparam("cut_id_"))


def about(connection: Connection, subject: str) -> None:
    """What this write job is about: the `subject` of the rows that it records from here on, where they name none."""
    if hasattr(connection, "chain"):
        connection.subject = subject  # type: ignore[attr-defined]  # storage.prepared.Prepared has it


def record(connection: Connection, **row: Any) -> None:
    """Append one row, with the columns that `insertion` names. Part of a write job."""
    chain = _chain_of(connection)
    if row.get("subject") is None:
        row["subject"] = getattr(connection, "subject", None)
    connection.execute(INSERT, chain.link([insertion(**row).row])[0])


def prune(connection: Connection, before: str, most: int) -> tuple[int, int]:
    """Remove rows from the beginning of the chain, as long as they are older than `before`; at most so many.

    Part of a write job. How many were removed, and the number of the last one (0: none, ever). The chain goes on from
    its hash. Where they were not as they had been written, a row says so: what they say of their age may be a lie as
    well, and once they are gone nobody could tell any more. To leave them there would let whoever changed one stop
    retention for good.
    """
    chain = _chain_of(connection)
    cut_id = chain.head().cut_id
    last = None
    removed = 0
    for row in connection.execute(_FOLLOWING, {"after_": cut_id, "limit_": most}):
        if row.at >= before:
            break
        last, removed = row, removed + 1
    if last is None:
        return 0, cut_id
    whole = chain.is_whole(last.audit_id)
    chain.cut(last.audit_id, last.hash)
    connection.execute(_REMOVE, {"cut_id_": last.audit_id})
    if not whole:
        about_it = {"account_id": OPERATOR_ACCOUNT, "user_id": OPERATOR, "principal_id": OPERATOR, "door": SERVICE}
        record(connection, at=now(), event=BROKEN, **about_it)
    return removed, last.audit_id


def insertion(
    *,
    at: str,
    account_id: str,
    user_id: str,
    door: str,
    event: str,
    outcome: str = "ok",
    server_id: str | None = None,
    connector_id: str | None = None,
    action_id: str | None = None,
    upstream_status: int | None = None,
    duration_ms: int | None = None,
    principal_id: str | None = None,
    key_id: str | None = None,
    subject: str | None = None,
    request_id: str | None = None,
    arguments: str | None = None,
) -> Insertion:
    """The write job that appends one row alone. `at` is ISO 8601 UTC, `duration_ms` whole milliseconds.

    Number, hash and seal are added by the writer, which knows what stands before the row.
    """
    return Insertion(
        INSERT,
        {
            "at": at,
            "account_id": account_id,
            "user_id": user_id,
            "door": door,
            "event": event,
            "outcome": outcome,
            "server_id": server_id,
            "connector_id": connector_id,
            "action_id": action_id,
            "upstream_status": upstream_status,
            "duration_ms": duration_ms,
            "principal_id": principal_id,
            "key_id": key_id,
            "subject": subject,
            "request_id": request_id,
            "arguments": arguments,
        },
    )


def _chain_of(connection: Connection) -> Chain:
    chain: Chain | None = getattr(connection, "chain", None)
    if chain is None:
        raise StoreError("Audit rows are written by write jobs of the store, which alone can link them to the chain.")
    return chain
