"""The audit trail becomes a hash chain and append-only. SQLite's dialect.

What storage/chain.py says of hashes and seals stands here once more, as it was when this was written.
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import context, op

revision = "0010"
down_revision = "0009"

_BEFORE = (
    "audit_id",
    "at",
    "account_id",
    "user_id",
    "door",
    "event",
    "server_id",
    "connector_id",
    "action_id",
    "outcome",
    "upstream_status",
    "duration_ms",
)
_TOGETHER = 10_000


def upgrade() -> None:
    """Make `audit` anew with its new columns, and take the rows of before into the chain, in their order."""
    key: bytes = context.config.attributes["audit_key"]
    for index in ("ix_audit_account_id_audit_id", "ix_audit_account_id_server_id_audit_id"):
        op.drop_index(index, "audit")
    op.rename_table("audit", "audit_before")
    _create()
    driver: Any = op.get_bind().connection.driver_connection
    # Names that are written above: nothing to inject.
    found = driver.execute(f"SELECT {', '.join(_BEFORE)} FROM audit_before ORDER BY audit_id")
    marks = ", ".join("?" * (len(_BEFORE) + 2))
    chain = _Linked(found, key)
    driver.executemany(f"INSERT INTO audit ({', '.join(_BEFORE)}, hash, seal) VALUES ({marks})", chain)
    head = orjson.dumps((0, bytes(32).hex(), chain.last_id, chain.last_hash.hex()))
    driver.execute(
        "INSERT INTO audit_chain (id, cut_id, cut_hash, last_id, last_hash, seal) VALUES (1, 0, ?, ?, ?, ?)",
        (
            bytes(32),
            chain.last_id,
            chain.last_hash,
            hmac.digest(key, b"toolgate audit chain v1" + head, "sha256"),
        ),
    )
    op.drop_table("audit_before")
    # After the rows are in: an index that is made whole takes a fraction of the time.
    for columns in (
        ["account_id", "at"],
        ["account_id", "user_id", "at"],
        ["account_id", "request_id", "at"],
        ["account_id", "server_id", "at"],
    ):
        op.create_index(f"ix_audit_{'_'.join(columns)}", "audit", columns)
    _create_triggers()


class _Linked:
    """The rows with a new number, hash and seal each. Nothing has ever removed a row, so most numbers stay."""

    def __init__(self, rows: Any, key: bytes) -> None:
        self._rows = rows
        self._key = key
        self.last_id = 0
        self.last_hash = bytes(32)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        while rows := self._rows.fetchmany(_TOGETHER):
            for _, at, account, user, door, event, server, connector, action, outcome, status, spent in rows:
                self.last_id += 1
                what = (event, None, server, connector, action, outcome, status, spent, None, None)
                values = (self.last_id, at, account, user, None, door, None, *what)
                self.last_hash = hashlib.sha256(self.last_hash + orjson.dumps(values)).digest()
                seal = hmac.digest(self._key, b"toolgate audit row v1" + self.last_hash, "sha256")[:16]
                yield (
                    *(self.last_id, at, account, user, door, event, server, connector, action, outcome, status, spent),
                    self.last_hash,
                    seal,
                )


def _create() -> None:
    op.create_table(
        "audit",
        sa.Column("audit_id", sa.Integer, nullable=False),
        sa.Column("at", sa.String(24), nullable=False),
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("door", sa.String(16), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("server_id", sa.String(128)),
        sa.Column("connector_id", sa.String(64)),
        sa.Column("action_id", sa.Text),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("upstream_status", sa.Integer),
        sa.Column("duration_ms", sa.Integer),
        sa.Column("principal_id", sa.Text),
        sa.Column("key_id", sa.String(24)),
        sa.Column("subject", sa.Text),
        sa.Column("request_id", sa.String(128)),
        sa.Column("arguments", sa.Text),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("seal", sa.LargeBinary(16), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name="pk_audit"),
    )
    op.create_table(
        "audit_chain",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("cut_id", sa.Integer, nullable=False),
        sa.Column("cut_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("last_id", sa.Integer, nullable=False),
        sa.Column("last_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("seal", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_chain"),
        sa.CheckConstraint("id = 1", name="ck_audit_chain_one_row"),
    )


# INSERT OR REPLACE asks none of them: a trigger on INSERT would, and cost each row more than its hash does.
_TRIGGERS = (
    "audit_update BEFORE UPDATE ON audit",
    "audit_delete BEFORE DELETE ON audit WHEN OLD.audit_id > (SELECT cut_id FROM audit_chain)",
    "audit_chain_delete BEFORE DELETE ON audit_chain",
)


def _create_triggers() -> None:
    """What no program of ours does is refused. The chain shows what is done by somebody who drops these first."""
    for trigger in _TRIGGERS:
        op.execute(f"CREATE TRIGGER {trigger} BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END")
