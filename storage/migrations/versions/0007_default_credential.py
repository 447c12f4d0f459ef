"""A user's default credential for a connector, and which vault key seals. SQLite's dialect."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_BEFORE = "suspended BOOLEAN NOT NULL,"
_COLUMN = "is_default BOOLEAN DEFAULT 0 NOT NULL,"


def upgrade() -> None:
    """Rebuild `credentials` with its new column and the index that allows one default, and make `vault`."""
    _rebuild_credentials()
    op.create_index(
        "ix_credentials_default",
        "credentials",
        ["account_id", "user_id", "connector_id"],
        unique=True,
        sqlite_where=sa.text("is_default"),
    )
    op.create_table(
        "vault",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key_name", sa.String(32), nullable=False),
        sa.Column("proof", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_vault"),
        sa.CheckConstraint("id = 1", name="ck_vault_one_row"),
    )


def _rebuild_credentials() -> None:
    """Made anew by its own statement with one line more, since SQLite adds a column behind the constraints.

    Whatever other columns and indexes there are stay as they are. What refers to it goes on doing so, since foreign
    keys are off during a migration.
    """
    connection = op.get_bind()
    about = "SELECT sql FROM sqlite_master WHERE tbl_name = 'credentials' AND sql IS NOT NULL AND type = '{}'"
    # A word that is written here: nothing to inject.
    (statement,) = connection.exec_driver_sql(about.format("table")).scalars()
    others = [*connection.exec_driver_sql(about.format("index")).scalars()]
    others += connection.exec_driver_sql(about.format("trigger")).scalars()
    if statement.count(_BEFORE) != 1:
        raise ValueError("the table credentials is not as it was made")
    columns = ", ".join(row[1] for row in connection.exec_driver_sql("PRAGMA table_info(credentials)"))
    op.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM credentials")
    op.drop_table("credentials")
    connection.exec_driver_sql(statement.replace(_BEFORE, f"{_BEFORE} \n\t{_COLUMN}"))
    # Names that the database itself gave.
    op.execute(f"INSERT INTO credentials ({columns}) SELECT {columns} FROM kept")
    op.execute("DROP TABLE temp.kept")
    for other in others:
        connection.exec_driver_sql(other)
