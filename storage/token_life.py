"""Statements about the renewal of one credential's token. `version` tells which data it is about."""

from sqlalchemy import bindparam, or_, select, update

from storage.tables import credentials

_THIS = (
    credentials.c.account_id == bindparam("of_account"),
    credentials.c.credential_id == bindparam("of_id"),
)
_UNCHANGED = credentials.c.version == bindparam("of_version")

ROW = select(credentials).where(*_THIS)
# One of all processes gets the row back. A lease that lasts beyond `latest_` was written by a clock that was set back.
TAKE = (
    update(credentials)
    .where(
        *_THIS,
        _UNCHANGED,
        or_(
            credentials.c.lease.is_(None),
            credentials.c.lease_until < bindparam("now_"),
            credentials.c.lease_until > bindparam("until_"),
        ),
    )
    .values(lease=bindparam("holder_"), lease_until=bindparam("until_"))
    .returning(credentials.c.credential_id)
)
RELEASE = update(credentials).where(*_THIS, credentials.c.lease == bindparam("holder_")).values(lease=None)
# Whoever holds the lease by then: these tokens came of the data that still stand there.
KEEP = (
    update(credentials)
    .where(*_THIS, _UNCHANGED)
    .values(
        sealed=bindparam("sealed_"),
        sealed_by=bindparam("sealed_by_"),
        expires_at=bindparam("expires_at_"),
        dead=False,
        version=credentials.c.version + 1,
        lease=None,
        lease_until=None,
    )
    .returning(credentials)
)
BURY = update(credentials).where(*_THIS, _UNCHANGED).values(dead=True, lease=None, lease_until=None)
