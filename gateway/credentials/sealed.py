"""Everything in the store that the vault has sealed: one entry for each table with a column `sealed`.

Each such table has `sealed_by` beside it, the name of the key. What a sealed value is bound to follows from its row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Table

from gateway.credentials.oauth import configs, flows
from gateway.credentials.store import associated
from storage import tables


@dataclass(frozen=True, slots=True)
class Sealed:
    """A table; `bound_to` gives what a row's sealed value is bound to."""

    table: Table
    bound_to: Callable[[Row[Any]], tuple[str, ...]]


def bound_credential(row: Row[Any]) -> tuple[str, ...]:
    return associated(row.account_id, row.user_id, row.connector_id, row.credential_id)


def bound_answer(account_id: str, user_id: str, scope: bytes) -> tuple[str, ...]:
    """What an answer that is kept under an `Idempotency-Key` is bound to."""
    return ("idempotency", account_id, user_id, scope.hex())


def bound_approval(row: Any) -> tuple[str, ...]:
    """What the arguments of a call that wants an approval are bound to."""
    whose = (row.account_id, row.server_id, row.user_id)
    return ("approval", *whose, row.connector_id, row.action_id, row.approval_id)


def bound_issuer(row: Any) -> tuple[str, ...]:
    """What the secret of an account's own JWT issuer is bound to."""
    return ("jwt-issuer", row.account_id, row.issuer_id)


SEALED = (
    Sealed(tables.credentials, bound_credential),
    Sealed(tables.idempotency, lambda row: bound_answer(row.account_id, row.user_id, row.scope)),
    Sealed(tables.approvals, bound_approval),
    Sealed(tables.auth_configs, configs.associated),
    Sealed(tables.oauth_flows, flows.associated),
    Sealed(tables.jwt_issuers, bound_issuer),
)
