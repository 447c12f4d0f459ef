"""Whether a platform takes a credential: asked with something harmless."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.access.caller import Caller
from gateway.actions.asked import Asked, Parts
from gateway.actions.running import run_action
from gateway.catalog.model import Action, Connector
from gateway.connecting import DEAD
from gateway.credentials.vault import VaultError
from gateway.errors import Conflict, CredentialNotFound, Unavailable, UpstreamError, UpstreamTimeout

PROBE = "credential.test"
_PROBE_SECONDS = 10.0


async def probe(parts: Parts, caller: Caller, user_id: str, connector: Connector, credential_id: str) -> dict[str, Any]:
    """Whether a platform takes a user's credential: `{"ok", "status"? (the platform's), "message"}`, never a secret.

    Raises Conflict where the connector has nothing harmless to ask, and Forbidden where the credential is suspended.
    """
    action = harmless(connector)
    if action is None or not connector.ways_of(action):
        raise Conflict(
            f"{connector.name} has no action that a credential could be tested with",
            details={"connectorId": connector.connector_id},
        )
    asked = Asked(
        connector_id=connector.connector_id,
        action_id=action.action_id,
        credential_id=credential_id,
        timeout=_PROBE_SECONDS,
        event=PROBE,
    )

    async def find() -> tuple[Connector, Action]:
        return connector, action

    try:
        outcome = await run_action(parts, replace(caller, user_id=user_id), asked, find)
    except (UpstreamError, UpstreamTimeout, Unavailable, VaultError) as error:
        # Unavailable without a host is about this service, not about the platform.
        if isinstance(error, Unavailable) and "host" not in error.details:
            raise
        said = error.details.get("status")
        return {"ok": False, **({"status": said} if isinstance(said, int) else {}), "message": error.message}
    except CredentialNotFound as error:
        if error.details.get("status") != DEAD:
            raise
        return {"ok": False, "message": f"{error.message}. {error.details['remedy']}"}
    return {"ok": True, "status": outcome.upstream_status, "message": f"{connector.name} accepted the credential"}


def harmless(connector: Connector) -> Action | None:
    """The action that tests a credential: the one that `x-connector.test` names, else the first that only reads.

    None where there is no such action that can be called without arguments.
    """
    about = connector.document.get("x-connector")
    named = about.get("test") if isinstance(about, Mapping) else None
    declared = connector.find(named) if isinstance(named, str) else None
    if declared is not None and _needs_nothing(declared):
        return declared
    harmless = (action for action in connector.actions.values() if action.read_only and _needs_nothing(action))
    if not connector.authentication:
        return next(harmless, None)
    # What answers without a credential says nothing about one.
    asking = (action for action in harmless if connector.ways_of(action) and not action.credential_optional)
    return next(asking, None)


def _needs_nothing(action: Action) -> bool:
    body = action.body
    return not any(parameter.required for parameter in action.parameters) and (
        body is None or not body.required or not body.schema.get("required")
    )
