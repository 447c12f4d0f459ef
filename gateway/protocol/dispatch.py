"""One POST to an MCP endpoint: the era by its header, the envelope, the method, one answer. No session, no state."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from gateway.content.resources import ResourceNotFound
from gateway.errors import UpstreamTimeout
from gateway.http.answers import Answer
from gateway.http.errors import to_toolgate_error
from gateway.http.streams import Stream
from gateway.protocol.batches import answer_batch
from gateway.protocol.doors import revisit
from gateway.protocol.envelope import (
    ACCEPTED,
    HEADER_MISMATCH,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    Message,
    ProtocolError,
    failure,
    id_of,
    is_response,
    parse,
    read,
    refusal,
    result,
)
from gateway.protocol.exchanges import legacy_exchange, modern_exchange
from gateway.protocol.listen import listen
from gateway.protocol.methods import LEGACY_METHODS, MODERN_METHODS, Method
from gateway.protocol.modern import check_envelope, check_mirrored
from gateway.protocol.revisions import BATCHED, is_legacy, says_two_revisions, spoken
from gateway.tools.direct import mirrored
from gateway.tools.exchange import SILENT
from gateway.tools.visit import Visit

Headers = Mapping[bytes, bytes]
RawHeaders = Sequence[tuple[bytes, bytes]]

_LISTEN = "subscriptions/listen"
# A call whose client hears how it goes on may take this long, whatever it waits for.
_MOST_SECONDS = 600.0


async def answer(visit: Visit, headers: Headers, raw_headers: RawHeaders, body: bytes, stream: Stream) -> Answer:
    """Answer one POST. Where `stream` has been opened meanwhile, the answer's body is its last event.

    Raises Forbidden for a user whom the server's restrictions leave out, whatever is asked.
    """
    visit.require_permitted_user()
    revision = spoken(headers)
    try:
        value = parse(body)
    except ProtocolError as error:
        return Answer(failure(None, error), status=400)
    if len(headers) != len(raw_headers) and says_two_revisions(raw_headers):
        wrong = ProtocolError(HEADER_MISMATCH, "MCP-Protocol-Version is given more than once")
        return Answer(failure(id_of(value), wrong), status=400)
    if not is_legacy(revision):
        return await _modern(visit, value, revision, headers, raw_headers, stream)
    if isinstance(value, list):
        if revision != BATCHED:
            wrong = ProtocolError(INVALID_REQUEST, "Invalid Request: this revision has no batches")
            return Answer(failure(None, wrong), status=400)
        return await answer_batch(
            visit,
            value,
            lambda now, item: _legacy_message(now, item, revision, headers, None),
            lambda now: revisit(now, headers, stream),
        )
    encoded, status = await _legacy_message(visit, value, revision, headers, stream)
    return Answer(encoded, status=status) if encoded is not None else ACCEPTED


async def _legacy_message(
    visit: Visit, value: Any, revision: str, headers: Headers, stream: Stream | None
) -> tuple[bytes | None, int]:
    """The answer to one message, None where it wants none. Errors are answered 200: some clients throw on anything else
    before they read the body. Only what is no JSON-RPC request at all is 400."""
    if is_response(value):
        return None, 202
    try:
        message = read(value)
    except ProtocolError as error:
        return failure(id_of(value), error), 400 if error.code == INVALID_REQUEST else 200
    if message.is_notification:
        return None, 202
    try:
        method = _method(LEGACY_METHODS, message)
        exchange, streamed = legacy_exchange(message, headers, stream)
        if exchange is not SILENT:
            visit = visit.during(exchange)
        call = _call(method, visit, message, revision)
        if streamed and stream is not None:
            call = _streamed(call, stream)
        return result(message.id, await call), 200
    except ProtocolError as error:
        return failure(message.id, error), 200


async def _modern(
    visit: Visit,
    value: Any,
    revision: str,
    headers: Headers,
    raw_headers: RawHeaders,
    stream: Stream,
) -> Answer:
    try:
        message = read(value)
        if message.is_notification:
            return ACCEPTED
        check_envelope(message, headers, raw_headers)
        if message.method == "tools/call":
            repeated = await mirrored(visit, message.params.get("name"))
            check_mirrored(repeated, message.params.get("arguments"), headers, raw_headers)
        method = None if message.method == _LISTEN else _method(MODERN_METHODS, message)
        exchange, streamed = modern_exchange(message, headers, stream)
        if method is None:
            return Answer(await listen(visit, message, headers, stream), status=200)
        if exchange is not SILENT:
            visit = visit.during(exchange)
        call = _call(method, visit, message, revision)
        return Answer(result(message.id, await (_streamed(call, stream) if streamed else call)), status=200)
    except ProtocolError as error:
        wrong = error
    except Exception as error:  # noqa: BLE001 (as in `_call`, for what is looked up around it)
        wrong = refusal(to_toolgate_error(error), resource_not_found=False, legacy=False)
    # The contract has it on every 503. Who listens has no better moment to wait for.
    later = [(b"retry-after", b"1")] if wrong.status == 503 else []
    return Answer(failure(id_of(value), wrong), status=wrong.status, headers=later)


async def _streamed(call: Coroutine[Any, Any, bytes], stream: Stream) -> bytes:
    """The same, kept alive while it lasts, which is not for ever."""
    try:
        async with asyncio.timeout(_MOST_SECONDS), stream.kept_alive():
            return await call
    except TimeoutError:
        late = UpstreamTimeout(f"The request took longer than {_MOST_SECONDS:.0f} seconds")
        raise refusal(late, resource_not_found=False, legacy=True) from None


def _method(methods: Mapping[str, Method], message: Message) -> Method:
    method = methods.get(message.method)
    if method is None:
        raise ProtocolError(METHOD_NOT_FOUND, "Method not found", status=404, data={"method": message.method[:128]})
    return method


async def _call(method: Method, visit: Visit, message: Message, revision: str) -> bytes:
    try:
        encoded: bytes = await method(visit, message.params, revision)
    except ProtocolError:
        raise
    except Exception as error:  # noqa: BLE001 (the request has an id and must be answered under it)
        missing = isinstance(error, ResourceNotFound)
        raise refusal(to_toolgate_error(error), resource_not_found=missing, legacy=is_legacy(revision)) from None
    return encoded
