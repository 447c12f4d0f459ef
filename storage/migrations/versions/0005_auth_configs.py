"""OAuth clients that operators registered, and sign-ins that have begun."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing yet."""
