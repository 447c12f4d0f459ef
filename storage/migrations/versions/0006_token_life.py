"""When an OAuth token ends, and who renews it. SQLite's dialect."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_KEPT = (
    "credential_id, account_id, user_id, connector_id, authentication_type, name, sealed, sealed_by, suspended, "
    "created_at, updated_at"
)


def upgrade() -> None:
    """Make `credentials` anew with what is known of a token: its client, its end, and the lease of who renews it.

    Under its own name from the start, as in revision 0003. Nothing refers to it, and no trigger watches it.
    """
    # Names that are written above: nothing to inject.
    op.execute(f"CREATE TEMPORARY TABLE kept AS SELECT {_KEPT} FROM credentials")
    op.drop_table("credentials")
    op.create_table(
        "credentials",
        sa.Column("credential_id", sa.String(24), nullable=False),
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("connector_id", sa.String(64), nullable=False),
        sa.Column("authentication_type", sa.String(24), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("sealed_by", sa.String(32), nullable=False),
        sa.Column("suspended", sa.Boolean, nullable=False),
        sa.Column("auth_config_id", sa.String(24)),
        sa.Column("expires_at", sa.Integer),
        sa.Column("dead", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("version", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.String(24)),
        sa.Column("lease_until", sa.Integer),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("updated_at", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("credential_id", name="pk_credentials"),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["users.account_id", "users.user_id"],
            name="fk_credentials_account_id_user_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_credentials_account_id_user_id_connector_id", "credentials", ["account_id", "user_id", "connector_id"]
    )
    op.create_index("ix_credentials_account_id_connector_id", "credentials", ["account_id", "connector_id"])
    # As above.
    op.execute(f"INSERT INTO credentials ({_KEPT}) SELECT {_KEPT} FROM kept")
    op.execute("DROP TABLE temp.kept")
