"""API keys that expire and say when they were last used; JWT issuers of accounts. SQLite's dialect."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_KEPT = "key_id, account_id, user_id, key_hash, prefix, scopes, created_at, revoked_at"


def upgrade() -> None:
    """Rebuild `api_keys` with its new columns, as 0003 does, and make the two new tables."""
    # Names that are written in this file: nothing to inject.
    op.execute(f"CREATE TEMPORARY TABLE kept AS SELECT {_KEPT} FROM api_keys")
    op.drop_table("api_keys")
    _create_keys()
    op.execute(f"INSERT INTO api_keys ({_KEPT}) SELECT {_KEPT} FROM kept")
    op.execute("DROP TABLE temp.kept")
    op.create_table(
        "key_uses",
        sa.Column("key_id", sa.String(24), nullable=False),
        sa.Column("last_used_at", sa.String(24)),
        sa.PrimaryKeyConstraint("key_id", name="pk_key_uses"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.key_id"], name="fk_key_uses_key_id", ondelete="CASCADE"),
    )
    op.execute("INSERT INTO key_uses (key_id) SELECT key_id FROM api_keys")
    _create_issuers()
    for table in ("api_keys", "jwt_issuers"):
        for change in ("INSERT", "UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER generation_{table}_{change.lower()} AFTER {change} ON {table} "
                "BEGIN UPDATE generation SET value = value + 1; END"
            )


def _create_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(24), nullable=False),
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("key_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("scopes", sa.String(64), nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("expires_at", sa.String(24)),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("revoked_at", sa.String(24)),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_keys"),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["users.account_id", "users.user_id"],
            name="fk_api_keys_account_id_user_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
    )


def _create_issuers() -> None:
    op.create_table(
        "jwt_issuers",
        sa.Column("issuer_id", sa.String(24), nullable=False),
        sa.Column("account_id", sa.String(24), nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("algorithm", sa.String(8), nullable=False),
        sa.Column("public_key", sa.Text),
        sa.Column("jwks_url", sa.Text),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("sealed_by", sa.String(32)),
        sa.Column("audience", sa.Text),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("issuer_id", name="pk_jwt_issuers"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name="fk_jwt_issuers_account_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("issuer", name="uq_jwt_issuers_issuer"),
    )
    op.create_index(
        "ix_jwt_issuers_account_id_created_at_issuer_id", "jwt_issuers", ["account_id", "created_at", "issuer_id"]
    )
