"""An action run for somebody, from the credential to the record."""

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any

from gateway.access.caller import Caller
from gateway.actions import recording
from gateway.actions.asked import Asked, Find, Parts
from gateway.actions.tokens import after_refusal, fresh_secret
from gateway.catalog.model import Action, Connector
from gateway.connecting import with_way
from gateway.credentials.model import Secret
from gateway.credentials.oauth.refresh import CredentialDead
from gateway.errors import Conflict, CredentialNotFound, InternalError, ToolgateError, Unavailable, UpstreamError
from gateway.execution.credential import spellings
from gateway.execution.mcp_results import Needs
from gateway.execution.run import Outcome, check, execute
from storage.runner import StoreError

# The outcome of an action whose caller went away before it was answered.
CANCELLED = "CANCELLED"

log = logging.getLogger(__name__)


async def run_action(parts: Parts, caller: Caller, asked: Asked, find: Find) -> Outcome:
    """Run what `find` finds.

    Raises what `find`, `Credentials.choose`, `Refresher.fresh` and `execution.run.execute` raise. Success and failure
    are both on record, durable before this returns or raises (unless TOOLGATE_AUDIT=behind). What could not be put on
    record is not run: StoreError, where that is known before, else Unavailable, which says that it was run.

    Raises RateLimited, and has nothing on record, where too many are under way.
    """
    with parts.under_way.one_more(caller.account_id, asked.server_id):
        return await _run(parts, caller, asked, find)


async def _run(parts: Parts, caller: Caller, asked: Asked, find: Find) -> Outcome:
    begun = time.perf_counter()
    connector_id, action_id = asked.connector_id, asked.action_id
    secrets: list[str] = []

    async def record(outcome: str, upstream_status: int | None) -> None:
        spent = int((time.perf_counter() - begun) * 1000)
        await recording.record(
            parts, caller, asked, (connector_id, action_id), secrets, outcome, upstream_status, spent
        )

    try:
        connector, action = await find()
        connector_id, action_id = connector.connector_id, action.action_id
        outcome = await _executed(parts, caller, asked, connector, action, secrets)
    except ToolgateError as error:
        said = error.details.get("status")
        await record(error.code, said if isinstance(said, int) else None)
        raise
    except Exception:
        # A fault of ours, or of the store. That it happened is on record, if anything still can be.
        with suppress(StoreError):
            await record(InternalError.code, None)
        raise
    except asyncio.CancelledError:
        # The client has gone. Whether the platform did it before it was called off, nobody here can know.
        try:
            await record(CANCELLED, None)
        except StoreError as error:
            log.error("an action that was cancelled is not on record: %s", error)
        raise
    refused = isinstance(outcome.native, dict) and outcome.native.get("isError", False)
    try:
        await record(UpstreamError.code if refused else "ok", outcome.upstream_status)
    except StoreError as error:
        raise Unavailable(
            "The action was run, but could not be put on record; look whether it was done before you run it again",
            internal=f"{connector_id} {action_id} of user {caller.user_id!r} was run and is not on record: {error}",
        ) from None
    return outcome


def answer_of(outcome: Outcome) -> dict[str, Any]:
    """`{"executionId", "status": "completed", "responseData"}`, and of an action that speaks MCP its `content`
    and, where it failed, `isError`. Raises Conflict where the platform wants to ask a person first.
    """
    said = outcome.native
    if isinstance(said, Needs):
        raise Conflict(
            "The platform wants to ask you something first, which only MCP clients of revision 2026-07-28 can pass on"
        )
    return {
        "executionId": outcome.execution_id,
        "status": outcome.status,
        "responseData": outcome.response_data,
        **({name: said[name] for name in ("content", "isError") if name in said} if said is not None else {}),
        **({"nextPage": outcome.next_page} if outcome.next_page else {}),
    }


async def _executed(
    parts: Parts, caller: Caller, asked: Asked, connector: Connector, action: Action, secrets: list[str]
) -> Outcome:
    """Execute an action with its caller's credential, renewed before its token ends, and once where it is refused.

    `secrets` is given what must not stand in the audit trail, where arguments do.
    """
    ends = time.monotonic() + asked.timeout

    def left() -> float:
        return max(ends - time.monotonic(), 0.1)

    async def run(secret: Secret | None) -> Outcome:
        return await execute(
            connector,
            action,
            asked.parameters,
            secret,
            parts.outbound,
            timeout=left(),
            kind=asked.kind,
            talk=asked.talk,
            tenant=caller.account_id,
        )

    try:
        secret = await fresh_secret(parts, caller, connector, action, asked.credential_id, left)
        if parts.settings.audit_arguments == "values":
            secrets += spellings(connector, secret)
        await parts.store.ready()
        if asked.confirm is not None and action.destructive:
            # Nobody is bothered with what could not be sent.
            check(connector, action, asked.parameters, secret)
            await asked.confirm(connector, action)
        try:
            return await run(secret)
        except UpstreamError as error:
            # Nothing was done (RFC 9110, section 15.5.2): with another token the same may be asked again.
            if error.details.get("status") != 401:
                raise
            renewed = await after_refusal(parts, caller, connector, secret, left())
            if renewed is None:
                raise
        return await run(renewed)
    except CredentialNotFound as error:
        if asked.credential_id is not None and not isinstance(error, CredentialDead):
            mine = await parts.credentials.list(caller.account_id, caller.user_id, connector.connector_id)
            if mine:
                # Whoever has some, and named another, does not want a new one.
                raise
        raise await with_way(parts, caller, connector, error) from None
