"""The answers that are kept under an `Idempotency-Key`, so that a repeated request is answered and not done again."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table and its index. No trigger: nobody caches these rows."""
    op.create_table(
        "idempotency",
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("scope", sa.LargeBinary(32), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("sealed_by", sa.String(32)),
        sa.Column("expires_at", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "scope", name="pk_idempotency"),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["users.account_id", "users.user_id"],
            name="fk_idempotency_account_id_user_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_idempotency_expires_at", "idempotency", ["expires_at"])
