"""The first schema, and the triggers that count changes of configuration. SQLite's dialect.

There is no downgrade, here or later: before a migration the file is copied, and the copy is the way back.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables, their indexes, the triggers and the one row of `generation`."""
    _create_people()
    _create_servers()
    _create_connectors()
    _create_audit()
    _create_generation()


def _create_people() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_accounts"),
    )
    op.create_table(
        "users",
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "user_id", name="pk_users"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name="fk_users_account_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(24), nullable=False),
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("key_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("scopes", sa.String(64), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("revoked_at", sa.String(24)),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_keys"),
        _owner("api_keys"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
    )


def _create_servers() -> None:
    op.create_table(
        "servers",
        sa.Column("server_id", sa.String(128), nullable=False),
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("custom_instructions", sa.Text, nullable=False),
        sa.Column("is_public", sa.Boolean, nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("restrictions", sa.Text),
        sa.Column("token_nonce", sa.LargeBinary(16), nullable=False),
        sa.Column("token_expires_at", sa.Integer),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("updated_at", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("server_id", name="pk_servers"),
        _owner("servers"),
        sa.UniqueConstraint("account_id", "user_id", "name_key", name="uq_servers_account_id_user_id_name_key"),
        sa.CheckConstraint("mode IN ('connectivity', 'direct')", name="ck_servers_mode"),
    )
    op.create_index(
        "ix_servers_account_id_user_id_created_at_server_id",
        "servers",
        ["account_id", "user_id", "created_at", "server_id"],
    )


def _create_connectors() -> None:
    op.create_table(
        "connectors",
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("connector_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("base_url", sa.Text),
        sa.Column("auth", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("updated_at", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "connector_id", name="pk_connectors"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name="fk_connectors_account_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "credentials",
        sa.Column("credential_id", sa.String(24), nullable=False),
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("connector_id", sa.String(64), nullable=False),
        sa.Column("authentication_type", sa.String(16), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("sealed_by", sa.String(32), nullable=False),
        sa.Column("suspended", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("updated_at", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("credential_id", name="pk_credentials"),
        _owner("credentials"),
    )
    op.create_index(
        "ix_credentials_account_id_user_id_connector_id", "credentials", ["account_id", "user_id", "connector_id"]
    )
    op.create_index("ix_credentials_account_id_connector_id", "credentials", ["account_id", "connector_id"])


def _create_audit() -> None:
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
        sa.PrimaryKeyConstraint("audit_id", name="pk_audit"),
    )
    op.create_index("ix_audit_account_id_audit_id", "audit", ["account_id", "audit_id"])
    op.create_index("ix_audit_server_id_audit_id", "audit", ["server_id", "audit_id"])


def _create_generation() -> None:
    op.create_table(
        "generation",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("value", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_generation"),
        sa.CheckConstraint("id = 1", name="ck_generation_one_row"),
    )
    op.execute("INSERT INTO generation (id, value) VALUES (1, 1)")
    for table in ("accounts", "users", "api_keys", "servers", "connectors"):
        for change in ("INSERT", "UPDATE", "DELETE"):
            op.execute(
                # Names that are written above: nothing to inject.
                f"CREATE TRIGGER generation_{table}_{change.lower()} AFTER {change} ON {table} "
                "BEGIN UPDATE generation SET value = value + 1; END"
            )


def _owner(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id", "user_id"],
        ["users.account_id", "users.user_id"],
        name=f"fk_{table}_account_id_user_id",
        ondelete="CASCADE",
    )
