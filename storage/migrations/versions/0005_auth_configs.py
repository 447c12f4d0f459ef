"""OAuth clients that operators registered, and sign-ins that have begun."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make both tables. No triggers: nobody caches these rows."""
    op.create_table(
        "auth_configs",
        sa.Column("auth_config_id", sa.String(24), nullable=False),
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("connector_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("sealed_by", sa.String(32)),
        sa.Column("token_endpoint_auth_method", sa.String(32)),
        sa.Column("scopes", sa.Text),
        sa.Column("user_scopes", sa.Text, nullable=False),
        sa.Column("redirect_uris", sa.Text, nullable=False),
        sa.Column("authorization_url", sa.Text),
        sa.Column("token_url", sa.Text),
        sa.Column("endpoints", sa.Text),
        sa.Column("is_default", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("updated_at", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("auth_config_id", name="pk_auth_configs"),
        sa.UniqueConstraint("account_id", "connector_id", "name", name="uq_auth_configs_account_id_connector_id_name"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name="fk_auth_configs_account_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "oauth_flows",
        sa.Column("link_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("door", sa.String(16), nullable=False),
        sa.Column("connector_id", sa.String(64), nullable=False),
        sa.Column("auth_config_id", sa.String(24), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("sealed_by", sa.String(32), nullable=False),
        sa.Column("redirect_uri", sa.Text),
        sa.Column("credential_id", sa.String(24)),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("state_hash", sa.LargeBinary(32)),
        sa.Column("browser_hash", sa.LargeBinary(32)),
        sa.Column("expires_at", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("link_hash", name="pk_oauth_flows"),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["users.account_id", "users.user_id"],
            name="fk_oauth_flows_account_id_user_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["auth_config_id"],
            ["auth_configs.auth_config_id"],
            name="fk_oauth_flows_auth_config_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("state_hash", name="uq_oauth_flows_state_hash"),
    )
    op.create_index("ix_oauth_flows_expires_at", "oauth_flows", ["expires_at"])
