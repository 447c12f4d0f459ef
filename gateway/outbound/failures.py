"""What a failed attempt means: what the caller is told, and whether the same request may be sent again.

aiohttp's exceptions hold full URLs and headers, so nothing of them but the kind and the system's reason is passed on.
"""

import os
import socket
from dataclasses import dataclass

import aiohttp

from gateway.errors import InvalidRequest, ToolgateError, Unavailable, UpstreamError, UpstreamTimeout
from gateway.outbound.guard import REMEDY, Blocked
from gateway.outbound.pool import Wasteful


class Lost(aiohttp.ClientError):
    """The connection broke after it was established: the platform may have acted on the request, or not."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt without an answer.

    `unsent`: the connection was never established, so the platform has done nothing.
    `lasting`: it would be the same the next time.
    `counts`: it speaks against the host, for the circuit breaker.
    """

    error: ToolgateError
    unsent: bool = False
    lasting: bool = False
    counts: bool = True


def held_back(host: str, seconds: float) -> Failure:
    """The circuit breaker is open for `seconds` more."""
    wait = max(1, round(seconds))
    message = f"{host} has failed many times in a row; calls to it are held back for {wait} more seconds"
    error = Unavailable(message, details={"host": host}, retry_after=wait)
    return Failure(error, unsent=True, lasting=True, counts=False)


def explain(error: Exception, host: str) -> Failure:
    """The failure that an exception of aiohttp stands for."""
    match error:
        case aiohttp.ClientConnectorError():
            return _unconnected(error, host)
        case aiohttp.ConnectionTimeoutError():
            message = f"{host} could not be reached: no connection in time"
            return Failure(UpstreamTimeout(message, details={"host": host}), unsent=True)
        case aiohttp.InvalidURL():
            message = f"{host} is not an address in its usual spelling"
            return Failure(_upstream(host, message), lasting=True, counts=False)
        case aiohttp.ClientResponseError():
            message = f"{host} sent an answer that is not valid HTTP, or headers that are too large"
            return Failure(_upstream(host, message), lasting=True)
        case Wasteful():
            message = f"{host} sent too much that is no answer: interim answers, or chunks with next to nothing in them"
            return Failure(_upstream(host, message), lasting=True)
        case aiohttp.ClientPayloadError():
            return Failure(_upstream(host, f"{host} broke off its answer"))
        case aiohttp.ClientError():
            return Failure(_upstream(host, f"{host} closed the connection before it had answered"))
        case _:
            # ValueError: aiohttp refuses to write a line break into a header (RFC 9110, section 5.5).
            message = f"A header of the call to {host} holds a character that cannot be sent"
            return Failure(InvalidRequest.of("headers", "field-value", message), lasting=True, counts=False)


def _unconnected(error: aiohttp.ClientConnectorError, host: str) -> Failure:
    cause = error.os_error
    match error:
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(cause, "verify_message", "") or "it does not match"
            message = f"The TLS certificate of {host} cannot be verified: {reason}"
            return Failure(_upstream(host, message), unsent=True, lasting=True)
        case aiohttp.ClientSSLError():
            return Failure(_upstream(host, f"No TLS connection to {host} could be made"), unsent=True, lasting=True)
        case aiohttp.ClientConnectorDNSError():
            lasting = cause.errno == socket.EAI_NONAME
            return Failure(_upstream(host, f"{host} cannot be resolved"), unsent=True, lasting=lasting)
    if isinstance(cause, Blocked):
        message = f"{host} resolves to an address that may not be called (private or reserved); {REMEDY}"
        return Failure(_upstream(host, message), unsent=True, lasting=True, counts=False)
    # Not the text of the error, which names the address behind the name.
    reason = os.strerror(cause.errno) if cause.errno else "it cannot be reached"
    return Failure(_upstream(host, f"No connection to {host}: {reason}"), unsent=True)


def _upstream(host: str, message: str) -> UpstreamError:
    return UpstreamError(message, details={"host": host})
