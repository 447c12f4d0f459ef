"""Errors as HTTP answers: the status and the headers of each code, and the documented body."""

import logging
from collections.abc import Mapping

import orjson
from starlette.types import Send

from gateway.errors import (
    InsufficientScope,
    InternalError,
    MethodNotAllowed,
    RateLimited,
    ToolgateError,
    Unauthorized,
    Unavailable,
)
from gateway.http.answers import Finished
from gateway.http.headers import JSON_ANSWER, Header
from storage.runner import StoreBusy, StoreError, StoreUnwritable

log = logging.getLogger("toolgate.http")

STATUS = {
    "INVALID_REQUEST": 400,
    "CREDENTIAL_NOT_FOUND": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "CONNECTOR_NOT_FOUND": 404,
    "ACTION_NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "NOT_ACCEPTABLE": 406,
    "CONFLICT": 409,
    "PRECONDITION_FAILED": 412,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "IDEMPOTENCY_MISMATCH": 422,
    "RATE_LIMITED": 429,
    "INTERNAL_ERROR": 500,
    "UPSTREAM_ERROR": 502,
    "UNAVAILABLE": 503,
    "UPSTREAM_TIMEOUT": 504,
}
_REALM = 'Bearer realm="toolgate"'


def to_toolgate_error(error: Exception) -> ToolgateError:
    """What the caller is told of any exception; what it does not say is logged."""
    if isinstance(error, ToolgateError):
        if error.internal:
            log.error("%s: %s", error.code, error.internal)
        return error
    if isinstance(error, StoreError):
        log.error("the store is not available: %s", error)
        return _unavailable(error)
    log.error("unexpected %s", type(error).__name__, exc_info=error)
    return InternalError("Something went wrong on our side; the log of the service says what")


def _unavailable(error: StoreError) -> Unavailable:
    """What of it is the caller's business: whether to come again, and when. Where the database lies is not."""
    if isinstance(error, StoreBusy):
        return Unavailable("The database is busy; try again", retry_after=1)
    if isinstance(error, StoreUnwritable):
        return Unavailable("The database cannot be written now: its disk may be full", retry_after=10)
    return Unavailable("The database is not available; try again", retry_after=10)


def headers_of(error: ToolgateError) -> list[Header]:
    if isinstance(error, Unauthorized):
        # RFC 6750, section 3.1: no error code where no credentials were presented.
        return [_challenge({"error": "invalid_token"} if error.presented else {}, error.challenge)]
    if isinstance(error, InsufficientScope):
        return [_challenge({"error": "insufficient_scope", "scope": error.scope}, error.challenge)]
    if isinstance(error, MethodNotAllowed):
        return [(b"allow", error.allow.encode())]
    if isinstance(error, RateLimited | Unavailable):
        return [(b"retry-after", b"%d" % error.retry_after)]
    return []


def _challenge(first: Mapping[str, str], more: Mapping[str, str]) -> Header:
    """`WWW-Authenticate`. Scopes and URLs hold no quote and no backslash (RFC 6749, section 3.3; RFC 3986)."""
    return b"www-authenticate", ", ".join(
        [_REALM, *(f'{name}="{value}"' for name, value in {**more, **first}.items())]
    ).encode()


def finished_error(error: ToolgateError) -> Finished:
    """The documented error body, not sent yet."""
    return Finished(STATUS[error.code], orjson.dumps(error.body()), [*JSON_ANSWER, *headers_of(error)])


async def send_error(error: ToolgateError, send: Send) -> None:
    """Send the documented error body. Nothing of the answer may have been sent before."""
    answer = finished_error(error)
    await send_finished(answer, answer.headers, send)


async def send_finished(answer: Finished, headers: list[Header], send: Send) -> None:
    """Send an answer with `headers`, which is its own list or a longer one, and its length."""
    # What has no body by its status says no length: in 304 it would be that of the file (RFC 9110, section 8.6).
    if answer.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
