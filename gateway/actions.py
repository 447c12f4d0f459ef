"""An action, executed for somebody: found, run with their own credential, and on record before the answer goes out.

The tool `execute_action_alloy` and the Connectivity API both come here; who may run what is decided by `find`.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from gateway.access import trail
from gateway.access.caller import Caller
from gateway.catalog.model import Action, Connector
from gateway.connecting import DEAD, with_way
from gateway.credentials.model import Secret
from gateway.credentials.oauth.asking import CLIENT
from gateway.credentials.oauth.configs import AuthConfigs
from gateway.credentials.oauth.flows import Flows
from gateway.credentials.oauth.leases import Note
from gateway.credentials.oauth.refresh import CredentialDead, Refresher
from gateway.credentials.store import Credentials
from gateway.credentials.vault import VaultError
from gateway.current import request_id_text
from gateway.errors import (
    Conflict,
    CredentialNotFound,
    InternalError,
    InvalidRequest,
    ToolgateError,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.execution.credential import spellings
from gateway.execution.mcp_results import Kind, Needs
from gateway.execution.native import SILENCE, Talk
from gateway.execution.run import Outcome, check, execute
from gateway.outbound.client import OutboundClient
from gateway.redacting import names, values
from gateway.settings import Settings
from storage import audit
from storage.runner import Store, StoreError
from storage.times import now

DEFAULT_SECONDS = 30.0
EXECUTE = "action.execute"
PROBE = "credential.test"
REFRESH = "credential.refresh"
# The outcome of an action whose caller went away before it was answered.
CANCELLED = "CANCELLED"
_PROBE_SECONDS = 10.0

log = logging.getLogger(__name__)

Find = Callable[[], Awaitable[tuple[Connector, Action]]]
# Audit rows on their way while TOOLGATE_AUDIT=behind: the event loop itself keeps only weak references to tasks.
_behind: set[asyncio.Task[None]] = set()


class Parts(Protocol):
    """What of gateway.gate.Gate is needed here; the gate stands on the same floor."""

    @property
    def store(self) -> Store: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def credentials(self) -> Credentials: ...
    @property
    def outbound(self) -> OutboundClient: ...
    @property
    def refresher(self) -> Refresher: ...
    @property
    def flows(self) -> Flows: ...
    @property
    def auth_configs(self) -> AuthConfigs: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be run. The ids are on record as they were asked for, until the action is found."""

    connector_id: str
    action_id: str
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    # None: the user's only credential for the connector.
    credential_id: str | None = None
    # Seconds, for everything together.
    timeout: float = DEFAULT_SECONDS
    # The MCP server through which it was asked; None over REST.
    server_id: str | None = None
    event: str = EXECUTE
    # Of an action that speaks MCP: what is asked of it, and on whose behalf.
    kind: Kind = "tool"
    talk: Talk = SILENCE
    # Returns once a destructive action may run, raises while it may not; None: nobody has to say yes.
    confirm: Callable[[Connector, Action], Awaitable[None]] | None = None


async def run_action(parts: Parts, caller: Caller, asked: Asked, find: Find) -> Outcome:
    """Run what `find` finds.

    Raises what `find`, `Credentials.choose`, `Refresher.fresh` and `execution.run.execute` raise. Success and failure
    are both on record, durable before this returns or raises (unless TOOLGATE_AUDIT=behind). What could not be put on
    record is not run: StoreError, where that is known before, else Unavailable, which says that it was run.
    """
    begun = time.perf_counter()
    connector_id, action_id = asked.connector_id, asked.action_id
    secrets: list[str] = []

    async def record(outcome: str, upstream_status: int | None) -> None:
        spent = int((time.perf_counter() - begun) * 1000)
        await _record(parts, caller, asked, (connector_id, action_id), secrets, outcome, upstream_status, spent)

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
        secret = await _secret(parts, caller, connector, action, asked.credential_id, left)
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
            renewed = await _after_refusal(parts, caller, connector, secret, left())
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


async def _secret(
    parts: Parts,
    caller: Caller,
    connector: Connector,
    action: Action,
    credential_id: str | None,
    left: Callable[[], float],
) -> Secret | None:
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


async def _after_refusal(
    parts: Parts, caller: Caller, connector: Connector, secret: Secret | None, seconds: float
) -> Secret | None:
    note = _note(caller, connector)
    return await parts.refresher.after_refusal(caller.account_id, caller.user_id, connector, secret, seconds, note)


def _note(caller: Caller, connector: Connector) -> Note:
    """What puts a renewal on record, in its own transaction."""
    return lambda connection, outcome: trail.record(
        connection, caller, REFRESH, connector_id=connector.connector_id, outcome=outcome
    )


async def _record(
    parts: Parts,
    caller: Caller,
    asked: Asked,
    target: tuple[str, str],
    secrets: list[str],
    outcome: str,
    upstream_status: int | None,
    duration_ms: int,
) -> None:
    row = audit.insertion(
        at=now(),
        account_id=caller.account_id,
        user_id=caller.user_id,
        door=caller.door,
        event=asked.event,
        outcome=outcome,
        server_id=asked.server_id,
        connector_id=target[0][:64],
        action_id=target[1][:200],
        upstream_status=upstream_status,
        duration_ms=duration_ms,
        principal_id=caller.principal_id,
        key_id=caller.key_id,
        request_id=request_id_text(),
        arguments=_kept(parts.settings.audit_arguments, asked.parameters, secrets),
    )
    write = parts.store.write(row)
    if parts.settings.audit == "durable":
        await write
    else:
        task = asyncio.ensure_future(write)
        _behind.add(task)
        task.add_done_callback(_behind.discard)


def _kept(how: str, parameters: Mapping[str, Any], secrets: list[str]) -> str | None:
    if how == "none":
        return None
    return names(parameters) if how == "names" else values(parameters, secrets)
