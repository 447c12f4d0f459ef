"""Statements of the audit trail. A change and its row are one transaction."""

from typing import Any

from sqlalchemy import Connection, insert

from storage.tables import audit

_INSERT = insert(audit)


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
