"""Statements of the audit trail. A change and its row are one transaction."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, bindparam, func, or_, select

from storage.chain import INSERT, Chain
from storage.runner import Insertion, StoreError
from storage.tables import audit

# How far back OWN_ACTIONS looks: no index leads to one user's rows at one server, and a busy server has millions.
MOST_LOOKED_AT = 5_000
_NEWEST = (
    select(audit)
    .where(audit.c.server_id == bindparam("server_id_"))
    .order_by(audit.c.audit_id.desc())
    .limit(MOST_LOOKED_AT)
    .subquery()
)
# One user's executions at one server, the newest first, among the server's newest rows.
OWN_ACTIONS = (
    select(
        _NEWEST.c.at,
        _NEWEST.c.connector_id,
        _NEWEST.c.action_id,
        _NEWEST.c.outcome,
        _NEWEST.c.upstream_status,
        _NEWEST.c.duration_ms,
    )
    .where(
        _NEWEST.c.account_id == bindparam("account_id_"),
        _NEWEST.c.user_id == bindparam("user_id_"),
        _NEWEST.c.event == "action.execute",
    )
    .order_by(_NEWEST.c.audit_id.desc())
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
    select(audit)
    .where(*_OF_SERVER)
    .order_by(audit.c.audit_id.desc())
    .limit(bindparam("limit_"))
    .offset(bindparam("offset_"))
)
SERVER_COUNT = select(func.count()).select_from(audit).where(*_OF_SERVER)


def about(connection: Connection, subject: str) -> None:
    """What this write job is about: the `subject` of the rows that it records from here on, where they name none."""
    if hasattr(connection, "chain"):
        connection.subject = subject  # type: ignore[attr-defined]  # storage.prepared.Prepared has it


def record(connection: Connection, **row: Any) -> None:
    """Append one row, with the columns that `insertion` names. Part of a write job."""
    chain: Chain | None = getattr(connection, "chain", None)
    if chain is None:
        raise StoreError("An audit row is part of a write job of the store, which alone can link it to the chain.")
    if row.get("subject") is None:
        row["subject"] = getattr(connection, "subject", None)
    connection.execute(INSERT, chain.link([insertion(**row).row])[0])


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
