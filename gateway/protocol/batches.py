"""Batches, which revision 2025-03-26 alone knows: many messages in one POST, answered one after another."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.errors import RateLimited, ToolgateError, Unavailable
from gateway.http.answers import Answer
from gateway.protocol.envelope import (
    ACCEPTED,
    INVALID_REQUEST,
    ProtocolError,
    failure,
    id_of,
    refusal,
)
from gateway.tools.visit import Visit

_MOST_MESSAGES = 1000
# What has not been begun by then is refused: one request must not work for hours.
_MOST_SECONDS = 60.0
# Of the answers together, by then the same: a line of a request must not be worth a long list a thousand times over.
_MOST_BYTES = 10 * 1024 * 1024
# Other requests have their turn in between.
_BETWEEN_PAUSES = 16

AnswerOne = Callable[[Any], Awaitable[tuple[bytes | None, int]]]


async def answer_batch(visit: Visit, values: list[Any], answer_one: AnswerOne) -> Answer:
    """The answers to what wants one, in the order of the messages. It is no way to more calls than others have: the
    messages run one by one, and each tool call but the first counts as a request of its own."""
    if not 0 < len(values) <= _MOST_MESSAGES:
        wrong = ProtocolError(INVALID_REQUEST, f"Invalid Request: a batch has 1 to {_MOST_MESSAGES} messages")
        return Answer(failure(None, wrong), status=400)
    end = time.monotonic() + _MOST_SECONDS
    answers = []
    calls = size = 0
    for number, value in enumerate(values):
        if number % _BETWEEN_PAUSES == _BETWEEN_PAUSES - 1:
            await asyncio.sleep(0)
        method = value.get("method") if isinstance(value, dict) else None
        calls += method == "tools/call"
        ended = None
        if time.monotonic() > end:
            ended = f"took longer than {_MOST_SECONDS:.0f} seconds"
        elif size > _MOST_BYTES:
            ended = f"has answers of more than {_MOST_BYTES} bytes"
        encoded = _refused(visit, value, method, calls, ended)
        if encoded is None:
            encoded, _ = await answer_one(value)
        if encoded is not None:
            answers.append(encoded)
            size += len(encoded)
    return Answer(b"[" + b",".join(answers) + b"]", status=200) if answers else ACCEPTED


def _refused(visit: Visit, value: Any, method: Any, calls: int, ended: str | None) -> bytes | None:
    """The refusal of a request, None where there is nothing against it. `ended` says why there is no more."""
    if method is None or "id" not in value:
        return None
    if method == "initialize":
        # 2025-03-26, Lifecycle, Initialization.
        alone = ProtocolError(INVALID_REQUEST, "Invalid Request: initialize must not be part of a batch")
        return failure(id_of(value), alone)
    error: ToolgateError | None = None
    if ended is not None:
        error = Unavailable(f"The batch {ended}; send the rest again")
    elif method == "tools/call" and calls > 1:
        try:
            visit.gate.limits.hit(visit.caller)
        except RateLimited as refused:
            error = refused
    if error is None:
        return None
    return failure(id_of(value), refusal(error, resource_not_found=False, legacy=True))
