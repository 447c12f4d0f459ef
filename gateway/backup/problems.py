"""What can go wrong with a backup."""


class BackupError(Exception):
    """A backup cannot be written, read or put in place; the message is one sentence for the operator."""


def damaged(why: str) -> BackupError:
    """The archive is not as it was written."""
    return BackupError(f"This is no whole backup of Toolgate: {why}.")
