"""Read-only servers, servers that ask before a destructive action, and the approvals that answer them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make `servers` anew with the two flags, and the table of approvals. No trigger for that: nobody caches it."""
    _rebuild_servers()
    op.create_table(
        "approvals",
        sa.Column("approval_id", sa.String(24), nullable=False),
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("server_id", sa.String(128), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("connector_id", sa.String(64), nullable=False),
        sa.Column("action_id", sa.String(64), nullable=False),
        sa.Column("argument_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("sealed_by", sa.String(32), nullable=False),
        sa.Column("asked_of", sa.String(8), nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("decided_at", sa.String(24)),
        sa.Column("decided_by", sa.Text),
        sa.Column("expires_at", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("approval_id", name="pk_approvals"),
        sa.ForeignKeyConstraint(
            ["server_id"], ["servers.server_id"], name="fk_approvals_server_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["users.account_id", "users.user_id"],
            name="fk_approvals_account_id_user_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("asked_of IN ('owner', 'client')", name="ck_approvals_asked_of"),
        sa.CheckConstraint("status IN ('pending', 'approved', 'denied', 'used')", name="ck_approvals_status"),
    )
    op.create_index(
        "ix_approvals_account_id_server_id_expires_at", "approvals", ["account_id", "server_id", "expires_at"]
    )
    op.create_index("ix_approvals_expires_at", "approvals", ["expires_at"])


def _rebuild_servers() -> None:
    """Made anew as in 0003, and for the same reasons; the index and the triggers go with the old table."""
    kept = (
        "server_id, account_id, user_id, name, name_key, description, custom_instructions, is_public, mode, "
        "restrictions, token_nonce, token_expires_at, version, paused, created_at, updated_at"
    )
    # Names that are written above: nothing to inject.
    op.execute(f"CREATE TEMPORARY TABLE kept AS SELECT {kept} FROM servers")
    op.drop_table("servers")
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
        sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("read_only", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("confirm_destructive", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("updated_at", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("server_id", name="pk_servers"),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["users.account_id", "users.user_id"],
            name="fk_servers_account_id_user_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("account_id", "user_id", "name_key", name="uq_servers_account_id_user_id_name_key"),
        sa.CheckConstraint("mode IN ('connectivity', 'direct')", name="ck_servers_mode"),
    )
    op.execute(f"INSERT INTO servers ({kept}) SELECT {kept} FROM kept")
    op.execute("DROP TABLE temp.kept")
    op.create_index(
        "ix_servers_account_id_user_id_created_at_server_id",
        "servers",
        ["account_id", "user_id", "created_at", "server_id"],
    )
    for change in ("INSERT", "UPDATE", "DELETE"):
        op.execute(
            # As above.
            f"CREATE TRIGGER generation_servers_{change.lower()} AFTER {change} ON servers "
            "BEGIN UPDATE generation SET value = value + 1; END"
        )
