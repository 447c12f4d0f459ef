"""Statements about sign-ins that have begun. What is past its time is not found."""

from sqlalchemy import bindparam, delete, insert, or_, select, update

from storage.tables import oauth_flows

_LIVE = oauth_flows.c.expires_at > bindparam("now_")
_LINK = oauth_flows.c.link_hash == bindparam("of_link")

INSERT = insert(oauth_flows)
BY_LINK = select(oauth_flows).where(_LINK, _LIVE)
BY_STATE = select(oauth_flows).where(oauth_flows.c.state_hash == bindparam("of_state"), _LIVE)
# A browser goes to the platform; from then on it is the only one that may.
SEND = (
    update(oauth_flows)
    .where(
        _LINK,
        _LIVE,
        or_(oauth_flows.c.browser_hash.is_(None), oauth_flows.c.browser_hash == bindparam("browser_")),
        oauth_flows.c.stage.in_(("asked", "sent")),
    )
    .values(
        stage="sent", state_hash=bindparam("state_"), browser_hash=bindparam("browser_"), expires_at=bindparam("until_")
    )
    .returning(oauth_flows.c.link_hash)
)
# Whoever gets the row goes on with it; nobody gets it twice.
TAKE = delete(oauth_flows).where(_LINK, _LIVE, oauth_flows.c.stage == bindparam("stage_")).returning(*oauth_flows.c)
DELETE_OLD = delete(oauth_flows).where(oauth_flows.c.expires_at <= bindparam("now_"))
