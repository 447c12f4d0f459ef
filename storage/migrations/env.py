"""What Alembic runs: the migrations, on the connection and inside the transaction of `storage.opening`."""

from alembic import context

# No target_metadata: a migration says what the schema was at its time, whatever the tables look like today.
context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
