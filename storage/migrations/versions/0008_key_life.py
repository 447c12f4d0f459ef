"""API keys that expire and say when they were last used; JWT issuers of accounts."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nothing yet."""
