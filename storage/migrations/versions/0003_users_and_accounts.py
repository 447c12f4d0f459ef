"""Users get a name and a switch, accounts a switch. SQLite's dialect."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Rebuild `accounts` and `users` with their new columns."""
    _rebuild(
        "accounts",
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("disabled", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_accounts"),
        kept="account_id, name, created_at",
    )
    _rebuild(
        "users",
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("username", sa.Text),
        sa.Column("full_name", sa.Text),
        sa.Column("disabled", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "user_id", name="pk_users"),
        sa.UniqueConstraint("account_id", "username", name="uq_users_account_id_username"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name="fk_users_account_id", ondelete="CASCADE"
        ),
        kept="account_id, user_id, created_at",
    )


def _rebuild(table: str, *columns: sa.schema.SchemaItem, kept: str) -> None:
    """Make `table` anew with what was in it.

    Under its own name from the start: a renamed table would be quoted in the schema, and differ from a fresh one. What
    refers to it goes on doing so, since foreign keys are off during a migration. The triggers go with the old table.
    """
    # Names that are written in this file: nothing to inject.
    op.execute(f"CREATE TEMPORARY TABLE kept AS SELECT {kept} FROM {table}")
    op.drop_table(table)
    op.create_table(table, *columns)
    op.execute(f"INSERT INTO {table} ({kept}) SELECT {kept} FROM kept")
    op.execute("DROP TABLE temp.kept")
    for change in ("INSERT", "UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER generation_{table}_{change.lower()} AFTER {change} ON {table} "
            "BEGIN UPDATE generation SET value = value + 1; END"
        )
