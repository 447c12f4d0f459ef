"""The credential that an action is run with: chosen, and renewed where its token ends."""

from collections.abc import Callable

from gateway.access import trail
from gateway.access.caller import Caller
from gateway.actions.asked import Parts
from gateway.catalog.model import Action, Connector
from gateway.credentials.model import Secret
from gateway.credentials.oauth.asking import CLIENT
from gateway.credentials.oauth.leases import Note
from gateway.errors import CredentialNotFound, InvalidRequest

REFRESH = "credential.refresh"


async def fresh_secret(
    parts: Parts,
    caller: Caller,
    connector: Connector,
    action: Action,
    credential_id: str | None,
    left: Callable[[], float],
) -> Secret | None:
    """The credential asked for, or the user's own choice; None where the action needs none. `left` gives seconds.

    Raises what `Credentials.choose` and `Refresher.fresh` raise.
    """
    ways = {way.type for way in connector.ways_of(action)}
    if not ways:
        return None
    kinds = {*ways, *(CLIENT for way in ways if way in ("oauth2", "bearer"))}
    try:
        _, secret = await parts.credentials.choose(
            caller.account_id, caller.user_id, connector.connector_id, credential_id, kinds
        )
        note = _note(caller, connector)
        return await parts.refresher.fresh(caller.account_id, caller.user_id, connector, secret, left(), note)
    except (CredentialNotFound, InvalidRequest):
        # None at all, or several: an action that can do without is not stopped by the choice.
        if credential_id is None and action.credential_optional:
            return None
        raise


async def after_refusal(
    parts: Parts, caller: Caller, connector: Connector, secret: Secret | None, seconds: float
) -> Secret | None:
    """Another token in place of the one that the platform has refused; None where there is none to be had."""
    note = _note(caller, connector)
    return await parts.refresher.after_refusal(caller.account_id, caller.user_id, connector, secret, seconds, note)


def _note(caller: Caller, connector: Connector) -> Note:
    """What puts a renewal on record, in its own transaction."""
    return lambda connection, outcome: trail.record(
        connection, caller, REFRESH, connector_id=connector.connector_id, outcome=outcome
    )
