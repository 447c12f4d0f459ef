"""A user's default credential for a connector."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Nothing yet."""
