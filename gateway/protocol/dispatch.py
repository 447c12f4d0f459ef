"""One POST to an MCP endpoint: the era by its header, the envelope, the method, one answer. No session, no state."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.content.resources import ResourceNotFound
from gateway.http.answers import Answer
from gateway.http.errors import to_toolgate_error
from gateway.protocol.envelope import (
    ACCEPTED,
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
from gateway.protocol.methods import LEGACY_METHODS, MODERN_METHODS
from gateway.protocol.modern import check_envelope
from gateway.protocol.revisions import is_legacy, spoken
from gateway.tools.visit import Visit

Headers = Mapping[bytes, bytes]
RawHeaders = Sequence[tuple[bytes, bytes]]

_BATCHED = "2025-03-26"
_MOST_IN_A_BATCH = 1000


async def answer(visit: Visit, headers: Headers, raw_headers: RawHeaders, body: bytes) -> Answer:
    """Answer one POST. Raises Forbidden for a user whom the server's restrictions leave out, whatever is asked."""
    visit.require_permitted_user()
    revision = spoken(headers)
    try:
        value = parse(body)
    except ProtocolError as error:
        return Answer(failure(None, error), status=400)
    if is_legacy(revision):
        return await _legacy(visit, value, revision)
    return await _modern(visit, value, revision, headers, raw_headers)


async def _legacy(visit: Visit, value: Any, revision: str) -> Answer:
    if isinstance(value, list):
        return await _batch(visit, value, revision)
    encoded, status = await _legacy_message(visit, value, revision)
    return Answer(encoded, status=status) if encoded is not None else ACCEPTED


async def _legacy_message(visit: Visit, value: Any, revision: str) -> tuple[bytes | None, int]:
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
        return result(message.id, await _call(LEGACY_METHODS, visit, message, revision)), 200
    except ProtocolError as error:
        return failure(message.id, error), 200


async def _batch(visit: Visit, values: list[Any], revision: str) -> Answer:
    """A batch, which only revision 2025-03-26 knows. One message after another: it is no way to more concurrency."""
    if revision != _BATCHED:
        return Answer(
            failure(None, ProtocolError(INVALID_REQUEST, "Invalid Request: this revision has no batches")), 400
        )
    if not 0 < len(values) <= _MOST_IN_A_BATCH:
        wrong = ProtocolError(INVALID_REQUEST, f"Invalid Request: a batch has 1 to {_MOST_IN_A_BATCH} messages")
        return Answer(failure(None, wrong), 400)
    answers = [
        encoded for value in values if (encoded := (await _legacy_message(visit, value, revision))[0]) is not None
    ]
    return Answer(b"[" + b",".join(answers) + b"]", status=200) if answers else ACCEPTED


async def _modern(visit: Visit, value: Any, revision: str, headers: Headers, raw_headers: RawHeaders) -> Answer:
    try:
        message = read(value)
        if message.is_notification:
            return ACCEPTED
        check_envelope(message, headers, raw_headers)
        return Answer(result(message.id, await _call(MODERN_METHODS, visit, message, revision)), status=200)
    except ProtocolError as error:
        return Answer(failure(id_of(value), error), status=error.status)


async def _call(methods: Mapping[str, Any], visit: Visit, message: Message, revision: str) -> bytes:
    method = methods.get(message.method)
    if method is None:
        raise ProtocolError(METHOD_NOT_FOUND, "Method not found", status=404, data={"method": message.method[:128]})
    try:
        encoded: bytes = await method(visit, message.params, revision)
    except ProtocolError:
        raise
    except Exception as error:  # noqa: BLE001 (the request has an id and must be answered under it)
        missing = isinstance(error, ResourceNotFound)
        raise refusal(to_toolgate_error(error), resource_not_found=missing, legacy=is_legacy(revision)) from None
    return encoded
