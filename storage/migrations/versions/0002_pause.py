"""A server can be paused, and an index serves the activity of one server."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make `servers` anew with the column `paused`, and the index on `audit` that begins with the account."""
    # Two indexes on one column each leave SQLite to guess, and it guesses the account's: every row of the account.
    op.drop_index("ix_audit_server_id_audit_id", "audit")
    op.create_index("ix_audit_account_id_server_id_audit_id", "audit", ["account_id", "server_id", "audit_id"])
    _rebuild_servers()


def _rebuild_servers() -> None:
    """Made anew, because SQLite adds a column behind the constraints, where no table of ours has one. Nothing refers to
    `servers`, and the triggers go with the old table."""
    op.drop_index("ix_servers_account_id_user_id_created_at_server_id", "servers")
    op.rename_table("servers", "servers_before")
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
    kept = (
        "server_id, account_id, user_id, name, name_key, description, custom_instructions, is_public, mode, "
        "restrictions, token_nonce, token_expires_at, version, created_at, updated_at"
    )
    # Names that are written above: nothing to inject.
    op.execute(f"INSERT INTO servers ({kept}) SELECT {kept} FROM servers_before")
    op.drop_table("servers_before")
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
