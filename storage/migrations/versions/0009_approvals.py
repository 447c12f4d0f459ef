"""Read-only servers, and servers that ask before a destructive action."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Nothing yet."""
