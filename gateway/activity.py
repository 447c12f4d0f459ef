"""What happened at a server: who called what, when, with which outcome. Read from the audit trail."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from gateway.errors import InvalidRequest
from storage import audit as statements
from storage.runner import Store
from storage.times import of_date_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which rows are wanted; None: whichever. `since` and `until` are RFC 3339 date-times, the second one exclusive."""

    user_id: str | None = None
    event: str | None = None
    connector_id: str | None = None
    action_id: str | None = None
    outcome: str | None = None
    since: str | None = None
    until: str | None = None

    def parameters(self) -> dict[str, str | None]:
        """What the statements take. Raises InvalidRequest for a moment that is none."""
        return {
            "user_id_": self.user_id,
            "event_": self.event,
            "connector_id_": self.connector_id,
            "action_id_": self.action_id,
            "outcome_": self.outcome,
            "since_": moment("since", self.since),
            "until_": moment("until", self.until),
        }


async def of_server(
    store: Store, account_id: str, server_id: str, wanted: Filter, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """The wanted rows from `offset`, the newest first, and how many there are in all.

    Each is an `Activity` of the contract: `{"at", "userId", "door", "event", "connectorId"?, "actionId"?, "outcome",
    "upstreamStatus"?, "durationMs"?}`. Raises InvalidRequest.
    """
    asked = {"account_id_": account_id, "server_id_": server_id, **wanted.parameters()}
    rows = await store.all(statements.SERVER_PAGE, {**asked, "limit_": limit, "offset_": offset})
    total = await store.one(statements.SERVER_COUNT, asked)
    return [_public(row) for row in rows], total[0] if total else 0


def _public(row: Row[Any]) -> dict[str, Any]:
    optional: Mapping[str, Any] = {
        "connectorId": row.connector_id,
        "actionId": row.action_id,
        "upstreamStatus": row.upstream_status,
        "durationMs": row.duration_ms,
    }
    return {
        "at": row.at,
        "userId": row.user_id,
        "door": row.door,
        "event": row.event,
        "outcome": row.outcome,
        **{name: value for name, value in optional.items() if value is not None},
    }


def moment(field: str, text: str | None) -> str | None:
    """An RFC 3339 date-time in the form of storage.times. Raises InvalidRequest that names the field."""
    try:
        return None if text is None else of_date_time(text)
    except ValueError:
        raise InvalidRequest.of(field, "format", f"{field} must be a date-time") from None
