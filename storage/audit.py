"""Statements of the audit trail. A change and its row are one transaction."""

from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from storage.tables import audit

_INSERT = insert(audit)

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


def record(
    connection: Connection,
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
) -> None:
    """Append one row. Part of a write job. `at` is ISO 8601 UTC, `duration_ms` whole milliseconds."""
    row: dict[str, Any] = {
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
    }
    connection.execute(_INSERT, row)
