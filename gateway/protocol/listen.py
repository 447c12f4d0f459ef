"""`subscriptions/listen` (2026-07-28): a stream that tells when what a server offers has changed."""

import asyncio
import time
from typing import Any

import orjson

from gateway.access.identity import Headers
from gateway.catalog.model import Connector
from gateway.errors import Unavailable
from gateway.http.errors import to_toolgate_error
from gateway.http.streams import Stream
from gateway.protocol.doors import revisit
from gateway.protocol.envelope import (
    INVALID_PARAMS,
    Id,
    Message,
    ProtocolError,
    failure,
    refusal,
    result,
)
from gateway.protocol.exchanges import notification
from gateway.protocol.methods import STAMP
from gateway.tools.visit import Visit

_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
# What the client asks for -> what it is told. `resourceSubscriptions` is not offered, and left out of what is agreed.
_KINDS = {
    "toolsListChanged": "notifications/tools/list_changed",
    "promptsListChanged": "notifications/prompts/list_changed",
    "resourcesListChanged": "notifications/resources/list_changed",
}
# A stream ends after this; whoever still listens asks again.
_MOST_SECONDS = 3600.0


async def listen(visit: Visit, message: Message, headers: Headers, stream: Stream) -> bytes:
    """Answer one `subscriptions/listen`: this returns at the end of the subscription, with its last message.

    The caller is judged anew all the time; what refuses them ends the stream, with that error. Raises ProtocolError for
    a filter of the wrong form, and (503) where no more streams may be open.
    """
    agreed = _agreed(message.params)
    tag = {_SUBSCRIPTION: message.id}
    with visit.gate.changes.listening() as woken:
        state = await _state(visit)
        acknowledged = {"notifications": dict.fromkeys(agreed, True), "_meta": tag}
        if not await stream.event(notification("notifications/subscriptions/acknowledged", acknowledged)):
            busy = refusal(Unavailable("Too many streams are open"), resource_not_found=False, legacy=False)
            raise ProtocolError(busy.code, busy.message, status=503, data=busy.data)
        async with stream.kept_alive():
            return await _tell(visit, message.id, agreed, state, headers, stream, woken)


async def _tell(
    visit: Visit,
    message_id: Id,
    agreed: list[str],
    state: tuple[Any, ...],
    headers: Headers,
    stream: Stream,
    woken: asyncio.Event,
) -> bytes:
    tag = {_SUBSCRIPTION: message_id}
    end = time.monotonic() + _MOST_SECONDS
    while not visit.gate.changes.stopping and time.monotonic() < end:
        await woken.wait()
        woken.clear()
        try:
            visit = await revisit(visit, headers, stream)
            before, state = state, await _state(visit)
        except Exception as error:  # noqa: BLE001 (the stream must end with a message, whatever has happened)
            return failure(message_id, refusal(to_toolgate_error(error), resource_not_found=False, legacy=False))
        if not _same(visit, before, state):
            for kind in agreed:
                await stream.event(notification(_KINDS[kind], {"_meta": tag}))
    return result(message_id, orjson.dumps({"resultType": "complete", "_meta": {**STAMP["_meta"], **tag}}))


async def _state(visit: Visit) -> tuple[Any, ...]:
    """What the lists depend on: the server as it is configured, and the account's connectors."""
    connectors = await visit.gate.catalog.all(visit.caller.account_id)
    return visit.server.version, connectors


def _same(visit: Visit, before: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    """Whether nothing has changed that this caller can see: what they may not use here, they do not hear of."""
    if before[0] != now[0]:
        return False
    # The catalogue gives out the same tuple until a connector changes; comparing its documents would take long.
    return before[1] is now[1] or _seen(visit, before[1]) == _seen(visit, now[1])


def _seen(visit: Visit, connectors: tuple[Connector, ...]) -> list[tuple[str, int]]:
    """The connectors that this caller may use here, each with a number that no other state of it has."""
    return [(one.connector_id, one.version) for one in connectors if visit.permits(one)]


def _agreed(params: dict[str, Any]) -> list[str]:
    wanted = params.get("notifications")
    if not isinstance(wanted, dict):
        raise ProtocolError(INVALID_PARAMS, "Invalid params: notifications must be an object")
    for kind in _KINDS:
        if not isinstance(wanted.get(kind, False), bool):
            raise ProtocolError(INVALID_PARAMS, f"Invalid params: notifications.{kind} must be a boolean")
    return [kind for kind in _KINDS if wanted.get(kind)]
