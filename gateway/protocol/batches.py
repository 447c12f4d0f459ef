"""Batches, which revision 2025-03-26 alone knows: many messages in one POST, answered one after another."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.errors import RateLimited, ToolgateError, Unavailable
from gateway.http.answers import Answer
from gateway.http.errors import to_toolgate_error
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

AnswerOne = Callable[[Visit, Any], Awaitable[tuple[bytes | None, int]]]
# The same visit as it would begin now; raises what would refuse it.
Again = Callable[[Visit], Awaitable[Visit]]


async def answer_batch(visit: Visit, values: list[Any], answer_one: AnswerOne, again: Again) -> Answer:
    """The answers to what wants one, in the order of the messages. It is no way to more calls than others have: the
    messages run one by one, and each tool call but the first counts as a request of its own. Nor is it a way to go on
    where one is kept out meanwhile: after a change of anything that is configured, the caller is judged anew.
    """
    if not 0 < len(values) <= _MOST_MESSAGES:
        wrong = ProtocolError(INVALID_REQUEST, f"Invalid Request: a batch has 1 to {_MOST_MESSAGES} messages")
        return Answer(failure(None, wrong), status=400)
    end = time.monotonic() + _MOST_SECONDS
    answers = []
    calls = size = 0
    seen = visit.gate.store.generation()
    kept_out: ToolgateError | None = None
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
        if kept_out is None and (generation := visit.gate.store.generation()) != seen:
            seen = generation
            try:
                visit = await again(visit)
            except Exception as error:  # noqa: BLE001 (what was answered before must not be lost)
                kept_out = to_toolgate_error(error)
        encoded = _refused(visit, value, method, calls, ended, kept_out)
        if encoded is None:
            encoded, _ = await answer_one(visit, value)
        if encoded is not None:
            answers.append(encoded)
            size += len(encoded)
    return Answer(b"[" + b",".join(answers) + b"]", status=200) if answers else ACCEPTED


def _refused(
    visit: Visit, value: Any, method: Any, calls: int, ended: str | None, kept_out: ToolgateError | None
) -> bytes | None:
    """The refusal of a request, None where there is nothing against it. `ended` says why there is no more, `kept_out`
    that the caller would not be let in now."""
    if method is None or "id" not in value:
        return None
    if method == "initialize":
        # 2025-03-26, Lifecycle, Initialization.
        alone = ProtocolError(INVALID_REQUEST, "Invalid Request: initialize must not be part of a batch")
        return failure(id_of(value), alone)
    error = kept_out
    if error is None and ended is not None:
        error = Unavailable(f"The batch {ended}; send the rest again")
    if error is None and method == "tools/call" and calls > 1:
        try:
            visit.gate.limits.hit(visit.caller)
        except RateLimited as refused:
            error = refused
    if error is None:
        return None
    return failure(id_of(value), refusal(error, resource_not_found=False, legacy=True))
