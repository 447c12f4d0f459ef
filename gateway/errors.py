"""What can go wrong, as one tree. The codes are part of the API's contract (spec/openapi.yaml, `ErrorCode`).

    ToolgateError
    ├── InvalidRequest            INVALID_REQUEST
    │   └── CredentialNotFound    CREDENTIAL_NOT_FOUND
    ├── Unauthorized              UNAUTHORIZED
    ├── Forbidden                 FORBIDDEN
    │   └── InsufficientScope     FORBIDDEN
    ├── NotFound                  NOT_FOUND
    │   ├── ConnectorNotFound     CONNECTOR_NOT_FOUND
    │   └── ActionNotFound        ACTION_NOT_FOUND
    ├── MethodNotAllowed          METHOD_NOT_ALLOWED
    ├── NotAcceptable             NOT_ACCEPTABLE
    ├── Conflict                  CONFLICT
    │   └── ApprovalRequired      CONFLICT
    ├── PreconditionFailed        PRECONDITION_FAILED
    ├── PayloadTooLarge           PAYLOAD_TOO_LARGE
    ├── UnsupportedMediaType      UNSUPPORTED_MEDIA_TYPE
    ├── IdempotencyMismatch       IDEMPOTENCY_MISMATCH
    ├── RateLimited               RATE_LIMITED
    ├── InternalError             INTERNAL_ERROR
    ├── UpstreamError             UPSTREAM_ERROR
    ├── Unavailable               UNAVAILABLE
    └── UpstreamTimeout           UPSTREAM_TIMEOUT

Each has two messages: `message` is for the caller and names the field and the rule; `internal` goes to the log alone.
Nothing here knows HTTP: which status a code has is the business of `gateway.http.errors`.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

_NOTHING: Mapping[str, str] = MappingProxyType({})


class ToolgateError(Exception):
    """The root of the tree. `details` is a JSON object for the caller; it never holds a secret."""

    code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(self, message: str, *, details: dict[str, Any] | None = None, internal: str | None = None) -> None:
        super().__init__(internal or message)
        self.message = message
        self.details = details or {}
        self.internal = internal

    def body(self) -> dict[str, Any]:
        """The documented error body: `{"error": {"code", "message", "details"}}`."""
        return {"error": {"code": self.code, "message": self.message, "details": self.details}}


class InvalidRequest(ToolgateError):
    """The request breaks a rule; `details` names `field` and `rule`."""

    code = "INVALID_REQUEST"

    @classmethod
    def of(cls, field: str, rule: str, message: str) -> "InvalidRequest":
        return cls(message, details={"field": field, "rule": rule})


class CredentialNotFound(InvalidRequest):
    code = "CREDENTIAL_NOT_FOUND"


class Unauthorized(ToolgateError):
    """Nobody has proved who is calling. `challenge` says how they could: parameters of `WWW-Authenticate` (RFC 6750,
    section 3, and RFC 9728, section 5.1), by name.
    """

    code = "UNAUTHORIZED"
    challenge: Mapping[str, str] = _NOTHING

    def __init__(self, message: str = "Invalid or missing authentication", *, presented: bool = True) -> None:
        super().__init__(message)
        self.presented = presented


class Forbidden(ToolgateError):
    code = "FORBIDDEN"


class InsufficientScope(Forbidden):
    """The JWT is in order, but lacks scopes: another one, with all of `needed`, would do. `challenge`: as above."""

    challenge: Mapping[str, str] = _NOTHING

    def __init__(self, needed: Iterable[str]) -> None:
        self.scope = " ".join(needed)
        super().__init__(f"Token lacks a scope; needed: {self.scope}", details={"scope": self.scope})


class NotFound(ToolgateError):
    code = "NOT_FOUND"


class ConnectorNotFound(NotFound):
    code = "CONNECTOR_NOT_FOUND"


class ActionNotFound(NotFound):
    code = "ACTION_NOT_FOUND"


class MethodNotAllowed(ToolgateError):
    """`allow` lists the methods that the path has (RFC 9110, section 10.2.1)."""

    code = "METHOD_NOT_ALLOWED"

    def __init__(self, method: str, allow: str) -> None:
        super().__init__(f"{method} is not allowed here; allowed: {allow}", details={"allow": allow.split(", ")})
        self.allow = allow


class NotAcceptable(ToolgateError):
    code = "NOT_ACCEPTABLE"


class Conflict(ToolgateError):
    code = "CONFLICT"


class ApprovalRequired(Conflict):
    """Nothing has been done, and the same request may be sent again once somebody has approved it.

    `details` has `approvalId`, and until when that can be given, `expiresAt`; neither where too many wait already.
    """


class PreconditionFailed(ToolgateError):
    """The thing is not, or no longer, in the state that the caller named (RFC 9110, section 13.1.1)."""

    code = "PRECONDITION_FAILED"


class PayloadTooLarge(ToolgateError):
    code = "PAYLOAD_TOO_LARGE"


class UnsupportedMediaType(ToolgateError):
    code = "UNSUPPORTED_MEDIA_TYPE"


class IdempotencyMismatch(ToolgateError):
    """The `Idempotency-Key` was used with another request."""

    code = "IDEMPOTENCY_MISMATCH"


class RateLimited(ToolgateError):
    """`retry_after` is in whole seconds, at least 1; `window` names the window that is full, if it is one."""

    code = "RATE_LIMITED"

    def __init__(
        self,
        retry_after: int,
        message: str = "Rate limit exceeded",
        *,
        window: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, details={**(details or {}), "retryAfter": retry_after})
        self.retry_after = retry_after
        self.window = window


class InternalError(ToolgateError):
    code = "INTERNAL_ERROR"


class UpstreamError(ToolgateError):
    """The platform answered with a failure, or could not be reached."""

    code = "UPSTREAM_ERROR"


class Unavailable(ToolgateError):
    """Too busy, or a part is down: the same request may succeed later, best after `retry_after` whole seconds."""

    code = "UNAVAILABLE"

    def __init__(
        self,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        internal: str | None = None,
        retry_after: int = 1,
    ) -> None:
        super().__init__(message, details={**(details or {}), "retryAfter": retry_after}, internal=internal)
        self.retry_after = retry_after


class UpstreamTimeout(ToolgateError):
    code = "UPSTREAM_TIMEOUT"
