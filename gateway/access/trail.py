"""The audit row of a management change, in the transaction of the change."""

from sqlalchemy import Connection

from gateway.access.caller import Caller
from gateway.current import request_id_text
from storage import audit
from storage.times import now


def record(
    connection: Connection,
    caller: Caller,
    event: str,
    *,
    server_id: str | None = None,
    connector_id: str | None = None,
    action_id: str | None = None,
    subject: str | None = None,
    outcome: str = "ok",
    at: str | None = None,
) -> None:
    """Put on record that `caller` did `event`, for example `user.create`. Part of a write job.

    `subject` is the id of what was changed, where it is neither a server nor a connector. `outcome` is a code where it
    did not go well, or not as it was meant. `at` is the moment of the change, where the change itself bears one.
    """
    audit.record(
        connection,
        at=at or now(),
        account_id=caller.account_id,
        user_id=caller.user_id,
        door=caller.door,
        event=event,
        outcome=outcome,
        server_id=server_id,
        connector_id=connector_id,
        action_id=action_id,
        principal_id=caller.principal_id,
        key_id=caller.key_id,
        subject=subject,
        request_id=request_id_text(),
    )
